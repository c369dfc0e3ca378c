//! From bytes to an operation and back: protocol, target, body, signature, call. Source: protocol.md 1, 3.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE as CONTENT_TYPE_HEADER, HeaderName, HeaderValue, USER_AGENT};
use actix_web::web::{Bytes, BytesMut, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use kms_core::{KmsError, Operation, Region};
use kms_service::{Caller, OperationRequest};
use std::error::Error as _;

use crate::app::{Api, MAX_BODY, Peer};
use crate::error_response::{
    CONTENT_TYPE, REQUEST_ID, broken_body, kms_error, not_this_protocol, signature_error, too_large, unknown_operation,
};
use crate::request_counts::Rejection;
use crate::sigv4::{SignatureError, SignedRequest};

/// How long a client may take to send a body.
const BODY_TIME: Duration = Duration::from_secs(10);
static TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const TARGET_PREFIX: &str = "TrentService.";
/// Longest `User-Agent` kept for the audit record, in bytes; a header value that is text is ASCII.
const MAX_USER_AGENT: usize = 512;

/// Every request that is not for health or metrics. Each word in the name of a header begins with a capital: libmongocrypt,
/// which reads answers itself, knows `Content-Length` in AWS's spelling only.
pub(crate) async fn handle(request: HttpRequest, payload: Payload, api: Data<Api>) -> HttpResponse {
    let mut response = answer(&request, payload, &api).await;
    response.head_mut().set_camel_case_headers(true);
    response
}

async fn answer(request: &HttpRequest, payload: Payload, api: &Api) -> HttpResponse {
    let request_id = kms_core::random::id().to_string();
    let body = match read_body_in_time(payload).await {
        Ok(body) => body,
        Err(error) => {
            api.counts.reject(Rejection::Body);
            return match error {
                BodyError::TooLarge => too_large(&request_id),
                BodyError::Broken => broken_body(&request_id),
            };
        }
    };
    if request.method() != Method::POST || request.path() != "/" || !speaks_json(request) {
        api.counts.reject(Rejection::Protocol);
        return not_this_protocol(&request_id);
    }
    let Some(operation) = target(request) else {
        api.counts.reject(Rejection::UnknownOperation);
        return unknown_operation(&request_id);
    };
    let caller = match verify(api, request, &body, &request_id) {
        Ok(caller) => caller,
        Err(refusal) => {
            api.counts.reject(Rejection::Signature);
            return signature_error(&refusal, &request_id);
        }
    };
    let call = OperationRequest { operation, caller: Arc::new(caller) };
    let result = api.service.call(call, &body).await;
    api.counts.count(operation, &result);
    match result {
        Ok(answer) => HttpResponse::Ok()
            .insert_header((REQUEST_ID.clone(), request_id))
            .insert_header((CONTENT_TYPE_HEADER, HeaderValue::from_static(CONTENT_TYPE)))
            .body(answer),
        Err(error) => {
            if error.is_fault() {
                log_fault(operation, &error, &request_id);
            }
            kms_error(&error, &request_id)
        }
    }
}

enum BodyError {
    TooLarge,
    Broken,
}

/// Most bodies are here with their headers, and need no timer.
async fn read_body_in_time(payload: Payload) -> Result<Bytes, BodyError> {
    let mut reading = std::pin::pin!(read_body(payload));
    let at_once = std::future::poll_fn(|cx| match reading.as_mut().poll(cx) {
        Poll::Ready(body) => Poll::Ready(Some(body)),
        Poll::Pending => Poll::Ready(None),
    });
    match at_once.await {
        Some(body) => body,
        None => tokio::time::timeout(BODY_TIME, reading).await.unwrap_or(Err(BodyError::Broken)),
    }
}

/// Most bodies come in one piece, which is taken without a copy.
async fn read_body(mut payload: Payload) -> Result<Bytes, BodyError> {
    let mut whole: Option<BytesMut> = None;
    let mut first = Bytes::new();
    while let Some(chunk) = next_chunk(&mut payload).await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        let length = whole.as_ref().map_or(first.len(), BytesMut::len);
        if length + chunk.len() > MAX_BODY {
            return Err(BodyError::TooLarge);
        }
        match &mut whole {
            Some(buffer) => buffer.extend_from_slice(&chunk),
            None if first.is_empty() => first = chunk,
            None => {
                let mut buffer = BytesMut::with_capacity(first.len() + chunk.len());
                buffer.extend_from_slice(&first);
                buffer.extend_from_slice(&chunk);
                whole = Some(buffer);
            }
        }
    }
    Ok(whole.map_or(first, BytesMut::freeze))
}

async fn next_chunk(payload: &mut Payload) -> Option<Result<Bytes, actix_web::error::PayloadError>> {
    std::future::poll_fn(|cx| futures_core::Stream::poll_next(std::pin::Pin::new(&mut *payload), cx)).await
}

/// `application/x-amz-json-1.1`, with or without a charset; plain `application/json` is taken for the same.
fn speaks_json(request: &HttpRequest) -> bool {
    let value = request.headers().get(CONTENT_TYPE_HEADER).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = value.split(';').next().unwrap_or("").trim();
    media_type.eq_ignore_ascii_case(CONTENT_TYPE) || media_type.eq_ignore_ascii_case("application/json")
}

fn target(request: &HttpRequest) -> Option<Operation> {
    let value = request.headers().get(&TARGET)?.to_str().ok()?;
    Operation::parse(value.strip_prefix(TARGET_PREFIX)?)
}

fn verify(api: &Api, request: &HttpRequest, body: &[u8], request_id: &str) -> Result<Caller, SignatureError> {
    let headers = request.headers();
    let signed = SignedRequest {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or(""),
        headers: headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())),
        body,
    };
    let verified = api.verifier.verify(signed, api.clock.real_now())?;
    let region = Region::parse(verified.region).ok_or_else(invalid_region)?;
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("");
    Ok(Caller {
        account: verified.caller.account,
        arn: verified.caller.arn,
        access_key_id: verified.access_key_id.to_owned(),
        region,
        request_id: request_id.to_owned(),
        source_ip: Peer::of(request),
        user_agent: user_agent[..user_agent.floor_char_boundary(MAX_USER_AGENT)].to_owned(),
    })
}

/// The verifier lets only well-formed regions through; this is its text.
fn invalid_region() -> SignatureError {
    SignatureError::Invalid("Credential should be scoped to a valid region.".to_owned())
}

/// The cause of a fault goes to the log, once, here; the client gets the words of KMS.
fn log_fault(operation: Operation, error: &KmsError, request_id: &str) {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    tracing::error!(%operation, request_id, exception = error.exception(), cause, "a request failed");
}
