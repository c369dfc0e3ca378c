//! `GetParametersForImport`: a wrapping public key and an import token, valid 24 hours and bound to each other and the key.
//! Source: AWS KMS API Reference, GetParametersForImport.

use kms_core::KmsError;
use kms_core::clock::epoch_seconds;
use kms_core::key_spec::WrappingKeySpec;
use kms_core::wrapping::WrappingAlgorithm;
use serde::{Deserialize, Serialize};

use crate::context::Context;

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Input {
    key_id: String,
    wrapping_algorithm: String,
    wrapping_key_spec: String,
}

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    key_id: String,
    #[serde(with = "kms_model::wire::blob")]
    import_token: Vec<u8>,
    #[serde(with = "kms_model::wire::blob")]
    public_key: Vec<u8>,
    parameters_valid_to: f64,
}

/// # Errors
/// `NotFoundException`, `InvalidArnException`; `UnsupportedOperationException` for another origin or an algorithm that
/// KMS or this token does not serve; `KMSInvalidStateException`; `ValidationException` for a wrapping that cannot carry
/// this key spec; `ThrottlingException` past 1,000 live pairs, or when none lies ready and too many RSA keys are being made.
pub(crate) fn run(cx: &Context<'_>, input: Input) -> Result<Output, KmsError> {
    let key = cx.key_for(&input.key_id)?;
    cx.check_external(&key)?;
    cx.check_state(&key)?;
    let (algorithm, spec) = parse(&input)?;
    if !algorithm.may_import(key.spec, spec) {
        return Err(KmsError::Validation(format!(
            "Wrapping algorithm {} and wrapping key spec {spec} cannot be used to import a {} key.",
            algorithm.name(),
            key.spec
        )));
    }
    let parameters = cx.keeper_of(&key)?.wrapping_parameters(&key.address, spec, algorithm, || cx.rsa_gate.enter())?;
    Ok(Output {
        key_id: key.address.arn(),
        import_token: parameters.import_token.to_vec(),
        public_key: parameters.public_key,
        parameters_valid_to: epoch_seconds(parameters.valid_to),
    })
}

/// PKCS #1 v1.5 is refused since 2023, SM2 outside the China regions. The model has checked that the words are known.
fn parse(input: &Input) -> Result<(WrappingAlgorithm, WrappingKeySpec), KmsError> {
    let algorithm = WrappingAlgorithm::parse(&input.wrapping_algorithm);
    let spec = WrappingKeySpec::parse(&input.wrapping_key_spec);
    match (algorithm, spec) {
        (Some(WrappingAlgorithm::RsaesPkcs1V15 | WrappingAlgorithm::Sm2Pke) | None, _)
        | (_, Some(WrappingKeySpec::Sm2) | None) => Err(KmsError::UnsupportedOperation(Some(format!(
            "Wrapping algorithm {} with wrapping key spec {} is not supported.",
            input.wrapping_algorithm, input.wrapping_key_spec
        )))),
        (Some(algorithm), Some(spec)) => Ok((algorithm, spec)),
    }
}
