//! The types of the shape table: what the KMS service model says about an operation and about each of its members.

/// One KMS operation. Source: `operations` of the service model.
#[derive(Debug)]
pub struct OperationShape {
    /// Name as it stands after `TrentService.` in `X-Amz-Target`.
    pub name: &'static str,
    /// Structure of the request body.
    pub input: &'static Shape,
    /// Structure of the response body; `None` for the 14 operations that answer nothing.
    pub output: Option<&'static Shape>,
    /// Exceptions the model declares for this operation, in model order.
    pub errors: &'static [&'static ExceptionShape],
}

/// An exception that the model declares. Its only member is `message`.
#[derive(Debug, PartialEq, Eq)]
pub struct ExceptionShape {
    /// The short name, as sent in `__type`.
    pub name: &'static str,
    /// True if the service is to blame: HTTP status 500 instead of 400.
    pub fault: bool,
}

/// A named shape with its constraints.
#[derive(Debug)]
pub struct Shape {
    /// Name in the model, such as `KeyIdType`.
    pub name: &'static str,
    /// Type and constraints.
    pub kind: Kind,
    /// True if the value must not appear in logs, errors or `Debug`.
    pub sensitive: bool,
}

impl Shape {
    pub(crate) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, sensitive: false }
    }

    pub(crate) const fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    /// Members in model order; empty for everything that is not a structure.
    pub const fn members(&self) -> &'static [Member] {
        match self.kind {
            Kind::Structure(members) => members,
            _ => &[],
        }
    }
}

/// Type of a shape, with the constraints that belong to the type.
#[derive(Debug)]
pub enum Kind {
    /// Text, with its rules.
    String(StringRules),
    /// Bytes, base64 on the wire; the length counts bytes.
    Blob(Length),
    /// A whole number between `min` and `max`, both included.
    Integer {
        /// Smallest allowed value.
        min: i64,
        /// Largest allowed value.
        max: i64,
    },
    /// `true` or `false`.
    Boolean,
    /// Seconds since 1970-01-01T00:00:00Z, a JSON number with an optional fraction.
    Timestamp,
    /// Elements of one shape; the length counts elements.
    List {
        /// Shape of each element.
        member: &'static Shape,
        /// Allowed number of elements, if the model limits it.
        length: Option<Length>,
    },
    /// Pairs; the model limits neither their number nor their keys.
    Map {
        /// Shape of each key: a string.
        key: &'static Shape,
        /// Shape of each value.
        value: &'static Shape,
    },
    /// Named members in model order.
    Structure(&'static [Member]),
}

/// Constraints of a string.
#[derive(Debug)]
pub struct StringRules {
    /// Allowed length in Unicode scalar values.
    pub length: Option<Length>,
    /// Regular expression that the whole text must satisfy.
    pub pattern: Option<Pattern>,
    /// The only allowed values.
    pub values: Option<Values>,
}

impl StringRules {
    /// A string without constraints.
    pub(crate) const ANY: Self = Self { length: None, pattern: None, values: None };

    pub(crate) const fn length(self, min: usize, max: usize) -> Self {
        Self { length: Some(Length { min, max }), ..self }
    }

    pub(crate) const fn pattern(self, text: &'static str, matches: fn(&str) -> bool) -> Self {
        Self { pattern: Some(Pattern { text, matches }), ..self }
    }

    pub(crate) const fn one_of(self, allowed: &'static [&'static str]) -> Self {
        Self { values: Some(Values { allowed, printed: allowed }), ..self }
    }

    pub(crate) const fn printed(self, printed: &'static [&'static str]) -> Self {
        match self.values {
            Some(values) => Self { values: Some(Values { printed, ..values }), ..self },
            None => self,
        }
    }
}

/// Inclusive limits of a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// Smallest allowed length.
    pub min: usize,
    /// Largest allowed length.
    pub max: usize,
}

/// A regular expression of the model together with the function that decides it.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// The expression as KMS prints it.
    pub text: &'static str,
    /// True if the whole text satisfies the expression.
    pub matches: fn(&str) -> bool,
}

/// Values of an enumeration.
#[derive(Debug, Clone, Copy)]
pub struct Values {
    /// What is accepted, in model order.
    pub allowed: &'static [&'static str],
    /// What a violation prints; KMS prints some sets in an order of its own, and one set larger than it accepts.
    pub printed: &'static [&'static str],
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// PascalCase name, as on the wire.
    pub name: &'static str,
    /// Shape of its value.
    pub shape: &'static Shape,
    /// True if a request without it is refused.
    pub required: bool,
}

impl Member {
    pub(crate) const fn required(name: &'static str, shape: &'static Shape) -> Self {
        Self { name, shape, required: true }
    }

    pub(crate) const fn optional(name: &'static str, shape: &'static Shape) -> Self {
        Self { name, shape, required: false }
    }
}
