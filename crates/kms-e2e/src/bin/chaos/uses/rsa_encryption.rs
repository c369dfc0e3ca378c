//! An RSA key that decrypts: what the server and what anybody with the public half encrypted.

use std::sync::Arc;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::EncryptionAlgorithmSpec;
use kms_core::algorithm::EncryptionAlgorithm;
use kms_core::key_spec::{KeySpec, KeyUsage};

use super::public_half::PublicHalf;
use super::{some_bytes, wrong};
use crate::answer::Answer;
use crate::judge::Called;
use crate::kept::Kept;
use crate::material::Material;
use crate::op::{Op, Use};
use crate::random::Random;
use crate::reply::read;

pub(super) const CHOICES: [(u64, Op); 4] =
    [(8, Op::PublicKey), (14, Op::Use(Use::Encrypt)), (20, Op::Use(Use::Decrypt)), (7, Op::Use(Use::ReEncrypt))];

/// Of a hundred ciphertexts, how many are made without the server.
const MADE_OUTSIDE: u64 = 30;

#[derive(Clone)]
struct Ciphertext {
    blob: Blob,
    algorithm: EncryptionAlgorithm,
    plaintext: Vec<u8>,
}

/// The public half, and ciphertexts for the private one.
pub(crate) struct RsaEncryption {
    spec: KeySpec,
    pub(super) public_half: PublicHalf,
    kept: Kept<Ciphertext>,
}

impl RsaEncryption {
    pub(super) fn new(spec: KeySpec, materials: &[Arc<Material>]) -> Self {
        Self { spec, public_half: PublicHalf::new(spec, materials), kept: Kept::default() }
    }

    pub(super) fn possible(&self, what: Use) -> Op {
        let lacks = what != Use::Encrypt && self.kept.is_empty();
        match self.public_half.known() {
            None => Op::PublicKey,
            Some(_) if lacks => Op::Use(Use::Encrypt),
            Some(_) => Op::Use(what),
        }
    }

    pub(super) async fn call(&self, client: &Client, id: &str, what: Use, random: &mut Random) -> Called {
        match what {
            Use::Encrypt => self.encrypt(client, id, random).await,
            Use::Decrypt => self.decrypt(client, id, random).await,
            Use::ReEncrypt => self.re_encrypt(client, id, random).await,
            _ => wrong("an RSA key that encrypts has no such use"),
        }
    }

    fn algorithm(&self, random: &mut Random) -> EncryptionAlgorithm {
        let all = self.spec.encryption_algorithms(KeyUsage::EncryptDecrypt);
        random.pick(all).copied().unwrap_or(EncryptionAlgorithm::RsaesOaepSha256)
    }

    async fn encrypt(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let (algorithm, plaintext) = (self.algorithm(random), some_bytes(random));
        let call = client.encrypt().key_id(id).plaintext(Blob::new(plaintext.clone()));
        let result = call.encryption_algorithm(word(algorithm)).send().await;
        if let Ok(output) = &result
            && let Some(blob) = output.ciphertext_blob()
        {
            self.kept.keep(Ciphertext { blob: blob.clone(), algorithm, plaintext }, random);
        }
        read(&result, |_| Answer::Done)
    }

    async fn decrypt(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let picked = if random.chance(MADE_OUTSIDE) { self.made_outside(random) } else { self.kept.pick(random) };
        let Some(Ciphertext { blob, algorithm, plaintext }) = picked else { return wrong("nothing to open") };
        let call = client.decrypt().key_id(id).ciphertext_blob(blob).encryption_algorithm(word(algorithm));
        let result = call.send().await;
        if let Ok(output) = &result
            && output.plaintext().map(Blob::as_ref) != Some(plaintext.as_slice())
        {
            return wrong("another plaintext than was encrypted");
        }
        read(&result, |_| Answer::Done)
    }

    /// From this key to itself, to either padding.
    async fn re_encrypt(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let Some(Ciphertext { blob, algorithm, plaintext }) = self.kept.pick(random) else {
            return wrong("nothing to open");
        };
        let to = self.algorithm(random);
        let call = client.re_encrypt().ciphertext_blob(blob).source_key_id(id).destination_key_id(id);
        let call = call.source_encryption_algorithm(word(algorithm)).destination_encryption_algorithm(word(to));
        let result = call.send().await;
        if let Ok(output) = &result
            && let Some(blob) = output.ciphertext_blob()
        {
            self.kept.keep(Ciphertext { blob: blob.clone(), algorithm: to, plaintext }, random);
        }
        read(&result, |_| Answer::Done)
    }

    fn made_outside(&self, random: &mut Random) -> Option<Ciphertext> {
        let (algorithm, plaintext) = (self.algorithm(random), some_bytes(random));
        let blob = self.public_half.known()?.encrypt(algorithm, &plaintext).ok()?;
        Some(Ciphertext { blob: Blob::new(blob), algorithm, plaintext })
    }
}

fn word(algorithm: EncryptionAlgorithm) -> EncryptionAlgorithmSpec {
    EncryptionAlgorithmSpec::from(algorithm.name())
}
