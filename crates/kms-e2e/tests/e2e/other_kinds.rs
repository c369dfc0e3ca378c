//! Keys of every other kind: made, used, verified, and what is refused. That they compute what other implementations do,
//! the Python clients show.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{
    DataKeyPairSpec, DataKeySpec, EncryptionAlgorithmSpec, KeyAgreementAlgorithmSpec, KeyMetadata, KeySpec,
    KeyUsageType, MacAlgorithmSpec, MessageType, SigningAlgorithmSpec,
};

use crate::calls::{MESSAGE, peer};
use crate::refusal::refused;
use crate::support::{arn, fresh, new_key};

const DRY_RUN: &str = "The request would have succeeded, but the DryRun option is set.";
const GRANT_TOKEN: &str = "The grant token is not valid.";

async fn key_of(client: &Client, spec: KeySpec, usage: KeyUsageType) -> KeyMetadata {
    client.create_key().key_spec(spec).key_usage(usage).send().await.unwrap().key_metadata.unwrap()
}

async fn signing_key(client: &Client) -> KeyMetadata {
    key_of(client, KeySpec::EccNistP256, KeyUsageType::SignVerify).await
}

async fn mac_key(client: &Client) -> KeyMetadata {
    key_of(client, KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac).await
}

fn usage_text(key: &KeyMetadata, operation: &str) -> String {
    let usage = key.key_usage().unwrap();
    format!("{} key usage is {usage} which is not valid for {operation}.", arn(key))
}

#[tokio::test]
pub(crate) async fn sign_refuses_what_is_not_its_own() {
    let client = fresh();
    let key = signing_key(&client).await;
    let sign = || client.sign().message(Blob::new(MESSAGE)).signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
    refused(sign().key_id(key.key_id()).dry_run(true).send().await).is("DryRunOperationException", DRY_RUN);
    refused(sign().key_id(key.key_id()).grant_tokens("x").send().await).is("InvalidGrantTokenException", GRANT_TOKEN);
    let symmetric = new_key(&client).await;
    refused(sign().key_id(symmetric.key_id()).send().await)
        .is("InvalidKeyUsageException", usage_text(&symmetric, "Sign"));
    let other = sign().key_id(key.key_id()).signing_algorithm(SigningAlgorithmSpec::RsassaPssSha256);
    refused(other.send().await)
        .is("InvalidKeyUsageException", "Algorithm RSASSA_PSS_SHA_256 is incompatible with key spec ECC_NIST_P256.");
    refused(sign().key_id(key.key_id()).message_type(MessageType::Digest).send().await)
        .is("ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256.");
    refused(sign().key_id(key.key_id()).message_type(MessageType::ExternalMu).send().await)
        .is("ValidationException", "Message type EXTERNAL_MU is incompatible with key spec ECC_NIST_P256.");
}

#[tokio::test]
pub(crate) async fn verify_takes_the_signature_of_the_message_or_its_digest_and_no_other() {
    let client = fresh();
    let key = signing_key(&client).await;
    let algorithm = SigningAlgorithmSpec::EcdsaSha256;
    let sign = client.sign().key_id(key.key_id()).message(Blob::new(MESSAGE)).signing_algorithm(algorithm.clone());
    let signature = sign.send().await.unwrap().signature.unwrap();
    let verify = || client.verify().key_id(key.key_id()).signing_algorithm(algorithm.clone());
    let of = |signature: &Blob| verify().message(Blob::new(MESSAGE)).signature(signature.clone());
    assert!(of(&signature).send().await.unwrap().signature_valid());
    let digest = Blob::new(kms_core::kdf::sha256(&[MESSAGE.as_bytes()]));
    let by_digest = verify().message(digest).message_type(MessageType::Digest).signature(signature.clone());
    assert!(by_digest.send().await.unwrap().signature_valid());
    refused(of(&signature).message(Blob::new("other")).send().await).is_without_text("KMSInvalidSignatureException");
    refused(of(&Blob::new("no DER")).send().await).is_without_text("KMSInvalidSignatureException");
    refused(of(&signature).dry_run(true).send().await).is("DryRunOperationException", DRY_RUN);
    refused(of(&signature).grant_tokens("x").send().await).is("InvalidGrantTokenException", GRANT_TOKEN);
    let mac = mac_key(&client).await;
    refused(of(&signature).key_id(mac.key_id()).send().await)
        .is("InvalidKeyUsageException", usage_text(&mac, "Verify"));
}

