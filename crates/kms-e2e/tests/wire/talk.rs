//! Many requests of one account over one connection: for the tests that go over every served operation.

use kms_model::OperationShape;

use crate::http::{Answer, Connection};
use crate::places::{Place, places};
use crate::signer::Request;

/// The shapes of the operations that are served.
pub(crate) fn served() -> impl Iterator<Item = &'static OperationShape> {
    kms_service::SERVED.iter().map(|operation| kms_model::operation(operation.name()).unwrap())
}

/// Every place of the requests of the served operations.
pub(crate) fn served_places() -> Vec<Place> {
    let is_served = |place: &Place| served().any(|operation| operation.name == place.operation.name);
    let places: Vec<Place> = places().into_iter().filter(is_served).collect();
    assert!(places.len() > 80, "only {} places", places.len());
    places
}

/// Whether a refusal in the words of the model comes from a rule that only the documentation has: a narrower limit, or a
/// ciphertext or key that may be absent in some cases alone. Source: kms-operations.md 1.4, 2 and 3.2.
pub(crate) fn is_documented(operation: &OperationShape, text: &str) -> bool {
    let endings: &[&str] = match operation.name {
        "Decrypt" | "ReEncrypt" => &[
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null",
            "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
            "1 validation error detected: Value null at 'sourceKeyId' failed to satisfy constraint: Member must not be null",
        ],
        "ListAliases" => &["'limit' failed to satisfy constraint: Member must have value less than or equal to 100"],
        "ListResourceTags" => {
            &["'limit' failed to satisfy constraint: Member must have value less than or equal to 50"]
        }
        "ScheduleKeyDeletion" => &["value greater than or equal to 7", "value less than or equal to 30"],
        _ => &[],
    };
    endings.iter().any(|ending| text.ends_with(ending))
}

/// A connection of a fresh account.
pub(crate) struct Talk {
    connection: Connection,
    account: String,
}

impl Talk {
    pub(crate) fn new() -> Self {
        Self { connection: Connection::open(), account: kms_e2e::fresh_account() }
    }

    /// A correct request with these bytes as body.
    pub(crate) fn request(&self, operation: &str, body: impl Into<Vec<u8>>) -> Request {
        let request = Request::of_account(&self.account, operation, serde_json::Value::Null);
        Request { body: body.into(), ..request }
    }

    /// Sends a body and gives the answer, which is whole and no fault of the service, whatever was sent.
    #[track_caller]
    pub(crate) fn ask(&mut self, operation: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = self.request(operation, body);
        self.send(&request)
    }

    /// Sends a request and gives the answer, which is whole and no fault of the service.
    #[track_caller]
    pub(crate) fn send(&mut self, request: &Request) -> Answer {
        self.connection.send(&request.bytes()).unwrap();
        let answer = self.connection.answer();
        answer.is_whole();
        assert!(answer.status < 500, "{}", answer.text());
        if answer.status == 413 {
            // What was not read of the body is lost with the connection.
            self.connection = Connection::open();
        }
        answer
    }
}
