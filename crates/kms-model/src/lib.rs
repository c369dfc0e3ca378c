//! Shapes and constraints of the 56 KMS operations, and the validator that reads a request body once.
//!
//! The table is generated from the published service model, with the few places where KMS answers otherwise. A body
//! is read in one pass into a tree that borrows from it; type errors end the pass, then all constraints are checked
//! together, then the tree becomes the typed input of the operation.

mod blob;
mod constraints;
mod error;
mod generated;
mod input;
mod json;
mod patterns;
mod probe;
mod reader;
mod shape;
mod value;
pub mod wire;

pub use blob::Blob;
pub use error::ModelError;
pub use generated::{EXCEPTIONS, OPERATIONS};
pub use probe::members_of;
pub use shape::{ExceptionShape, Kind, Length, Member, OperationShape, Pattern, Shape, StringRules, Values};
pub use value::{Data, Value};

use serde::de::DeserializeOwned;

/// The operation with this name, as it stands after `TrentService.` in `X-Amz-Target`; names are case-sensitive.
pub fn operation(name: &str) -> Option<&'static OperationShape> {
    OPERATIONS.binary_search_by(|operation| operation.name.cmp(name)).ok().map(|at| &OPERATIONS[at])
}

/// Reads and validates the body of a request.
///
/// Members the model does not know are ignored, `null` is the same as absent, fractions of whole numbers are cut off.
/// A repeated member is refused, even an unknown one: two readers of one body must never see two requests.
///
/// # Errors
/// `Serialization` for broken JSON or a wrong type; `Validation` with every violated constraint.
pub fn read<'a>(operation: &OperationShape, body: &'a [u8]) -> Result<Request<'a>, ModelError> {
    let value = reader::read(operation.input, body)?;
    constraints::check(&value)?;
    Ok(Request { value })
}

/// A body that satisfies the model. `Debug` shows neither sensitive values nor bytes.
#[derive(Debug)]
pub struct Request<'a> {
    value: Value<'a>,
}

impl<'a> Request<'a> {
    /// The tree, for audit records.
    pub fn value(&self) -> &Value<'a> {
        &self.value
    }

    /// The typed input: a struct with PascalCase members, in which blobs are [`Blob`] and timestamps `f64`.
    ///
    /// # Errors
    /// `Serialization(None)` if `T` disagrees with the table, which a test with [`members_of`] rules out.
    pub fn into_input<T: DeserializeOwned>(self) -> Result<T, ModelError> {
        T::deserialize(self.value)
    }
}
