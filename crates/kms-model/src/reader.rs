//! One pass over a body, guided by the shapes: JSON kinds are checked, blobs decoded, texts borrowed.
//!
//! The first error in document order is the answer. Source of the texts: raw answers of an AWS service on the same
//! framework; those marked below as analogies are not recorded.

use crate::blob::Blob;
use crate::error::ModelError;
use crate::json::{Cursor, MAX_DEPTH, Token, distinct};
use crate::shape::{Kind, Member, Shape};
use crate::value::{Data, Value};
use std::borrow::Cow;

/// Reads `body` as the structure `input`.
pub(crate) fn read<'a>(input: &'static Shape, body: &'a [u8]) -> Result<Value<'a>, ModelError> {
    let mut reader = Reader { cursor: Cursor::new(body)? };
    let data = match reader.cursor.token()? {
        Token::Object => reader.structure(input.members(), MAX_DEPTH)?,
        Token::List => return Err(mismatch(&input.kind, &Token::List)),
        _ => return Err(ModelError::BROKEN),
    };
    reader.cursor.end()?;
    Ok(Value::new(input, data))
}

struct Reader<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Reader<'a> {
    /// The next value; `None` for `null`.
    fn value(&mut self, shape: &'static Shape, depth: usize) -> Result<Option<Value<'a>>, ModelError> {
        let depth = depth.checked_sub(1).ok_or(ModelError::BROKEN)?;
        let data = match (&shape.kind, self.cursor.token()?) {
            (_, Token::Null) => return Ok(None),
            (Kind::String(_), Token::String(text)) => Data::String(text),
            (Kind::Blob(_), Token::String(text)) => Data::Blob(Blob::decode(text)?),
            (Kind::Integer { .. }, Token::Number(text)) => Data::Integer(integer(text)?),
            (Kind::Timestamp, Token::Number(text)) => Data::Timestamp(finite(text)?),
            (Kind::Boolean, Token::True) => Data::Boolean(true),
            (Kind::Boolean, Token::False) => Data::Boolean(false),
            (Kind::List { member, .. }, Token::List) => self.list(member, depth)?,
            (Kind::Map { value, .. }, Token::Object) => self.map(value, depth)?,
            (Kind::Structure(members), Token::Object) => self.structure(members, depth)?,
            (kind, token) => return Err(mismatch(kind, &token)),
        };
        Ok(Some(Value::new(shape, data)))
    }

    fn list(&mut self, member: &'static Shape, depth: usize) -> Result<Data<'a>, ModelError> {
        let mut elements = Vec::new();
        while self.cursor.element(elements.is_empty())? {
            elements.push(self.value(member, depth)?.unwrap_or(Value::new(member, Data::Null)));
        }
        Ok(Data::List(elements))
    }

    fn map(&mut self, shape: &'static Shape, depth: usize) -> Result<Data<'a>, ModelError> {
        let mut pairs = Vec::new();
        while let Some(key) = self.cursor.name(pairs.is_empty())? {
            let value = self.value(shape, depth)?.unwrap_or(Value::new(shape, Data::Null));
            pairs.push((key, value));
        }
        distinct(pairs.iter().map(|(key, _)| Cow::Borrowed(key.as_ref())).collect())?;
        Ok(Data::Map(pairs))
    }

    fn structure(&mut self, members: &'static [Member], depth: usize) -> Result<Data<'a>, ModelError> {
        let mut present = Vec::new();
        let mut seen = 0_u64;
        let mut unknown = Vec::new();
        let mut first = true;
        while let Some(name) = self.cursor.name(std::mem::take(&mut first))? {
            let Some(at) = members.iter().position(|member| member.name == name) else {
                unknown.push(name);
                let token = self.cursor.token()?;
                self.cursor.skip(&token, depth)?;
                continue;
            };
            // No structure of the model has 64 members; a test counts them.
            let bit = 1 << at;
            if seen & bit != 0 {
                return Err(ModelError::BROKEN);
            }
            seen |= bit;
            if let Some(value) = self.value(members[at].shape, depth)? {
                present.push((&members[at], value));
            }
        }
        distinct(unknown)?;
        Ok(Data::Structure(present))
    }
}

/// A whole number; a fraction is cut off. Beyond 64 bits it saturates, so that the range constraint refuses it.
fn integer(text: &str) -> Result<i64, ModelError> {
    match text.parse() {
        Ok(number) => Ok(number),
        // A cast from f64 truncates and saturates; every range of the model lies far inside its 53 exact bits.
        Err(_) => text.parse::<f64>().map(|number| number as i64).map_err(|_| ModelError::BROKEN),
    }
}

fn finite(text: &str) -> Result<f64, ModelError> {
    text.parse().ok().filter(|seconds: &f64| seconds.is_finite()).ok_or(ModelError::BROKEN)
}

/// The answer to a value of the wrong JSON kind.
fn mismatch(wanted: &Kind, found: &Token<'_>) -> ModelError {
    let found = match found {
        Token::List => return text("Start of list found where not expected"),
        Token::Object => return text("Start of structure or map found where not expected."),
        Token::Number(_) => "NUMBER_VALUE",
        Token::True => "TRUE_VALUE",
        Token::False => "FALSE_VALUE",
        Token::String(_) => "STRING_VALUE",
        // `null` is the same as absent and never comes here.
        Token::Null => return ModelError::BROKEN,
    };
    let wanted = match wanted {
        Kind::String(_) => "a String",
        Kind::Integer { .. } => "an Integer",
        // The next three names, and "map", are analogies.
        Kind::Boolean => "a Boolean",
        Kind::Blob(_) => "a Blob",
        Kind::Timestamp => "a Date",
        Kind::List { .. } => return text("Expected list or null"),
        Kind::Map { .. } => return text("Expected map or null"),
        Kind::Structure(_) => return text("Expected null"),
    };
    text(&format!("{found} can not be converted to {wanted}"))
}

fn text(message: &str) -> ModelError {
    ModelError::Serialization(Some(message.to_owned()))
}
