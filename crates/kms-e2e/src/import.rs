//! The client's half of an import: wrapping the bytes under the public key of GetParametersForImport.

use aws_sdk_kms::Client;
use aws_sdk_kms::operation::import_key_material::ImportKeyMaterialOutput;
use aws_sdk_kms::primitives::{Blob, DateTime};
use aws_sdk_kms::types::{AlgorithmSpec, ExpirationModelType, WrappingKeySpec};
use rsa::pkcs8::DecodePublicKey;
use rsa::{Oaep, PublicKey};

/// 32 bytes that depend on a number.
pub fn material(number: u8) -> [u8; 32] {
    std::array::from_fn(|index| number.wrapping_mul(37).wrapping_add(index as u8))
}

/// Wraps bytes by OAEP under a DER SubjectPublicKeyInfo.
///
/// # Errors
/// The key is none, or the bytes are too long for it.
pub fn wrap(public_key: &[u8], algorithm: &AlgorithmSpec, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let key = PublicKey::from_public_key_der(public_key)?;
    let mut random = rsa::rand_core::UnwrapErr(getrandom::SysRng);
    Ok(match algorithm {
        AlgorithmSpec::RsaesOaepSha1 => key.encrypt(&mut random, Oaep::<sha1::Sha1>::new(), bytes)?,
        _ => key.encrypt(&mut random, Oaep::<sha2::Sha256>::new(), bytes)?,
    })
}

/// The whole import, without expiry, under RSA 2048 and OAEP SHA-256.
///
/// # Errors
/// A refusal of either call.
pub async fn import(client: &Client, key_id: &str, bytes: &[u8]) -> anyhow::Result<ImportKeyMaterialOutput> {
    import_until(client, key_id, bytes, None).await
}

/// The whole import, as [`import`], of material that expires at `valid_to`.
///
/// # Errors
/// A refusal of either call.
pub async fn import_until(
    client: &Client,
    key_id: &str,
    bytes: &[u8],
    valid_to: Option<DateTime>,
) -> anyhow::Result<ImportKeyMaterialOutput> {
    let expiration = match valid_to {
        Some(_) => ExpirationModelType::KeyMaterialExpires,
        None => ExpirationModelType::KeyMaterialDoesNotExpire,
    };
    let algorithm = AlgorithmSpec::RsaesOaepSha256;
    let parameters = client
        .get_parameters_for_import()
        .key_id(key_id)
        .wrapping_algorithm(algorithm.clone())
        .wrapping_key_spec(WrappingKeySpec::Rsa2048)
        .send()
        .await?;
    let public_key = parameters.public_key().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
    let wrapped = wrap(&public_key, &algorithm, bytes)?;
    let imported = client
        .import_key_material()
        .key_id(key_id)
        .set_import_token(parameters.import_token().cloned())
        .encrypted_key_material(Blob::new(wrapped))
        .expiration_model(expiration)
        .set_valid_to(valid_to)
        .send()
        .await?;
    Ok(imported)
}
