//! ML-DSA and ML-KEM in a second token. That they compute what other implementations do, the Python clients show.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{
    EncapsulationAlgorithmSpec, KeyMetadata, KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec,
};
use kms_core::key_spec::KeySpec as CoreSpec;
use kms_keypair::{PublicKey, kem_sizes};

use crate::calls::MESSAGE;
use crate::refusal::refused;
use crate::support::{arn, fresh, new_key};

const DRY_RUN: &str = "The request would have succeeded, but the DryRun option is set.";
const GRANT_TOKEN: &str = "The grant token is not valid.";
const ML_KEM: [KeySpec; 3] = [KeySpec::MlKem512, KeySpec::MlKem768, KeySpec::MlKem1024];

async fn kem_key(client: &Client, spec: KeySpec) -> KeyMetadata {
    let create = client.create_key().key_spec(spec).key_usage(KeyUsageType::EncapsulateDecapsulate);
    create.send().await.unwrap().key_metadata.unwrap()
}

async fn lattice_key(client: &Client, spec: KeySpec) -> KeyMetadata {
    let create = client.create_key().key_spec(spec).key_usage(KeyUsageType::SignVerify);
    create.send().await.unwrap().key_metadata.unwrap()
}

/// The public key that GetPublicKey gives, read outside.
async fn public_key(client: &Client, key: &KeyMetadata) -> PublicKey {
    let answer = client.get_public_key().key_id(key.key_id()).send().await.unwrap();
    assert_eq!(answer.encapsulation_algorithms(), key.encapsulation_algorithms());
    assert_eq!(answer.signing_algorithms(), key.signing_algorithms());
    let spec = CoreSpec::parse(key.key_spec().unwrap().as_str()).unwrap();
    PublicKey::from_spki(spec, answer.public_key().unwrap().as_ref()).unwrap()
}

fn usage_text(key: &KeyMetadata, operation: &str) -> String {
    let usage = key.key_usage().unwrap();
    format!("{} key usage is {usage} which is not valid for {operation}.", arn(key))
}

#[tokio::test]
#[ignore = "needs a second token: cargo xtask test --pq"]
async fn what_either_side_encapsulates_the_token_opens() {
    let client = fresh();
    for spec in ML_KEM {
        let key = kem_key(&client, spec).await;
        assert_eq!(key.encapsulation_algorithms(), [EncapsulationAlgorithmSpec::MlKem]);
        let public = public_key(&client, &key).await;
        let open = async |ciphertext: &[u8]| {
            let call = client.decapsulate().key_id(key.key_id()).shared_secret_ciphertext_blob(Blob::new(ciphertext));
            let answer = call.encapsulation_algorithm(EncapsulationAlgorithmSpec::MlKem).send().await.unwrap();
            assert_eq!((answer.key_id(), answer.encapsulation_algorithm().unwrap().as_str()), (key.arn(), "ML_KEM"));
            answer.shared_secret.unwrap().into_inner()
        };
        let call = client.encapsulate().key_id(key.key_id()).encapsulation_algorithm(EncapsulationAlgorithmSpec::MlKem);
        let made = call.send().await.unwrap();
        assert_eq!((made.key_id(), made.encapsulation_algorithm().unwrap().as_str()), (key.arn(), "ML_KEM"));
        let ciphertext = made.shared_secret_ciphertext_blob.unwrap().into_inner();
        let sizes = kem_sizes(public.spec()).unwrap();
        assert_eq!(ciphertext.len(), sizes.ciphertext);
        assert_eq!(open(&ciphertext).await, made.shared_secret.unwrap().into_inner());
        let outside = public.encapsulate().unwrap();
        assert_eq!(open(&outside.ciphertext).await, *outside.shared_secret);
    }
}

#[tokio::test]
#[ignore = "needs a second token: cargo xtask test --pq"]
pub(crate) async fn a_secret_is_encapsulated_with_the_public_key() {
    let client = fresh();
    let key = kem_key(&client, KeySpec::MlKem512).await;
    let encapsulate = || client.encapsulate().encapsulation_algorithm(EncapsulationAlgorithmSpec::MlKem);
    let first = encapsulate().key_id(key.key_id()).send().await.unwrap();
    let second = encapsulate().key_id(key.key_id()).send().await.unwrap();
    assert_ne!(first.shared_secret, second.shared_secret);
    let dry = encapsulate().key_id(key.key_id()).dry_run(true);
    refused(dry.send().await).is("DryRunOperationException", DRY_RUN);
    let grant = encapsulate().key_id(key.key_id()).grant_tokens("x");
    refused(grant.send().await).is("InvalidGrantTokenException", GRANT_TOKEN);
    let symmetric = new_key(&client).await;
    refused(encapsulate().key_id(symmetric.key_id()).send().await)
        .is("InvalidKeyUsageException", usage_text(&symmetric, "Encapsulate"));
}

