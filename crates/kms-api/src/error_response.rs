//! Errors as AWS JSON 1.1 writes them. Source: protocol.md 1, 4, 6.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use kms_core::KmsError;

use crate::sigv4::SignatureError;

/// The content type of every JSON answer.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The header that names the request in every answer.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The answer to a refused operation.
pub(crate) fn kms_error(error: &KmsError, request_id: &str) -> HttpResponse {
    let status = if error.is_fault() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
    let member = if matches!(error, KmsError::AccessDenied(_)) { "Message" } else { "message" };
    json(status, error.exception(), error.message().map(|text| (member, text)), request_id)
}

/// The answer to a request whose signature does not hold.
pub(crate) fn signature_error(error: &SignatureError, request_id: &str) -> HttpResponse {
    json(StatusCode::BAD_REQUEST, error.exception(), Some(("message", &error.message())), request_id)
}

/// No operation of that name: a type and nothing else.
pub(crate) fn unknown_operation(request_id: &str) -> HttpResponse {
    json(StatusCode::BAD_REQUEST, "UnknownOperationException", None, request_id)
}

/// Not a request of this protocol at all.
pub(crate) fn not_this_protocol(request_id: &str) -> HttpResponse {
    HttpResponse::NotFound()
        .insert_header((REQUEST_ID.clone(), request_id))
        .content_type("application/xml")
        .body("<UnknownOperationException/>\n")
}

/// A body past the limit.
pub(crate) fn too_large(request_id: &str) -> HttpResponse {
    json(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", None, request_id)
}

/// A body that did not arrive, or not in time.
pub(crate) fn broken_body(request_id: &str) -> HttpResponse {
    let mut response = json(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", None, request_id);
    response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    response
}

fn json(status: StatusCode, exception: &str, message: Option<(&str, &str)>, request_id: &str) -> HttpResponse {
    let mut body = serde_json::Map::new();
    body.insert("__type".to_owned(), exception.into());
    if let Some((member, text)) = message {
        body.insert(member.to_owned(), text.into());
    }
    HttpResponse::build(status)
        .insert_header((REQUEST_ID.clone(), request_id))
        .content_type(CONTENT_TYPE)
        .body(serde_json::Value::Object(body).to_string())
}
