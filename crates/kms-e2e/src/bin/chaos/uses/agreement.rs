//! A pair that agrees on secrets: with a peer whose private half is here, so that the secret is computed outside too.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, agree};
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::KeyAgreementAlgorithmSpec;
use kms_core::key_spec::KeySpec;
use kms_keypair::PublicKey;

use super::public_half::PublicHalf;
use super::wrong;
use crate::answer::Answer;
use crate::judge::Called;
use crate::material::Material;
use crate::op::{Op, Use};
use crate::random::Random;
use crate::reply::read;

pub(super) const CHOICES: [(u64, Op); 2] = [(10, Op::PublicKey), (38, Op::Use(Use::DeriveSharedSecret))];

/// Peers of one key.
const PEERS: usize = 3;

/// The public half, and others to agree with.
pub(crate) struct Agreement {
    pub(super) public_half: PublicHalf,
    peers: Vec<Peer>,
}

struct Peer {
    private: PrivateKey,
    /// DER SubjectPublicKeyInfo.
    public: Vec<u8>,
}

impl Agreement {
    pub(super) fn new(spec: KeySpec, materials: &[Arc<Material>]) -> anyhow::Result<Self> {
        let peers = (0..PEERS).map(|_| Peer::new(spec)).collect::<Result<_, _>>()?;
        Ok(Self { public_half: PublicHalf::new(spec, materials), peers })
    }

    pub(super) fn possible(&self, what: Use) -> Op {
        if self.public_half.known().is_some() { Op::Use(what) } else { Op::PublicKey }
    }

    pub(super) async fn call(&self, client: &Client, id: &str, what: Use, random: &mut Random) -> Called {
        match (what, random.pick(&self.peers)) {
            (Use::DeriveSharedSecret, Some(peer)) => self.derive(client, id, peer).await,
            _ => wrong("a pair that agrees on secrets has no such use"),
        }
    }

    async fn derive(&self, client: &Client, id: &str, peer: &Peer) -> Called {
        let call = client.derive_shared_secret().key_id(id).public_key(Blob::new(peer.public.clone()));
        let result = call.key_agreement_algorithm(KeyAgreementAlgorithmSpec::Ecdh).send().await;
        if let Ok(output) = &result {
            let expected = self.public_half.known().and_then(|key| peer.secret(key));
            if expected.is_none() || output.shared_secret().map(|secret| secret.as_ref()) != expected.as_deref() {
                return wrong("another secret than the peer finds");
            }
        }
        read(&result, |_| Answer::Done)
    }
}

impl Peer {
    fn new(spec: KeySpec) -> anyhow::Result<Self> {
        let curve = curve(spec).context("no agreement on this curve")?;
        let failed = |_| anyhow!("the library made no peer");
        let private = PrivateKey::generate(curve).map_err(failed)?;
        let point = private.compute_public_key().map_err(failed)?;
        let public = PublicKey::from_raw(spec, point.as_ref())?.spki().to_vec();
        Ok(Self { private, public })
    }

    /// The secret as the peer finds it.
    fn secret(&self, key: &PublicKey) -> Option<Vec<u8>> {
        let other = UnparsedPublicKey::new(curve(key.spec())?, key.raw());
        agree(&self.private, other, (), |secret| Ok(secret.to_vec())).ok()
    }
}

fn curve(spec: KeySpec) -> Option<&'static agreement::Algorithm> {
    match spec {
        KeySpec::EccNistP256 => Some(&agreement::ECDH_P256),
        KeySpec::EccNistP384 => Some(&agreement::ECDH_P384),
        KeySpec::EccNistP521 => Some(&agreement::ECDH_P521),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_peers_find_one_secret_and_a_third_another() {
        for spec in [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521] {
            let peers = Agreement::new(spec, &[]).unwrap().peers;
            let public = |peer: &Peer| PublicKey::from_spki(spec, &peer.public).unwrap();
            let secret = peers[0].secret(&public(&peers[1])).unwrap();
            assert_eq!(peers[1].secret(&public(&peers[0])), Some(secret.clone()), "{spec}");
            assert_ne!(peers[2].secret(&public(&peers[0])), Some(secret), "{spec}");
        }
    }
}