#[tokio::test]
#[ignore = "needs a second token: cargo xtask test --pq"]
pub(crate) async fn a_ciphertext_of_another_length_is_none_and_any_other_opens_to_something() {
    let client = fresh();
    let key = kem_key(&client, KeySpec::MlKem1024).await;
    let decapsulate = |ciphertext: &[u8]| {
        let call = client.decapsulate().encapsulation_algorithm(EncapsulationAlgorithmSpec::MlKem);
        call.shared_secret_ciphertext_blob(Blob::new(ciphertext))
    };
    let made = client.encapsulate().key_id(key.key_id()).encapsulation_algorithm(EncapsulationAlgorithmSpec::MlKem);
    let made = made.send().await.unwrap();
    let good = made.shared_secret_ciphertext_blob.unwrap().into_inner();
    let mut altered = good.clone();
    altered[100] ^= 1;
    let open = async || decapsulate(&altered).key_id(key.key_id()).send().await.unwrap().shared_secret;
    let (first, second) = (open().await, open().await);
    assert_eq!((&first, first.as_ref().unwrap().as_ref().len()), (&second, 32));
    assert_ne!(first, made.shared_secret);
    for wrong in [&good[1..], &[good.as_slice(), &[0]].concat(), &[7; 768], &[7]] {
        let call = decapsulate(wrong).key_id(key.key_id());
        refused(call.clone().send().await).is_without_text("InvalidCiphertextException");
        refused(call.dry_run(true).send().await).is_without_text("InvalidCiphertextException");
    }
    let dry = decapsulate(&altered).key_id(key.key_id()).dry_run(true);
    refused(dry.send().await).is("DryRunOperationException", DRY_RUN);
    let grant = decapsulate(&good).key_id(key.key_id()).grant_tokens("x");
    refused(grant.send().await).is("InvalidGrantTokenException", GRANT_TOKEN);
    let lattice = lattice_key(&client, KeySpec::MlDsa44).await;
    refused(decapsulate(&good).key_id(lattice.key_id()).send().await)
        .is("InvalidKeyUsageException", usage_text(&lattice, "Decapsulate"));
}

#[tokio::test]
#[ignore = "needs a second token: cargo xtask test --pq"]
async fn a_lattice_key_signs_messages_and_refuses_digests() {
    let client = fresh();
    for (spec, length) in [(KeySpec::MlDsa44, 2420), (KeySpec::MlDsa65, 3309), (KeySpec::MlDsa87, 4627)] {
        let key = lattice_key(&client, spec.clone()).await;
        assert_eq!(key.signing_algorithms(), [SigningAlgorithmSpec::MlDsaShake256]);
        let sign = client.sign().key_id(key.key_id()).signing_algorithm(SigningAlgorithmSpec::MlDsaShake256);
        let sign = |message: &[u8]| sign.clone().message(Blob::new(message));
        let signature = sign(MESSAGE.as_bytes()).send().await.unwrap().signature.unwrap();
        assert_eq!(signature.as_ref().len(), length);
        let verify = client.verify().key_id(key.key_id()).signing_algorithm(SigningAlgorithmSpec::MlDsaShake256);
        let verify = verify.signature(signature);
        assert!(verify.clone().message(Blob::new(MESSAGE)).send().await.unwrap().signature_valid());
        refused(verify.clone().message(Blob::new("other")).send().await)
            .is_without_text("KMSInvalidSignatureException");
        let digest = format!("Message type DIGEST is incompatible with key spec {spec}.");
        refused(sign(&[7; 64]).message_type(MessageType::Digest).send().await).is("ValidationException", &*digest);
        refused(verify.message(Blob::new([7; 64])).message_type(MessageType::Digest).send().await)
            .is("ValidationException", digest);
        let unsupported = "No PKCS#11 mechanism signs an external mu: send the message, with MessageType RAW.";
        for dry_run in [false, true] {
            let sign = sign(&[7; 64]).message_type(MessageType::ExternalMu).dry_run(dry_run);
            refused(sign.send().await).is_undeclared("UnsupportedOperationException", unsupported);
        }
        let mu = "External Mu is invalid length for algorithm ML_DSA_SHAKE_256.";
        refused(sign(&[7; 63]).message_type(MessageType::ExternalMu).send().await).is("ValidationException", mu);
    }
}

#[tokio::test]
#[ignore = "needs a second token: cargo xtask test --pq"]
async fn post_quantum_keys_come_and_go_like_any_other() {
    let client = fresh();
    for spec in ML_KEM.into_iter().chain([KeySpec::MlDsa44, KeySpec::MlDsa65, KeySpec::MlDsa87]) {
        let import = client.create_key().key_spec(spec.clone()).origin(aws_sdk_kms::types::OriginType::External);
        let usage =
            if ML_KEM.contains(&spec) { KeyUsageType::EncapsulateDecapsulate } else { KeyUsageType::SignVerify };
        refused(import.key_usage(usage.clone()).send().await)
            .is("UnsupportedOperationException", format!("Key material of KeySpec {spec} cannot be imported."));
        let create = client.create_key().key_spec(spec.clone()).key_usage(usage);
        let key = create.send().await.unwrap().key_metadata.unwrap();
        let deletion = client.schedule_key_deletion().key_id(key.key_id()).pending_window_in_days(7);
        assert_eq!(deletion.send().await.unwrap().key_state().unwrap().as_str(), "PendingDeletion");
        client.cancel_key_deletion().key_id(key.key_id()).send().await.unwrap();
        client.enable_key().key_id(key.key_id()).send().await.unwrap();
        public_key(&client, &key).await;
    }
}
