//! An HMAC key: a message has one MAC for ever, which is computed outside where the bytes of the key are known.

use std::sync::{Arc, OnceLock};

use anyhow::Context;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::MacAlgorithmSpec;
use hmac::{Hmac, KeyInit, Mac};
use kms_core::algorithm::MacAlgorithm;
use kms_core::key_spec::KeySpec;

use super::{some_bytes, wrong};
use crate::answer::Answer;
use crate::judge::Called;
use crate::kept::Kept;
use crate::material::Material;
use crate::op::{Op, Use};
use crate::random::Random;
use crate::reply::read;

pub(super) const CHOICES: [(u64, Op); 3] =
    [(26, Op::Use(Use::GenerateMac)), (18, Op::Use(Use::VerifyMac)), (4, Op::Use(Use::VerifyOtherMac))];

/// Of a hundred messages, how many have been authenticated before.
const AGAIN: u64 = 40;

#[derive(Clone)]
struct Authenticated {
    message: Vec<u8>,
    mac: Vec<u8>,
}

/// MACs of the key.
pub(crate) struct Macs {
    algorithm: MacAlgorithm,
    materials: Vec<Arc<Material>>,
    /// The number of the material that made the first MAC that anybody saw.
    number: OnceLock<u8>,
    kept: Kept<Authenticated>,
}

impl Macs {
    pub(super) fn new(spec: KeySpec, materials: &[Arc<Material>]) -> anyhow::Result<Self> {
        let algorithm = spec.mac_algorithm().context("the spec has no MACs")?;
        Ok(Self { algorithm, materials: materials.to_vec(), number: OnceLock::new(), kept: Kept::default() })
    }

    pub(super) fn possible(&self, what: Use) -> Op {
        Op::Use(if self.kept.is_empty() { Use::GenerateMac } else { what })
    }

    pub(super) async fn call(&self, client: &Client, id: &str, what: Use, random: &mut Random) -> Called {
        match what {
            Use::GenerateMac => self.generate(client, id, random).await,
            Use::VerifyMac | Use::VerifyOtherMac => self.verify(client, id, what, random).await,
            _ => wrong("an HMAC key has no such use"),
        }
    }

    fn word(&self) -> MacAlgorithmSpec {
        MacAlgorithmSpec::from(self.algorithm.name())
    }

    async fn generate(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let before = if random.chance(AGAIN) { self.kept.pick(random) } else { None };
        let message = before.as_ref().map_or_else(|| some_bytes(random), |before| before.message.clone());
        let call = client.generate_mac().key_id(id).message(Blob::new(message.clone())).mac_algorithm(self.word());
        let result = call.send().await;
        if let Ok(output) = &result {
            let mac = output.mac().map(|mac| mac.as_ref().to_vec()).unwrap_or_default();
            if before.as_ref().is_some_and(|before| before.mac != mac) {
                return wrong("another MAC of a message than before");
            }
            if mac.len() != self.algorithm.tag_bytes() || !self.is_of_material(&message, &mac) {
                return wrong("a MAC that no material of the key makes, or another one than before");
            }
            if before.is_none() {
                self.kept.keep(Authenticated { message, mac }, random);
            }
        }
        read(&result, |_| Answer::Done)
    }

    async fn verify(&self, client: &Client, id: &str, what: Use, random: &mut Random) -> Called {
        let Some(Authenticated { mut message, mac }) = self.kept.pick(random) else {
            return wrong("no MAC to verify");
        };
        if what == Use::VerifyOtherMac {
            message.push(0);
        }
        let call = client.verify_mac().key_id(id).message(Blob::new(message)).mac(Blob::new(mac));
        let result = call.mac_algorithm(self.word()).send().await;
        if result.as_ref().is_ok_and(|output| !output.mac_valid()) {
            return wrong("a success that says the MAC is not valid");
        }
        read(&result, |_| Answer::Done)
    }

    /// Whether the material that made the first MAC made this one; nobody knows the bytes of a key made in the token.
    fn is_of_material(&self, message: &[u8], mac: &[u8]) -> bool {
        if self.materials.is_empty() {
            return true;
        }
        let makes = |material: &&Arc<Material>| hmac(self.algorithm, &material.bytes, message).as_deref() == Some(mac);
        let found = self.materials.iter().find(makes).map(|material| material.number);
        found.is_some_and(|number| *self.number.get_or_init(|| number) == number)
    }
}

fn hmac(algorithm: MacAlgorithm, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        MacAlgorithm::HmacSha224 => computed::<Hmac<sha2::Sha224>>(key, message),
        MacAlgorithm::HmacSha256 => computed::<Hmac<sha2::Sha256>>(key, message),
        MacAlgorithm::HmacSha384 => computed::<Hmac<sha2::Sha384>>(key, message),
        MacAlgorithm::HmacSha512 => computed::<Hmac<sha2::Sha512>>(key, message),
    }
}

fn computed<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::materials;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_material_of_the_first_mac_is_that_of_all_others() {
        for spec in [KeySpec::Hmac224, KeySpec::Hmac256, KeySpec::Hmac384, KeySpec::Hmac512] {
            let materials = materials(spec).unwrap();
            let macs = Macs::new(spec, &materials).unwrap();
            let of = |number: usize| hmac(macs.algorithm, &materials[number].bytes, b"hello").unwrap();
            assert!(!macs.is_of_material(b"hello", b"no MAC"));
            assert!(macs.is_of_material(b"hello", &of(1)));
            assert!(!macs.is_of_material(b"hello", &of(0)));
        }
    }

    #[test]
    fn the_mac_of_rfc_4231_comes_out() {
        let mac = hmac(MacAlgorithm::HmacSha256, b"Jefe", b"what do ya want for nothing?").unwrap();
        assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }
}
