//! From the tree to a typed input: a serde `Deserializer` that consumes values, so that blobs move instead of copying.

use crate::error::ModelError;
use crate::value::{Data, Value};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = ModelError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
        match self.into_data() {
            Data::Null => visitor.visit_none(),
            Data::String(text) => IntoDeserializer::<ModelError>::into_deserializer(text).deserialize_any(visitor),
            Data::Blob(blob) => visitor.visit_byte_buf(blob.take()),
            Data::Integer(number) => visitor.visit_i64(number),
            Data::Timestamp(seconds) => visitor.visit_f64(seconds),
            Data::Boolean(truth) => visitor.visit_bool(truth),
            Data::List(elements) => visitor.visit_seq(SeqDeserializer::new(elements.into_iter())),
            Data::Map(pairs) => visitor.visit_map(MapDeserializer::new(pairs.into_iter())),
            Data::Structure(members) => {
                visitor.visit_map(MapDeserializer::new(members.into_iter().map(|(member, value)| (member.name, value))))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
        if matches!(self.data(), Data::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ModelError> {
        visitor.visit_newtype_struct(self)
    }

    /// Values of an enumeration are strings.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ModelError> {
        match self.into_data() {
            Data::String(text) => {
                IntoDeserializer::<ModelError>::into_deserializer(text).deserialize_enum(name, variants, visitor)
            }
            _ => Err(ModelError::BROKEN),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, ModelError> for Value<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
