//! Helpers for the types of responses.

/// `#[serde(with = "kms_model::wire::blob")]` on a member that holds bytes: standard base64 with padding.
pub mod blob {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    /// Writes the bytes as base64 text, which stands nowhere but in the answer afterwards. In one piece: piecewise, as text
    /// under way, it took four times as long.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: AsRef<[u8]> + ?Sized, S: Serializer>(bytes: &T, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = bytes.as_ref();
        let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
        STANDARD.encode_string(bytes, &mut text);
        serializer.serialize_str(&text)
    }

    /// Reads base64 text; for clients and tests, since requests come as [`Blob`](crate::Blob).
    ///
    /// # Errors
    /// No text, or no base64 with padding.
    pub fn deserialize<'de, T: From<Vec<u8>>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(T::from).map_err(|_| D::Error::custom("no base64"))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Output {
        #[serde(with = "super::blob")]
        plaintext: Vec<u8>,
    }

    #[test]
    fn bytes_become_base64_with_padding_and_come_back() {
        let output = Output { plaintext: vec![0xFB, 0xFF] };
        let text = serde_json::to_string(&output).unwrap();
        assert_eq!(text, r#"{"plaintext":"+/8="}"#);
        assert_eq!(serde_json::from_str::<Output>(&text).unwrap(), output);
        assert!(serde_json::from_str::<Output>(r#"{"plaintext":"+/8"}"#).is_err());
    }
}