#[tokio::test]
async fn ed25519ph_is_neither_listed_nor_answered_where_the_token_would_sign_without_prehash() {
    let client = fresh();
    let key = key_of(&client, KeySpec::EccNistEdwards25519, KeyUsageType::SignVerify).await;
    assert_eq!(key.signing_algorithms(), [SigningAlgorithmSpec::Ed25519Sha512]);
    let sign = client.sign().key_id(key.key_id()).message(Blob::new([7; 64])).message_type(MessageType::Digest);
    let prehashed = sign.clone().signing_algorithm(SigningAlgorithmSpec::Ed25519PhSha512);
    for dry_run in [false, true] {
        let refusal = refused(prehashed.clone().dry_run(dry_run).send().await);
        assert_eq!(refusal.code, "UnsupportedOperationException", "dry run: {dry_run}");
    }
    refused(sign.signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512).send().await)
        .is("ValidationException", "Message type DIGEST is incompatible with algorithm ED25519_SHA_512.");
}

#[tokio::test]
pub(crate) async fn a_public_key_is_given_for_pairs_alone() {
    let client = fresh();
    let key = signing_key(&client).await;
    let public = client.get_public_key().key_id(key.key_id()).send().await.unwrap();
    assert_eq!((public.key_id(), public.public_key().unwrap().as_ref().len()), (key.arn(), 91));
    assert_eq!(public.signing_algorithms(), key.signing_algorithms());
    let grant = client.get_public_key().key_id(key.key_id()).grant_tokens("x");
    refused(grant.send().await).is("InvalidGrantTokenException", GRANT_TOKEN);
    for key in [new_key(&client).await, mac_key(&client).await] {
        let call = client.get_public_key().key_id(key.key_id());
        refused(call.send().await).is_without_text("UnsupportedOperationException");
    }
}

#[tokio::test]
pub(crate) async fn a_mac_is_generated_and_verified_for_its_message_alone() {
    let client = fresh();
    let key = mac_key(&client).await;
    let algorithm = MacAlgorithmSpec::HmacSha256;
    let generate = || client.generate_mac().message(Blob::new(MESSAGE)).mac_algorithm(algorithm.clone());
    let mac = generate().key_id(key.key_id()).send().await.unwrap().mac.unwrap();
    assert_eq!(mac.as_ref().len(), 32);
    let verify = || client.verify_mac().mac_algorithm(algorithm.clone()).message(Blob::new(MESSAGE)).mac(mac.clone());
    assert!(verify().key_id(key.key_id()).send().await.unwrap().mac_valid());
    let other = verify().key_id(key.key_id()).message(Blob::new("other"));
    refused(other.send().await).is_without_text("KMSInvalidMacException");
    let cut = verify().key_id(key.key_id()).mac(Blob::new(&mac.as_ref()[..31]));
    refused(cut.send().await).is_without_text("KMSInvalidMacException");
    refused(generate().key_id(key.key_id()).dry_run(true).send().await).is("DryRunOperationException", DRY_RUN);
    refused(verify().key_id(key.key_id()).dry_run(true).send().await).is("DryRunOperationException", DRY_RUN);
    refused(generate().key_id(key.key_id()).grant_tokens("x").send().await)
        .is("InvalidGrantTokenException", GRANT_TOKEN);
    refused(verify().key_id(key.key_id()).grant_tokens("x").send().await).is("InvalidGrantTokenException", GRANT_TOKEN);
    let pair = signing_key(&client).await;
    refused(generate().key_id(pair.key_id()).send().await)
        .is("InvalidKeyUsageException", usage_text(&pair, "GenerateMac"));
    refused(verify().key_id(pair.key_id()).send().await).is("InvalidKeyUsageException", usage_text(&pair, "VerifyMac"));
    let longer = generate().key_id(key.key_id()).mac_algorithm(MacAlgorithmSpec::HmacSha512);
    refused(longer.send().await)
        .is("InvalidKeyUsageException", "Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256.");
}

#[tokio::test]
pub(crate) async fn a_secret_is_agreed_with_a_peer_on_the_same_curve_alone() {
    let client = fresh();
    let key = key_of(&client, KeySpec::EccNistP256, KeyUsageType::KeyAgreement).await;
    let derive = || client.derive_shared_secret().key_agreement_algorithm(KeyAgreementAlgorithmSpec::Ecdh);
    let secret = derive().key_id(key.key_id()).public_key(peer()).send().await.unwrap().shared_secret.unwrap();
    // With the base point as peer the secret is the x coordinate of the key's own point.
    let public = client.get_public_key().key_id(key.key_id()).send().await.unwrap().public_key.unwrap();
    assert_eq!(secret.as_ref(), &public.as_ref()[27..59]);
    refused(derive().key_id(key.key_id()).public_key(Blob::new("no key")).send().await).is_common_without_text();
    let dry = derive().key_id(key.key_id()).public_key(peer()).dry_run(true);
    refused(dry.send().await).is("DryRunOperationException", DRY_RUN);
    let grant = derive().key_id(key.key_id()).public_key(peer()).grant_tokens("x");
    refused(grant.send().await).is("InvalidGrantTokenException", GRANT_TOKEN);
    let pair = signing_key(&client).await;
    refused(derive().key_id(pair.key_id()).public_key(peer()).send().await)
        .is("InvalidKeyUsageException", usage_text(&pair, "DeriveSharedSecret"));
}

