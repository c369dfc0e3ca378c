//! The constraints of the model, checked over a whole tree: every violation of a request goes into one answer.
//!
//! Source of the texts: recorded answers of KMS. Elements of a list of scalars are reported together with all rules of
//! an element, as other services on the same framework do (ACM, Lambda, IoT); for KMS that form is not recorded.

use crate::error::ModelError;
use crate::shape::{Kind, Length, Shape, StringRules};
use crate::value::{Data, Value};
use std::fmt::{self, Write as _};

/// Violations that are written out; the count goes on. A body of `[{},{},...]` must not grow into a huge answer.
const MAX_WRITTEN: usize = 100;

/// Checks `input` and everything below it, in model order.
///
/// # Errors
/// `Validation` with all violations.
pub(crate) fn check(input: &Value<'_>) -> Result<(), ModelError> {
    let mut violations = Violations::default();
    violations.value(input, &Path::Root);
    if violations.count == 0 {
        return Ok(());
    }
    let plural = if violations.count == 1 { "" } else { "s" };
    Err(ModelError::Validation(format!("{} validation error{plural} detected: {}", violations.count, violations.text)))
}

#[derive(Default)]
struct Violations {
    count: usize,
    text: String,
}

impl Violations {
    fn value(&mut self, value: &Value<'_>, path: &Path<'_>) {
        match (&value.shape().kind, value.data()) {
            (_, Data::Null) => self.missing(value.shape(), path),
            (Kind::String(rules), Data::String(text)) => self.string(rules, text, value, path),
            (Kind::Blob(length), Data::Blob(blob)) => self.length(*length, blob.0.len(), value, path),
            (&Kind::Integer { min, max }, &Data::Integer(number)) => {
                if number < min {
                    self.add(value, path, format_args!("Member must have value {}", AtLeast(min)));
                } else if number > max {
                    self.add(value, path, format_args!("Member must have value {}", AtMost(max)));
                }
            }
            (Kind::List { member, length }, Data::List(elements)) => self.list(member, *length, elements, value, path),
            (Kind::Map { .. }, Data::Map(pairs)) => {
                for (key, value) in pairs {
                    self.value(value, &Path::Pair(path, key));
                }
            }
            (Kind::Structure(members), Data::Structure(_)) => {
                for member in *members {
                    let path = Path::Member(path, member.name);
                    match value.member(member.name) {
                        Some(value) => self.value(value, &path),
                        None if member.required => self.missing(member.shape, &path),
                        None => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn string(&mut self, rules: &StringRules, text: &str, value: &Value<'_>, path: &Path<'_>) {
        if let Some(length) = rules.length {
            self.length(length, characters(text), value, path);
        }
        if let Some(pattern) = rules.pattern.filter(|pattern| !(pattern.matches)(text)) {
            self.add(value, path, format_args!("Member must satisfy regular expression pattern: {}", pattern.text));
        }
        if let Some(values) = rules.values.filter(|values| !values.allowed.contains(&text)) {
            self.add(value, path, format_args!("Member must satisfy enum value set: {}", Set(values.printed)));
        }
    }

    fn list(
        &mut self,
        member: &'static Shape,
        length: Option<Length>,
        elements: &[Value<'_>],
        value: &Value<'_>,
        path: &Path<'_>,
    ) {
        if let Some(length) = length {
            self.length(length, elements.len(), value, path);
        }
        if let Kind::String(rules) = &member.kind {
            let broken = |element: &Value<'_>| element.as_str().is_some_and(|text| !obeys(rules, text));
            if elements.iter().any(broken) {
                self.add(value, path, format_args!("Member must satisfy constraint: [{}]", Rules(rules)));
            }
        }
        for (at, element) in elements.iter().enumerate() {
            if !matches!(element.data(), Data::String(_)) {
                self.value(element, &Path::Element(path, at + 1));
            }
        }
    }

    fn length(&mut self, limits: Length, length: usize, value: &Value<'_>, path: &Path<'_>) {
        if length < limits.min {
            self.add(value, path, format_args!("Member must have length {}", AtLeast(limits.min)));
        } else if length > limits.max {
            self.add(value, path, format_args!("Member must have length {}", AtMost(limits.max)));
        }
    }

    fn missing(&mut self, shape: &Shape, path: &Path<'_>) {
        let subject = if shape.sensitive { "Value" } else { "Value null" };
        self.write(format_args!("{subject} at '{path}' failed to satisfy constraint: Member must not be null"));
    }

    fn add(&mut self, value: &Value<'_>, path: &Path<'_>, constraint: fmt::Arguments<'_>) {
        self.write(format_args!("Value{} at '{path}' failed to satisfy constraint: {constraint}", Quoted(value)));
    }

    fn write(&mut self, item: fmt::Arguments<'_>) {
        self.count += 1;
        if self.count > MAX_WRITTEN {
            return;
        }
        let separator = if self.count == 1 { "" } else { "; " };
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{separator}{item}");
    }
}

fn obeys(rules: &StringRules, text: &str) -> bool {
    let length = rules.length.is_none_or(|limits| (limits.min..=limits.max).contains(&characters(text)));
    length
        && rules.pattern.is_none_or(|pattern| (pattern.matches)(text))
        && rules.values.is_none_or(|values| values.allowed.contains(&text))
}

/// Unicode scalar values, as Smithy counts the length of a string.
fn characters(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// Where a value stands: `tags.1.member.tagKey`.
enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'static str),
    Element(&'p Path<'p>, usize),
    Pair(&'p Path<'p>, &'p str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Member(Path::Root, name) => camel(name, f),
            Path::Member(parent, name) => {
                write!(f, "{parent}.")?;
                camel(name, f)
            }
            Path::Element(parent, at) => write!(f, "{parent}.{at}.member"),
            Path::Pair(parent, key) => write!(f, "{parent}.{key}.member"),
        }
    }
}

/// `KeyId` is printed as `keyId`.
fn camel(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (first, rest) = name.split_at(1);
    write!(f, "{}{rest}", first.to_ascii_lowercase())
}

/// A value as a violation shows it: in quotes and unescaped, or not at all if it is sensitive or bytes.
struct Quoted<'q>(&'q Value<'q>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.data() {
            _ if self.0.shape().sensitive => Ok(()),
            Data::String(text) => write!(f, " '{text}'"),
            Data::Integer(number) => write!(f, " '{number}'"),
            Data::List(elements) if elements.iter().all(printable) => {
                f.write_str(" '[")?;
                for (at, element) in elements.iter().enumerate() {
                    let separator = if at == 0 { "" } else { ", " };
                    write!(f, "{separator}{}", element.as_str().unwrap_or("null"))?;
                }
                f.write_str("]'")
            }
            _ => Ok(()),
        }
    }
}

fn printable(element: &Value<'_>) -> bool {
    !element.shape().sensitive && matches!(element.data(), Data::String(_) | Data::Null)
}

/// All rules of a list element, in the order the framework prints them.
struct Rules<'r>(&'r StringRules);

impl fmt::Display for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(length) = self.0.length {
            let (min, max) = (AtLeast(length.min), AtMost(length.max));
            write!(f, "Member must have length {max}, Member must have length {min}")?;
            separator = ", ";
        }
        if let Some(pattern) = self.0.pattern {
            write!(f, "{separator}Member must satisfy regular expression pattern: {}", pattern.text)?;
            separator = ", ";
        }
        if let Some(values) = self.0.values {
            write!(f, "{separator}Member must satisfy enum value set: {}", Set(values.printed))?;
        }
        Ok(())
    }
}

struct Set(&'static [&'static str]);

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.0.join(", "))
    }
}

struct AtLeast<T>(T);

impl<T: fmt::Display> fmt::Display for AtLeast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "greater than or equal to {}", self.0)
    }
}

struct AtMost<T>(T);

impl<T: fmt::Display> fmt::Display for AtMost<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "less than or equal to {}", self.0)
    }
}
