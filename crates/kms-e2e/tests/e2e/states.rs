//! Every served operation in every state that a key can have here, from the table of states itself.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{
    DataKeyPairSpec, EncapsulationAlgorithmSpec, KeySpec, KeyUsageType, MacAlgorithmSpec, OriginType,
    SigningAlgorithmSpec,
};
use kms_core::key_spec::KeyUsage;
use kms_core::key_state::{KeyState, Verdict};
use kms_core::{Operation, key_ref};
use kms_e2e::material;

use crate::calls::{MESSAGE, Subject, call, operations_on_keys};
use crate::support::{arn, encrypt, fresh, imported_key, new_alias, new_key, parameters, state};

/// What takes a key out of its state when it is allowed.
const CHANGING: [Operation; 6] = [
    Operation::CancelKeyDeletion,
    Operation::DeleteImportedKeyMaterial,
    Operation::DisableKey,
    Operation::EnableKey,
    Operation::ImportKeyMaterial,
    Operation::ScheduleKeyDeletion,
];

#[tokio::test]
pub(crate) async fn an_enabled_key_answers_as_the_table_says() {
    try_all(KeyState::Enabled).await;
}

#[tokio::test]
pub(crate) async fn a_disabled_key_answers_as_the_table_says() {
    try_all(KeyState::Disabled).await;
}

#[tokio::test]
pub(crate) async fn a_key_pending_import_answers_as_the_table_says() {
    try_all(KeyState::PendingImport).await;
}

#[tokio::test]
pub(crate) async fn a_key_pending_deletion_answers_as_the_table_says() {
    try_all(KeyState::PendingDeletion).await;
}

#[tokio::test]
pub(crate) async fn only_an_imported_key_can_be_asked_about_imports_in_whatever_state() {
    let client = fresh();
    for wanted in [KeyState::Enabled, KeyState::Disabled, KeyState::PendingDeletion] {
        let key = new_key(&client).await;
        let ciphertext = encrypt(&client, key.key_id()).await;
        let subject = Subject {
            key_id: key.key_id.clone(),
            alias: String::new(),
            token: ciphertext.clone(),
            wrapped: ciphertext.clone(),
            ciphertext,
        };
        bring_to(&client, &subject, wanted).await;
        let text = format!("{} origin is AWS_KMS which is not valid for this operation.", arn(&key));
        for operation in
            [Operation::GetParametersForImport, Operation::ImportKeyMaterial, Operation::DeleteImportedKeyMaterial]
        {
            let refusal = call(&client, operation, &subject).await.unwrap_err();
            refusal.is("UnsupportedOperationException", text.as_str());
        }
    }
}

async fn try_all(wanted: KeyState) {
    let client = fresh();
    let (shared, shared_arn) = subject_in(&client, wanted).await;
    for operation in operations_on_keys().filter(|operation| can_be_in(*operation, wanted)) {
        let verdict = operation.verdict(wanted);
        let is_changing = verdict == Verdict::Allow && CHANGING.contains(&operation);
        let (subject, arn) = match spec_for(operation) {
            Some(spec) => subject_of(&client, spec, wanted).await,
            None if is_changing => subject_in(&client, wanted).await,
            None => (shared.clone(), shared_arn.clone()),
        };
        let outcome = call(&client, operation, &subject).await;
        let refusal = || outcome.as_ref().err().unwrap_or_else(|| panic!("{operation} is allowed in {wanted:?}"));
        match verdict {
            Verdict::Allow => outcome.unwrap_or_else(|refusal| panic!("{operation} in {wanted:?}: {refusal:?}")),
            Verdict::IsDisabled => refusal().is("DisabledException", format!("{arn} is disabled.")),
            Verdict::BadState => {
                refusal().is("KMSInvalidStateException", format!("{arn} is {}.", words_of(wanted)));
            }
            Verdict::NotPendingDeletion => {
                refusal().is("KMSInvalidStateException", format!("{arn} is not pending deletion."));
            }
        }
    }
    assert_eq!(state(&client, &shared.key_id).await.as_str(), wanted.name(), "nothing that was refused changed it");
    let gone = Subject { key_id: kms_core::KeyId::random().to_string(), ..shared };
    let refusal = call(&client, Operation::DescribeKey, &gone).await.unwrap_err();
    let gone_arn = shared_arn.replace(shared_arn.rsplit('/').next().unwrap(), &gone.key_id);
    refusal.is("NotFoundException", key_ref::does_not_exist(&gone_arn).to_string());
}

