//! Any served operation on any key, for the tests that go over all of them.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::EncapsulationAlgorithmSpec::MlKem;
use aws_sdk_kms::types::{
    AlgorithmSpec, DataKeyPairSpec, DataKeySpec, ExpirationModelType, KeyAgreementAlgorithmSpec, MacAlgorithmSpec,
    SigningAlgorithmSpec, Tag, WrappingKeySpec,
};
use kms_core::Operation;

use crate::refusal::{Refusal, outcome};
use crate::support::fresh_alias;

/// A key with everything that some operation on it wants.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) key_id: String,
    /// An alias that exists.
    pub(crate) alias: String,
    /// What the key made: a ciphertext, a signature or a MAC.
    pub(crate) ciphertext: Blob,
    /// An import token of the key.
    pub(crate) token: Blob,
    /// The key's material, wrapped for that token.
    pub(crate) wrapped: Blob,
}

/// The served operations that take a key.
pub(crate) fn operations_on_keys() -> impl Iterator<Item = Operation> {
    let on_none = [Operation::CreateKey, Operation::DeleteAlias, Operation::GenerateRandom, Operation::ListKeys];
    kms_service::SERVED.iter().copied().filter(move |operation| !on_none.contains(operation))
}

/// Calls an operation on the subject with everything else in order.
///
/// # Panics
/// For an operation that is not served.
pub(crate) async fn call(client: &Client, operation: Operation, subject: &Subject) -> Result<(), Refusal> {
    let id = subject.key_id.as_str();
    match operation {
        Operation::CancelKeyDeletion => outcome(client.cancel_key_deletion().key_id(id).send().await).map(drop),
        Operation::CreateKey => outcome(client.create_key().send().await).map(drop),
        Operation::DeleteImportedKeyMaterial => {
            outcome(client.delete_imported_key_material().key_id(id).send().await).map(drop)
        }
        Operation::DescribeKey => outcome(client.describe_key().key_id(id).send().await).map(drop),
        Operation::DisableKey => outcome(client.disable_key().key_id(id).send().await).map(drop),
        Operation::EnableKey => outcome(client.enable_key().key_id(id).send().await).map(drop),
        Operation::GetPublicKey => outcome(client.get_public_key().key_id(id).send().await).map(drop),
        Operation::GenerateRandom => outcome(client.generate_random().number_of_bytes(8).send().await).map(drop),
        Operation::ListKeys => outcome(client.list_keys().send().await).map(drop),
        Operation::ScheduleKeyDeletion => outcome(client.schedule_key_deletion().key_id(id).send().await).map(drop),
        Operation::UpdateKeyDescription => {
            outcome(client.update_key_description().key_id(id).description("new").send().await).map(drop)
        }
        Operation::GetParametersForImport | Operation::ImportKeyMaterial => import(client, operation, subject).await,
        _ if operation.key_usage().is_some() => use_key(client, operation, subject).await,
        _ => name_or_tag(client, operation, subject).await,
    }
}

async fn import(client: &Client, operation: Operation, subject: &Subject) -> Result<(), Refusal> {
    let id = subject.key_id.as_str();
    if operation == Operation::GetParametersForImport {
        let call = client
            .get_parameters_for_import()
            .key_id(id)
            .wrapping_algorithm(AlgorithmSpec::RsaesOaepSha256)
            .wrapping_key_spec(WrappingKeySpec::Rsa2048);
        return outcome(call.send().await).map(drop);
    }
    let call = client
        .import_key_material()
        .key_id(id)
        .import_token(subject.token.clone())
        .encrypted_key_material(subject.wrapped.clone())
        .expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire);
    outcome(call.send().await).map(drop)
}

async fn use_key(client: &Client, operation: Operation, subject: &Subject) -> Result<(), Refusal> {
    let id = subject.key_id.as_str();
    match operation {
        Operation::Encrypt => outcome(client.encrypt().key_id(id).plaintext(Blob::new("hello")).send().await).map(drop),
        Operation::Decrypt => {
            let call = client.decrypt().key_id(id).ciphertext_blob(subject.ciphertext.clone());
            outcome(call.send().await).map(drop)
        }
        Operation::ReEncrypt => {
            let call = client.re_encrypt().source_key_id(id).destination_key_id(id);
            outcome(call.ciphertext_blob(subject.ciphertext.clone()).send().await).map(drop)
        }
        Operation::GenerateDataKey => {
            outcome(client.generate_data_key().key_id(id).key_spec(DataKeySpec::Aes256).send().await).map(drop)
        }
        Operation::GenerateDataKeyWithoutPlaintext => {
            let call = client.generate_data_key_without_plaintext().key_id(id).key_spec(DataKeySpec::Aes256);
            outcome(call.send().await).map(drop)
        }
        Operation::GenerateDataKeyPair => {
            let call = client.generate_data_key_pair().key_id(id).key_pair_spec(DataKeyPairSpec::EccNistP256);
            outcome(call.send().await).map(drop)
        }
        Operation::GenerateDataKeyPairWithoutPlaintext => {
            let call = client.generate_data_key_pair_without_plaintext().key_id(id);
            outcome(call.key_pair_spec(DataKeyPairSpec::EccNistP256).send().await).map(drop)
        }
        _ => use_key_of_another_usage(client, operation, subject).await,
    }
}