#[tokio::test]
pub(crate) async fn a_data_key_pair_is_made_under_a_symmetric_key() {
    let client = fresh();
    let key = new_key(&client).await;
    let generate = || client.generate_data_key_pair().key_pair_spec(DataKeyPairSpec::EccNistP256);
    let pair = generate().key_id(key.key_id()).send().await.unwrap();
    let opened = client.decrypt().ciphertext_blob(pair.private_key_ciphertext_blob.unwrap()).send().await.unwrap();
    assert_eq!(opened.plaintext, pair.private_key_plaintext);
    refused(generate().key_id(key.key_id()).dry_run(true).send().await).is("DryRunOperationException", DRY_RUN);
    refused(generate().key_id(key.key_id()).grant_tokens("x").send().await)
        .is("InvalidGrantTokenException", GRANT_TOKEN);
    let mac = mac_key(&client).await;
    refused(generate().key_id(mac.key_id()).send().await)
        .is("InvalidKeyUsageException", usage_text(&mac, "GenerateDataKeyPair"));
    refused(generate().key_id(key.key_id()).key_pair_spec(DataKeyPairSpec::Sm2).send().await)
        .is("UnsupportedOperationException", "SM2 is served in China Regions only.");
}

#[tokio::test]
pub(crate) async fn a_data_key_pair_without_plaintext_leaves_the_private_half_out() {
    let client = fresh();
    let key = new_key(&client).await;
    let generate = || client.generate_data_key_pair_without_plaintext().key_pair_spec(DataKeyPairSpec::EccNistP256);
    let pair = generate().key_id(key.key_id()).send().await.unwrap();
    let opened = client.decrypt().ciphertext_blob(pair.private_key_ciphertext_blob.unwrap()).send().await.unwrap();
    assert_eq!(opened.plaintext.unwrap().as_ref().len(), 138);
    refused(generate().key_id(key.key_id()).dry_run(true).send().await).is("DryRunOperationException", DRY_RUN);
    refused(generate().key_id(key.key_id()).grant_tokens("x").send().await)
        .is("InvalidGrantTokenException", GRANT_TOKEN);
    let mac = mac_key(&client).await;
    refused(generate().key_id(mac.key_id()).send().await)
        .is("InvalidKeyUsageException", usage_text(&mac, "GenerateDataKeyPairWithoutPlaintext"));
    refused(generate().key_id(key.key_id()).key_pair_spec(DataKeyPairSpec::Sm2).send().await)
        .is("UnsupportedOperationException", "SM2 is served in China Regions only.");
}

#[tokio::test]
pub(crate) async fn a_key_of_another_usage_makes_no_data_key() {
    let client = fresh();
    let pair = signing_key(&client).await;
    let with = client.generate_data_key().key_id(pair.key_id()).key_spec(DataKeySpec::Aes256);
    refused(with.send().await).is("InvalidKeyUsageException", usage_text(&pair, "GenerateDataKey"));
    let without = client.generate_data_key_without_plaintext().key_id(pair.key_id()).key_spec(DataKeySpec::Aes256);
    refused(without.send().await).is("InvalidKeyUsageException", usage_text(&pair, "GenerateDataKeyWithoutPlaintext"));
}

#[tokio::test]
async fn an_rsa_key_encrypts_re_encrypts_and_decrypts() {
    let client = fresh();
    let symmetric = new_key(&client).await;
    let rsa = key_of(&client, KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt).await;
    let oaep = EncryptionAlgorithmSpec::RsaesOaepSha256;
    let encrypt = |text: Vec<u8>| client.encrypt().key_id(rsa.key_id()).plaintext(Blob::new(text));
    let ciphertext =
        encrypt(b"hello".to_vec()).encryption_algorithm(oaep.clone()).send().await.unwrap().ciphertext_blob.unwrap();
    let over = client
        .re_encrypt()
        .ciphertext_blob(ciphertext)
        .source_key_id(rsa.key_id())
        .source_encryption_algorithm(oaep.clone())
        .destination_key_id(symmetric.key_id());
    let over = over.send().await.unwrap();
    assert_eq!((over.source_key_material_id(), over.destination_key_material_id().map(str::len)), (None, Some(64)));
    let opened = client.decrypt().ciphertext_blob(over.ciphertext_blob.unwrap()).send().await.unwrap();
    assert_eq!(opened.plaintext.unwrap().as_ref(), b"hello");
    refused(encrypt(vec![1; 191]).encryption_algorithm(oaep.clone()).send().await).is(
        "ValidationException",
        "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.",
    );
    let bound = encrypt(vec![1]).encryption_algorithm(oaep).encryption_context("a", "b");
    refused(bound.send().await).is(
        "ValidationException",
        "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.",
    );
    refused(encrypt(vec![1]).send().await)
        .is("InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.");
    let data_key = client.generate_data_key().key_id(rsa.key_id()).key_spec(DataKeySpec::Aes256);
    refused(data_key.send().await)
        .is("InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK");
}
