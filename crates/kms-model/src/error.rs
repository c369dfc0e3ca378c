//! What a body can be refused for.

/// Why a request body was refused, before any key was looked up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// `SerializationException`: the body is no JSON object, or a value has the wrong JSON type. The text never quotes
    /// a value; it is absent for broken JSON and broken base64.
    #[error("SerializationException: {}", .0.as_deref().unwrap_or("no message"))]
    Serialization(Option<String>),
    /// `ValidationException`: the body has the right types but violates constraints; all of them, in model order.
    /// The text quotes values as KMS does, save those of sensitive members.
    #[error("ValidationException: {0}")]
    Validation(String),
}

impl ModelError {
    /// Broken JSON, broken base64, a repeated member: KMS answers without a message.
    pub(crate) const BROKEN: Self = Self::Serialization(None);
}

/// Serde's texts may quote values, so they are dropped.
impl serde::de::Error for ModelError {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::BROKEN
    }
}
