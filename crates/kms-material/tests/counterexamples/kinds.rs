//! Keys of every kind on rows and token: each has its fingerprint, its public half where it has one, and comes back by the
//! same bytes alone.

use aes_kw::{KeyInit, KwpAes256};
use kms_core::algorithm::DataKeyPairSpec;
use kms_core::hsm::{Ability, KeyKind};
use kms_core::key_spec::{KeySpec, KeyUsage, WrappingKeySpec};
use kms_core::key_state::KeyState;
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{Hsm, KeyAddress, KeyMaterialId, KmsError};
use kms_keypair::{PublicKey, generate_data_key_pair};
use rsa::Oaep;
use rsa::pkcs8::DecodePublicKey;

use crate::place::{Node, exception};
use crate::world::World;

fn kinds(world: &World) -> Vec<KeyKind> {
    KeyKind::all().filter(|kind| world.n1.hsm.supports(Ability::Generate(*kind)).is_ok()).collect()
}

/// Material of a spec as a client has it.
fn bytes_of(spec: KeySpec) -> Vec<u8> {
    let pair_spec = DataKeyPairSpec::ALL.iter().find(|pair_spec| pair_spec.key_spec() == spec);
    if let Some(pair_spec) = pair_spec {
        return generate_data_key_pair(*pair_spec).unwrap().private_key_pkcs8.to_vec();
    }
    let mut bytes = vec![0; spec.mac_algorithm().map_or(32, |algorithm| algorithm.tag_bytes())];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// GetParametersForImport and ImportKeyMaterial, wrapped in a way that the spec allows.
fn import(node: &Node, key: &KeyAddress, bytes: &[u8]) -> Result<KeyMaterialId, KmsError> {
    let spec = node.facts(key).unwrap().spec;
    let by_kwp = WrappingAlgorithm::RsaAesKeyWrapSha256;
    let follows = by_kwp.may_import(spec, WrappingKeySpec::Rsa2048);
    let algorithm = if follows { by_kwp } else { WrappingAlgorithm::RsaesOaepSha256 };
    let parameters = node.keeper.wrapping_parameters(key, WrappingKeySpec::Rsa2048, algorithm, || Ok(()))?;
    let wrapping_key = rsa::PublicKey::from_public_key_der(&parameters.public_key).unwrap();
    let mut random = rsa::rand_core::UnwrapErr(getrandom::SysRng);
    let mut oaep = |bytes: &[u8]| wrapping_key.encrypt(&mut random, Oaep::<rsa::sha2::Sha256>::new(), bytes).unwrap();
    let encrypted = if follows {
        let mut buffer = vec![0; bytes.len() + 16];
        let wrapped = KwpAes256::new((&[0x6b; 32]).into()).wrap_key(bytes, &mut buffer).unwrap();
        [&oaep(&[0x6b; 32]), wrapped].concat()
    } else {
        oaep(bytes)
    };
    let pair = node.keeper.redeem(key, &parameters.import_token)?;
    node.import_wrapped(key, &pair, &encrypted, None)
}

#[test]
fn a_generated_key_of_every_kind_has_its_public_half_and_proves_its_object() {
    let world = World::new();
    let kinds = kinds(&world);
    assert_eq!(kinds.len(), 19, "all that SoftHSM can serve");
    for kind in kinds {
        let facts = world.n1.generate(kind).unwrap();
        assert_eq!(world.n2.facts(&facts.address).unwrap().materials, facts.materials, "{kind:?}");
        let material = facts.current().unwrap();
        match &material.public_key {
            Some(der) => assert_eq!(PublicKey::from_spki(kind.spec, der).unwrap().spki(), der, "{kind:?}"),
            None => assert!(!kind.spec.is_key_pair(), "{kind:?}"),
        }
        world.n2.use_key(&facts.address).unwrap();
        let other = world.n1.generate(kind).unwrap();
        let object = other.current().unwrap().object.unwrap();
        assert_eq!(exception(world.n1.keeper.verify_object(&facts, material, object)), "KMSInternalException");
    }
    let unserved = KeyKind { spec: KeySpec::MlDsa44, usage: KeyUsage::SignVerify };
    assert_eq!(exception(world.n1.generate(unserved)), "UnsupportedOperationException");
}

#[test]
fn imported_material_of_every_kind_is_deleted_and_comes_back_by_the_same_bytes_alone() {
    let world = World::new();
    let (n1, n2) = (&world.n1, &world.n2);
    for kind in kinds(&world).into_iter().filter(|kind| *kind != KeyKind::SYMMETRIC) {
        let (key, bytes) = (n1.new_key_of(kind), bytes_of(kind.spec));
        let id = import(n1, &key, &bytes).unwrap_or_else(|error| panic!("{kind:?}: {error:?}"));
        n2.use_key(&key).unwrap();
        let public_key = n2.facts(&key).unwrap().current().unwrap().public_key.clone();
        assert_eq!(public_key.is_some(), kind.spec.is_key_pair(), "{kind:?}");
        assert_eq!(import(n2, &key, &bytes).unwrap(), id, "{kind:?}: while it is there");

        n2.delete(&key).unwrap();
        assert_eq!((n1.state(&key), world.objects(&key)), (KeyState::PendingImport, 0), "{kind:?}");
        let kept = n1.facts(&key).unwrap().current().unwrap().public_key.clone();
        assert_eq!(kept, public_key, "{kind:?}: the public half stays");
        if !kind.spec.name().starts_with("RSA") {
            let refused = import(n1, &key, &bytes_of(kind.spec));
            assert_eq!(exception(refused), "IncorrectKeyMaterialException", "{kind:?}");
        }
        let wrong = import(n1, &key, &[0x30; 27]);
        assert_eq!(exception(wrong), "InvalidCiphertextException", "{kind:?}");
        assert_eq!(import(n1, &key, &bytes).unwrap(), id, "{kind:?}");
        n2.use_key(&key).unwrap();
        assert_eq!((n2.state(&key), world.objects(&key)), (KeyState::Enabled, 1), "{kind:?}");
    }
}