/// The message of signatures and MACs.
pub(crate) const MESSAGE: &str = "hello";

/// The base point of P-256 as DER SubjectPublicKeyInfo: a peer like any other.
const PEER: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0\
                    f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

/// The public key of a peer.
pub(crate) fn peer() -> Blob {
    let digit = |index: usize| u8::from_str_radix(&PEER[index..index + 2], 16).unwrap();
    Blob::new((0..PEER.len()).step_by(2).map(digit).collect::<Vec<_>>())
}

async fn use_key_of_another_usage(client: &Client, operation: Operation, subject: &Subject) -> Result<(), Refusal> {
    let (id, message) = (subject.key_id.as_str(), Blob::new(MESSAGE));
    let (signing, mac) = (SigningAlgorithmSpec::EcdsaSha256, MacAlgorithmSpec::HmacSha256);
    match operation {
        Operation::Sign => {
            outcome(client.sign().key_id(id).message(message).signing_algorithm(signing).send().await).map(drop)
        }
        Operation::Verify => {
            let call = client.verify().key_id(id).message(message).signing_algorithm(signing);
            outcome(call.signature(subject.ciphertext.clone()).send().await).map(drop)
        }
        Operation::GenerateMac => {
            outcome(client.generate_mac().key_id(id).message(message).mac_algorithm(mac).send().await).map(drop)
        }
        Operation::VerifyMac => {
            let call = client.verify_mac().key_id(id).message(message).mac_algorithm(mac);
            outcome(call.mac(subject.ciphertext.clone()).send().await).map(drop)
        }
        Operation::DeriveSharedSecret => {
            let call = client.derive_shared_secret().key_id(id).public_key(peer());
            outcome(call.key_agreement_algorithm(KeyAgreementAlgorithmSpec::Ecdh).send().await).map(drop)
        }
        Operation::Encapsulate => {
            outcome(client.encapsulate().key_id(id).encapsulation_algorithm(MlKem).send().await).map(drop)
        }
        Operation::Decapsulate => {
            let call = client.decapsulate().key_id(id).encapsulation_algorithm(MlKem);
            outcome(call.shared_secret_ciphertext_blob(subject.ciphertext.clone()).send().await).map(drop)
        }
        not_served => panic!("{not_served} is not served"),
    }
}

/// Aliases, tags and policies.
async fn name_or_tag(client: &Client, operation: Operation, subject: &Subject) -> Result<(), Refusal> {
    let (id, alias) = (subject.key_id.as_str(), subject.alias.as_str());
    match operation {
        Operation::CreateAlias => {
            outcome(client.create_alias().alias_name(fresh_alias()).target_key_id(id).send().await).map(drop)
        }
        Operation::UpdateAlias => {
            outcome(client.update_alias().alias_name(alias).target_key_id(id).send().await).map(drop)
        }
        Operation::DeleteAlias => outcome(client.delete_alias().alias_name(alias).send().await).map(drop),
        Operation::ListAliases => outcome(client.list_aliases().key_id(id).send().await).map(drop),
        Operation::TagResource => {
            let tag = Tag::builder().tag_key("team").tag_value("ops").build().unwrap();
            outcome(client.tag_resource().key_id(id).tags(tag).send().await).map(drop)
        }
        Operation::UntagResource => outcome(client.untag_resource().key_id(id).tag_keys("team").send().await).map(drop),
        Operation::ListResourceTags => outcome(client.list_resource_tags().key_id(id).send().await).map(drop),
        Operation::GetKeyPolicy => outcome(client.get_key_policy().key_id(id).send().await).map(drop),
        Operation::ListKeyPolicies => outcome(client.list_key_policies().key_id(id).send().await).map(drop),
        not_served => panic!("{not_served} is not served"),
    }
}
