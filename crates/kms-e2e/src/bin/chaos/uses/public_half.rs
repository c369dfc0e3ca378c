//! The public half of a pair as its clients know it: what GetPublicKey gave first, which never changes.

use std::sync::{Arc, OnceLock};

use aws_sdk_kms::Client;
use kms_core::key_spec::KeySpec;
use kms_keypair::PublicKey;

use super::wrong;
use crate::answer::Answer;
use crate::judge::Called;
use crate::material::Material;
use crate::reply::read;

/// A public half.
pub(crate) struct PublicHalf {
    spec: KeySpec,
    /// Those that the key may get with its material.
    materials: Vec<Arc<Material>>,
    first: OnceLock<PublicKey>,
}

impl PublicHalf {
    /// Of a key of this spec.
    pub(super) fn new(spec: KeySpec, materials: &[Arc<Material>]) -> Self {
        Self { spec, materials: materials.to_vec(), first: OnceLock::new() }
    }

    /// What GetPublicKey gave first.
    pub(super) fn known(&self) -> Option<&PublicKey> {
        self.first.get()
    }

    /// Asks for it.
    pub(super) async fn get(&self, client: &Client, id: &str) -> Called {
        let result = client.get_public_key().key_id(id).send().await;
        let mut published = u8::MAX;
        if let Ok(output) = &result {
            let spki = output.public_key().map_or(&[][..], |blob| blob.as_ref());
            let Ok(key) = PublicKey::from_spki(self.spec, spki) else {
                return wrong("what is no public key of its spec");
            };
            if self.first.get_or_init(|| key).spki() != spki {
                return wrong("another public key than before");
            }
            published = self.number(spki);
        }
        read(&result, |_| Answer::Published(published))
    }

    /// The number of the material it is of; 0 for a pair made in the token, and one that no material has for a stranger.
    fn number(&self, spki: &[u8]) -> u8 {
        if self.materials.is_empty() {
            return 0;
        }
        let found = self.materials.iter().find(|material| material.public_key.as_deref() == Some(spki));
        found.map_or(u8::MAX, |material| material.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::materials;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_public_key_is_that_of_a_material_or_a_strangers() {
        let materials = materials(KeySpec::EccNistP256).unwrap();
        let half = PublicHalf::new(KeySpec::EccNistP256, &materials[..1]);
        assert_eq!(half.number(materials[0].public_key.as_deref().unwrap()), materials[0].number);
        assert_eq!(half.number(materials[1].public_key.as_deref().unwrap()), u8::MAX);
        let made = PublicHalf::new(KeySpec::EccNistP256, &[]);
        assert_eq!(made.number(materials[0].public_key.as_deref().unwrap()), 0);
    }
}
