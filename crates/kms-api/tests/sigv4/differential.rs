//! Whatever the signer of the AWS SDK for Rust signs is accepted, and names who signed it.

use std::time::SystemTime;

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use kms_api::sigv4::{Credentials, CredentialsRefused, SecretAccessKey, SigningKeys, Verifier};
use proptest::prelude::*;
use time::{Duration, OffsetDateTime};

use crate::support::Request;

/// One access key, temporary if it has a token.
#[derive(Debug, Clone)]
struct Key {
    id: String,
    secret: String,
    token: Option<String>,
}

impl SigningKeys for Key {
    type Caller = String;

    fn find(&self, id: &str, token: Option<&str>) -> Result<Credentials<String>, CredentialsRefused> {
        if id != self.id || token != self.token.as_deref() {
            return Err(CredentialsRefused::Invalid);
        }
        Ok(Credentials { secret: SecretAccessKey::new(self.secret.clone()), caller: format!("holder of {id}") })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_the_sdk_signs_is_accepted(
        key in key(),
        request in request(),
        region in "[a-z]{1,6}(-[a-z]{1,6}){1,2}-[0-9]{1,2}",
        epoch_seconds in 1_400_000_000_i64..4_000_000_000,
        skew_seconds in -300_i64..=300,
        checksum in prop_oneof![Just(PayloadChecksumKind::NoHeader), Just(PayloadChecksumKind::XAmzSha256)],
    ) {
        let signed_at = OffsetDateTime::from_unix_timestamp(epoch_seconds).unwrap();
        let signed = sign_by_sdk(&request, &key, &region, signed_at, checksum);
        let verifier = Verifier::new(key.clone());
        let caller = format!("holder of {}", key.id);
        prop_assert_eq!(
            signed.verify_by(&verifier, signed_at + Duration::seconds(skew_seconds)),
            Ok((caller.clone(), key.id.clone(), region.clone())),
            "{:?}", signed
        );
        // The second time the key comes from the cache.
        prop_assert_eq!(signed.verify_by(&verifier, signed_at), Ok((caller, key.id.clone(), region)));

        let changed = Key { secret: format!("{}x", key.secret), ..key };
        prop_assert!(signed.verify_by(&Verifier::new(changed), signed_at).is_err(), "the old secret is still good");
    }
}

fn sign_by_sdk(
    request: &Request,
    key: &Key,
    region: &str,
    at: OffsetDateTime,
    checksum: PayloadChecksumKind,
) -> Request {
    let identity = AwsCredentials::new(key.id.clone(), key.secret.clone(), key.token.clone(), None, "test").into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = checksum;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("kms")
        .time(SystemTime::from(at))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let question_mark = if request.query.is_empty() { "" } else { "?" };
    let uri = format!("https://kms.example.com{}{question_mark}{}", request.path, request.query);
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), str::from_utf8(value).unwrap()));
    let signable = SignableRequest::new(&request.method, uri, headers, SignableBody::Bytes(&request.body)).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    instructions.headers().fold(request.clone(), |request, (name, value)| request.with(name, value))
}

fn key() -> impl Strategy<Value = Key> {
    let token = proptest::option::of("[A-Za-z0-9/+=]{1,80}");
    ("[A-Z0-9]{1,20}", "[ -~]{1,60}", token).prop_map(|(id, secret, token)| Key { id, secret, token })
}

/// Without what HTTP clients never send and the signer normalises: dot segments, doubled slashes, a plus for a space,
/// escapes of what needs none.
fn request() -> impl Strategy<Value = Request> {
    let method = prop_oneof!["POST", "GET", "PUT"];
    let path = "(/[a-zA-Z0-9_~@:-]{1,6}){0,3}/?(%[2-7][0-9A-F])?";
    let name = prop_oneof!["x-amz-meta-[a-d]", "[a-d]-custom", "content-type", "X-Mixed-Case"];
    let value = "( {0,3}[!-~]{0,8}){0,4} {0,2}";
    let headers = proptest::collection::vec((name, value), 0..8);
    let parameter = "[A-Za-z0-9_.~-]{1,4}(%2[0-9A-CF])?(=([A-Za-z0-9_.~-]|%2[0-9A-CF]|%3[A-F]|%C3%A9){0,4})?";
    let query = proptest::collection::vec(parameter, 0..4).prop_map(|parameters| parameters.join("&"));
    let body = proptest::collection::vec(any::<u8>(), 0..300);
    (method, path, query, headers, body).prop_map(|(method, path, query, headers, body)| {
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        let headers = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        Request { method, path, query, headers, body }.with("host", "kms.example.com").with("user-agent", "sdk")
    })
}
