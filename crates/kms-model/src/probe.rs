//! Reads the member names of a typed input, for tests that compare our types with the model.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The wire names that `T`'s derived `Deserialize` knows, aliases included, in order of declaration; empty if `T` is
/// no struct with named fields. No value is made.
pub fn members_of<T: DeserializeOwned>() -> Vec<&'static str> {
    let mut names = Vec::new();
    // The probe never delivers a value, so this is always an error.
    let _ = T::deserialize(Probe { names: &mut names });
    names
}

struct Probe<'p> {
    names: &'p mut Vec<&'static str>,
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("only a struct has member names"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.names.extend(fields);
        Err(Error::custom("the member names are known"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::members_of;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    #[expect(dead_code, reason = "only the names matter")]
    struct Input {
        key_id: String,
        #[serde(rename = "AWSAccountId")]
        account: Option<String>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only the names matter")]
    struct Wrapped(Option<Input>);

    #[test]
    fn the_members_of_a_struct_are_its_wire_names() {
        assert_eq!(members_of::<Input>(), ["KeyId", "AWSAccountId"]);
        assert_eq!(members_of::<Wrapped>(), ["KeyId", "AWSAccountId"]);
        assert!(members_of::<Vec<String>>().is_empty());
    }
}
