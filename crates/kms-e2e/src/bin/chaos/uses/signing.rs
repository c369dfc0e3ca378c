//! A pair that signs: each signature is verified outside, and later by the server.

use std::sync::Arc;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use kms_core::algorithm::SigningAlgorithm;
use kms_core::key_spec::{KeySpec, KeyUsage};
use kms_keypair::{SignInput, digest_of};

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
    [(8, Op::PublicKey), (22, Op::Use(Use::Sign)), (14, Op::Use(Use::Verify)), (4, Op::Use(Use::VerifyOther))];

#[derive(Clone)]
struct Signed {
    message: Vec<u8>,
    algorithm: SigningAlgorithm,
    signature: Blob,
}

/// The public half, and signatures of the private one.
pub(crate) struct Signing {
    spec: KeySpec,
    pub(super) public_half: PublicHalf,
    kept: Kept<Signed>,
}

impl Signing {
    pub(super) fn new(spec: KeySpec, materials: &[Arc<Material>]) -> Self {
        Self { spec, public_half: PublicHalf::new(spec, materials), kept: Kept::default() }
    }

    pub(super) fn possible(&self, what: Use) -> Op {
        match self.public_half.known() {
            None => Op::PublicKey,
            Some(_) if self.kept.is_empty() => Op::Use(Use::Sign),
            Some(_) => Op::Use(what),
        }
    }

    pub(super) async fn call(&self, client: &Client, id: &str, what: Use, random: &mut Random) -> Called {
        match what {
            Use::Sign => self.sign(client, id, random).await,
            Use::Verify | Use::VerifyOther => self.verify(client, id, what, random).await,
            _ => wrong("a pair that signs has no such use"),
        }
    }

    /// SoftHSM has no Ed25519ph.
    fn algorithm(&self, random: &mut Random) -> Option<SigningAlgorithm> {
        let all = self.spec.signing_algorithms(KeyUsage::SignVerify).iter().copied();
        let served: Vec<_> = all.filter(|algorithm| *algorithm != SigningAlgorithm::Ed25519PhSha512).collect();
        random.pick(&served).copied()
    }

    async fn sign(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let Some(algorithm) = self.algorithm(random) else { return wrong("no algorithm to sign with") };
        let message = some_bytes(random);
        let (kind, bytes) = in_either_form(algorithm, &message, random);
        let call = client.sign().key_id(id).message(Blob::new(bytes)).message_type(kind);
        let result = call.signing_algorithm(word(algorithm)).send().await;
        if let Ok(output) = &result {
            let signature = output.signature().cloned().unwrap_or_else(|| Blob::new([]));
            let public_key = self.public_half.known();
            let verified = public_key.map(|key| key.verify(algorithm, &SignInput::Raw(&message), signature.as_ref()));
            if verified != Some(Ok(())) {
                return wrong("a signature that does not verify with the public key that was given first");
            }
            self.kept.keep(Signed { message, algorithm, signature }, random);
        }
        read(&result, |_| Answer::Done)
    }

    async fn verify(&self, client: &Client, id: &str, what: Use, random: &mut Random) -> Called {
        let Some(Signed { mut message, algorithm, signature }) = self.kept.pick(random) else {
            return wrong("no signature to verify");
        };
        if what == Use::VerifyOther {
            message.push(0);
        }
        let (kind, bytes) = in_either_form(algorithm, &message, random);
        let call = client.verify().key_id(id).message(Blob::new(bytes)).message_type(kind).signature(signature);
        let result = call.signing_algorithm(word(algorithm)).send().await;
        if result.as_ref().is_ok_and(|output| !output.signature_valid()) {
            return wrong("a success that says the signature is not valid");
        }
        read(&result, |_| Answer::Done)
    }
}

/// A message, or its digest where the algorithm has one.
fn in_either_form(algorithm: SigningAlgorithm, message: &[u8], random: &mut Random) -> (MessageType, Vec<u8>) {
    match digest_of(algorithm, message) {
        Some(digest) if random.chance(50) => (MessageType::Digest, digest),
        _ => (MessageType::Raw, message.to_vec()),
    }
}

fn word(algorithm: SigningAlgorithm) -> SigningAlgorithmSpec {
    SigningAlgorithmSpec::from(algorithm.name())
}
