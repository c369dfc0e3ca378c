//! The tree that one pass over a body gives: typed by the model, borrowing its text from the body.

use crate::blob::Blob;
use crate::shape::{Member, Shape};
use std::borrow::Cow;
use std::fmt;

/// A value of the request with the shape it was read as. `Debug` shows neither sensitive values nor bytes.
pub struct Value<'a> {
    shape: &'static Shape,
    data: Data<'a>,
}

/// What a value holds; the variant follows from the kind of its shape.
pub enum Data<'a> {
    /// `null` as an element of a list or a value of a map. Never in a request that was read without error.
    Null,
    /// Text.
    String(Cow<'a, str>),
    /// Bytes, already decoded.
    Blob(Blob),
    /// A whole number; fractions are cut off, numbers beyond 64 bits end at the nearest limit.
    Integer(i64),
    /// Seconds since 1970-01-01T00:00:00Z, finite.
    Timestamp(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// Elements in the order of the body.
    List(Vec<Value<'a>>),
    /// Pairs with distinct keys, in the order of the body.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
    /// The members that are present, in the order of the body.
    Structure(Vec<(&'static Member, Value<'a>)>),
}

impl<'a> Value<'a> {
    pub(crate) fn new(shape: &'static Shape, data: Data<'a>) -> Self {
        Self { shape, data }
    }

    /// The shape this value was read as.
    pub fn shape(&self) -> &'static Shape {
        self.shape
    }

    /// What the value holds.
    pub fn data(&self) -> &Data<'a> {
        &self.data
    }

    /// The member with this PascalCase name; `None` if it is absent or this is no structure.
    pub fn member(&self, name: &str) -> Option<&Value<'a>> {
        match &self.data {
            Data::Structure(members) => members.iter().find(|(member, _)| member.name == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Data::String(text) = &self.data { Some(text) } else { None }
    }

    pub(crate) fn into_data(self) -> Data<'a> {
        self.data
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shape.sensitive {
            return f.write_str("<sensitive>");
        }
        match &self.data {
            Data::Null => f.write_str("null"),
            Data::String(text) => text.fmt(f),
            Data::Blob(blob) => blob.fmt(f),
            Data::Integer(number) => number.fmt(f),
            Data::Timestamp(seconds) => seconds.fmt(f),
            Data::Boolean(truth) => truth.fmt(f),
            Data::List(elements) => f.debug_list().entries(elements).finish(),
            Data::Map(pairs) => f.debug_map().entries(pairs.iter().map(|(key, value)| (key, value))).finish(),
            Data::Structure(members) => {
                let mut structure = f.debug_struct(self.shape.name);
                for (member, value) in members {
                    structure.field(member.name, value);
                }
                structure.finish()
            }
        }
    }
}
