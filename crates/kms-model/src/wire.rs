//! Helpers for the types of responses.

/// `#[serde(with = "kms_model::wire::blob")]` on a member that holds bytes: standard base64 with padding.
pub mod blob {
    use base64::display::Base64Display;
    use base64::engine::general_purpose::STANDARD;
    use serde::Serializer;

    /// Writes the bytes as base64 text, piecewise, so that no copy of a secret is left behind.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: AsRef<[u8]> + ?Sized, S: Serializer>(bytes: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(bytes.as_ref(), &STANDARD))
    }
}

/// Like [`blob`], for an optional member; give it `skip_serializing_if = "Option::is_none"` too, for KMS omits what
/// is absent.
pub mod optional_blob {
    use serde::Serializer;

    /// Writes the bytes as base64 text, or `null`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: AsRef<[u8]>, S: Serializer>(bytes: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => super::blob::serialize(bytes, serializer),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Blob;
    use serde::Serialize;

    #[derive(Serialize)]
    struct Output {
        #[serde(with = "super::blob")]
        plaintext: Blob,
        #[serde(with = "super::optional_blob", skip_serializing_if = "Option::is_none")]
        recipient: Option<Vec<u8>>,
    }

    #[test]
    fn bytes_become_base64_with_padding_and_absent_bytes_nothing() {
        let mut output = Output { plaintext: Blob(vec![0xFB, 0xFF]), recipient: None };
        assert_eq!(serde_json::to_string(&output).unwrap(), r#"{"plaintext":"+/8="}"#);
        output.recipient = Some(Vec::new());
        assert_eq!(serde_json::to_string(&output).unwrap(), r#"{"plaintext":"+/8=","recipient":""}"#);
    }
}