/// Whether this run has keys for the operation in this state: those of ML-KEM live in a second token and are never imported.
fn can_be_in(operation: Operation, state: KeyState) -> bool {
    let is_kem = operation.key_usage() == Some(KeyUsage::EncapsulateDecapsulate);
    !is_kem || (kms_e2e::pq_module().is_some() && state != KeyState::PendingImport)
}

/// A fresh key with imported material, brought to this state, and its ARN.
async fn subject_in(client: &Client, wanted: KeyState) -> (Subject, String) {
    let key = imported_key(client, 3).await;
    let parameters = parameters(client, key.key_id()).await;
    let ciphertext = encrypt(client, key.key_id()).await;
    let subject = Subject {
        key_id: key.key_id.clone(),
        alias: new_alias(client, key.key_id()).await,
        ciphertext,
        wrapped: parameters.wrap(&material(3)),
        token: parameters.token,
    };
    bring_to(client, &subject, wanted).await;
    (subject, arn(&key).to_owned())
}

/// The spec and usage that an operation wants, if not those of a symmetric key.
fn spec_for(operation: Operation) -> Option<(KeySpec, KeyUsageType)> {
    match operation {
        Operation::Sign | Operation::Verify | Operation::GetPublicKey => {
            Some((KeySpec::EccNistP256, KeyUsageType::SignVerify))
        }
        Operation::DeriveSharedSecret => Some((KeySpec::EccNistP256, KeyUsageType::KeyAgreement)),
        Operation::GenerateMac | Operation::VerifyMac => Some((KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac)),
        Operation::Encapsulate | Operation::Decapsulate => {
            Some((KeySpec::MlKem768, KeyUsageType::EncapsulateDecapsulate))
        }
        _ => None,
    }
}

/// A fresh key of another spec, with imported material where that can be, brought to this state, and its ARN.
async fn subject_of(client: &Client, (spec, usage): (KeySpec, KeyUsageType), wanted: KeyState) -> (Subject, String) {
    let is_kem = usage == KeyUsageType::EncapsulateDecapsulate;
    let origin = if is_kem { OriginType::AwsKms } else { OriginType::External };
    let create = client.create_key().key_spec(spec.clone()).key_usage(usage.clone()).origin(origin);
    let key = create.send().await.unwrap().key_metadata.unwrap();
    if !is_kem {
        let bytes = if spec == KeySpec::Hmac256 { material(3).to_vec() } else { p256_pkcs8(client).await };
        kms_e2e::import(client, key.key_id(), &bytes).await.unwrap();
    }
    let (id, message) = (key.key_id(), Blob::new(MESSAGE));
    let made = match usage {
        KeyUsageType::SignVerify => {
            let sign = client.sign().key_id(id).message(message).signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
            sign.send().await.unwrap().signature.unwrap()
        }
        KeyUsageType::GenerateVerifyMac => {
            let mac = client.generate_mac().key_id(id).message(message).mac_algorithm(MacAlgorithmSpec::HmacSha256);
            mac.send().await.unwrap().mac.unwrap()
        }
        KeyUsageType::EncapsulateDecapsulate => {
            let made = client.encapsulate().key_id(id).encapsulation_algorithm(EncapsulationAlgorithmSpec::MlKem);
            made.send().await.unwrap().shared_secret_ciphertext_blob.unwrap()
        }
        _ => Blob::new("x"),
    };
    let subject = Subject {
        key_id: key.key_id.clone(),
        alias: String::new(),
        ciphertext: made.clone(),
        token: made.clone(),
        wrapped: made,
    };
    bring_to(client, &subject, wanted).await;
    (subject, arn(&key).to_owned())
}

/// A fresh private key of P-256: 138 bytes, which OAEP wraps.
async fn p256_pkcs8(client: &Client) -> Vec<u8> {
    let key = new_key(client).await;
    let pair = client.generate_data_key_pair().key_id(key.key_id()).key_pair_spec(DataKeyPairSpec::EccNistP256);
    pair.send().await.unwrap().private_key_plaintext.unwrap().into_inner()
}

async fn bring_to(client: &Client, subject: &Subject, wanted: KeyState) {
    let way = match wanted {
        KeyState::Disabled => Operation::DisableKey,
        KeyState::PendingImport => Operation::DeleteImportedKeyMaterial,
        KeyState::PendingDeletion => Operation::ScheduleKeyDeletion,
        _ => return,
    };
    call(client, way, subject).await.unwrap();
    assert_eq!(state(client, &subject.key_id).await.as_str(), wanted.name());
}

fn words_of(state: KeyState) -> &'static str {
    match state {
        KeyState::PendingImport => "pending import",
        KeyState::PendingDeletion => "pending deletion",
        other => panic!("{other:?} refuses in other words"),
    }
}
