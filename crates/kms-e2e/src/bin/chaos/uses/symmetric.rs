//! A symmetric key: Encrypt, Decrypt, ReEncrypt, data keys and data key pairs.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeyPairSpec, DataKeySpec};
use kms_core::key_spec::KeySpec;
use kms_keypair::imported::parse_pkcs8;

use super::{some_bytes, wrong};
use crate::answer::Answer;
use crate::judge::Called;
use crate::kept::Kept;
use crate::op::{Op, Use};
use crate::random::Random;
use crate::reply::read;

pub(super) const CHOICES: [(u64, Op); 7] = [
    (17, Op::Use(Use::Encrypt)),
    (4, Op::Use(Use::DataKey)),
    (3, Op::Use(Use::SealedDataKey)),
    (2, Op::Use(Use::DataKeyPair)),
    (2, Op::Use(Use::SealedDataKeyPair)),
    (16, Op::Use(Use::Decrypt)),
    (6, Op::Use(Use::ReEncrypt)),
];

const DATA_KEY_BYTES: usize = 32;

/// Data key pairs, and how often: RSA takes a while.
const PAIRS: [(u64, KeySpec); 6] = [
    (4, KeySpec::EccNistP256),
    (3, KeySpec::EccNistP384),
    (3, KeySpec::EccNistP521),
    (3, KeySpec::EccSecgP256K1),
    (3, KeySpec::EccNistEdwards25519),
    (1, KeySpec::Rsa2048),
];

#[derive(Clone)]
struct Ciphertext {
    blob: Blob,
    content: Content,
}

/// What must be in a ciphertext.
#[derive(Clone)]
enum Content {
    Bytes(Vec<u8>),
    /// A data key that nobody has seen.
    DataKey,
    /// The private half, PKCS #8, of this DER SubjectPublicKeyInfo.
    PrivateKey {
        spec: KeySpec,
        public_key: Vec<u8>,
    },
}

impl Content {
    fn is(&self, plaintext: &[u8]) -> bool {
        match self {
            Self::Bytes(bytes) => bytes == plaintext,
            Self::DataKey => plaintext.len() == DATA_KEY_BYTES,
            Self::PrivateKey { spec, public_key } => {
                parse_pkcs8(*spec, plaintext).is_ok_and(|pair| pair.public_key.spki() == public_key)
            }
        }
    }
}

/// Ciphertexts under the key.
#[derive(Default)]
pub(crate) struct Symmetric(Kept<Ciphertext>);

impl Symmetric {
    pub(super) fn possible(&self, what: Use) -> Op {
        let lacks = matches!(what, Use::Decrypt | Use::ReEncrypt) && self.0.is_empty();
        Op::Use(if lacks { Use::Encrypt } else { what })
    }

    pub(super) async fn call(&self, client: &Client, id: &str, what: Use, random: &mut Random) -> Called {
        match what {
            Use::Encrypt => self.encrypt(client, id, random).await,
            Use::DataKey => self.data_key(client, id, random).await,
            Use::SealedDataKey => self.sealed_data_key(client, id, random).await,
            Use::DataKeyPair => self.data_key_pair(client, id, random).await,
            Use::SealedDataKeyPair => self.sealed_data_key_pair(client, id, random).await,
            Use::Decrypt => self.decrypt(client, random).await,
            Use::ReEncrypt => self.re_encrypt(client, id, random).await,
            _ => wrong("a symmetric key has no such use"),
        }
    }

    fn keep(&self, blob: Option<&Blob>, content: Content, random: &mut Random) {
        if let Some(blob) = blob {
            self.0.keep(Ciphertext { blob: blob.clone(), content }, random);
        }
    }

    async fn encrypt(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let plaintext = some_bytes(random);
        let result = client.encrypt().key_id(id).plaintext(Blob::new(plaintext.clone())).send().await;
        if let Ok(output) = &result {
            self.keep(output.ciphertext_blob(), Content::Bytes(plaintext), random);
        }
        read(&result, |_| Answer::Done)
    }

    async fn data_key(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let result = client.generate_data_key().key_id(id).key_spec(DataKeySpec::Aes256).send().await;
        if let Ok(output) = &result {
            let plaintext = output.plaintext().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
            if plaintext.len() != DATA_KEY_BYTES {
                return wrong("a data key of another length");
            }
            self.keep(output.ciphertext_blob(), Content::Bytes(plaintext), random);
        }
        read(&result, |_| Answer::Done)
    }

    async fn sealed_data_key(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let call = client.generate_data_key_without_plaintext().key_id(id).key_spec(DataKeySpec::Aes256);
        let result = call.send().await;
        if let Ok(output) = &result {
            self.keep(output.ciphertext_blob(), Content::DataKey, random);
        }
        read(&result, |_| Answer::Done)
    }

    async fn data_key_pair(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let spec = random.weighted(&PAIRS);
        let call = client.generate_data_key_pair().key_id(id).key_pair_spec(DataKeyPairSpec::from(spec.name()));
        let result = call.send().await;
        if let Ok(output) = &result {
            let content = private_key(spec, output.public_key());
            let plaintext = output.private_key_plaintext().map_or(&[][..], |blob| blob.as_ref());
            if !content.is(plaintext) {
                return wrong("two halves that are no pair");
            }
            self.keep(output.private_key_ciphertext_blob(), Content::Bytes(plaintext.to_vec()), random);
        }
        read(&result, |_| Answer::Done)
    }

    async fn sealed_data_key_pair(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let spec = random.weighted(&PAIRS);
        let call = client.generate_data_key_pair_without_plaintext().key_id(id);
        let result = call.key_pair_spec(DataKeyPairSpec::from(spec.name())).send().await;
        if let Ok(output) = &result {
            let content = private_key(spec, output.public_key());
            self.keep(output.private_key_ciphertext_blob(), content, random);
        }
        read(&result, |_| Answer::Done)
    }

    async fn decrypt(&self, client: &Client, random: &mut Random) -> Called {
        let Some(Ciphertext { blob, content }) = self.0.pick(random) else { return wrong("nothing to open") };
        let result = client.decrypt().ciphertext_blob(blob).send().await;
        if let Ok(output) = &result
            && !output.plaintext().is_some_and(|plaintext| content.is(plaintext.as_ref()))
        {
            return wrong("another plaintext than was encrypted");
        }
        read(&result, |_| Answer::Done)
    }

    /// From this key to itself; the new ciphertext must open as the old one does.
    async fn re_encrypt(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let Some(Ciphertext { blob, content }) = self.0.pick(random) else { return wrong("nothing to open") };
        let result = client.re_encrypt().ciphertext_blob(blob).destination_key_id(id).send().await;
        if let Ok(output) = &result {
            self.keep(output.ciphertext_blob(), content, random);
        }
        read(&result, |_| Answer::Done)
    }
}

fn private_key(spec: KeySpec, public_key: Option<&Blob>) -> Content {
    Content::PrivateKey { spec, public_key: public_key.map(|blob| blob.as_ref().to_vec()).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::materials;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_private_key_is_known_by_its_public_half() {
        for (_, spec) in PAIRS {
            let materials = materials(spec).unwrap();
            let content = private_key(spec, materials[0].public_key.clone().map(Blob::new).as_ref());
            assert!(content.is(&materials[0].bytes), "{spec}");
            assert!(!content.is(&materials[1].bytes), "{spec}");
        }
    }
}
