//! Listing every key object of ours.

use cryptoki::object::ObjectClass;
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::hsm::FoundObject;
use kms_core::ids::{KeyId, Region};

use crate::error::unavailable;
use crate::search::{self, Description};
use crate::token::Token;

impl Token {
    /// See [`kms_core::Hsm::list`]. The sentinel itself is no key and is left out.
    pub(crate) fn list_objects(&self) -> Result<Vec<FoundObject>, HsmError> {
        let session = self.ready_session()?;
        self.see_sentinel(&session)?;
        let mut found = self.describe_all(&session)?;
        if found.iter().any(is_nameless) {
            // An object without an id may be one that another thread is just making. Under the lock nobody is.
            let _guard = self.lock.acquire()?;
            let (named, nameless): (Vec<_>, Vec<_>) = found.into_iter().partition(|object| !is_nameless(object));
            found = named;
            for object in nameless {
                found.extend(search::describe(&session, object.handle).map_err(unavailable)?);
            }
        }
        self.see_sentinel(&session)?;
        let ours = found.into_iter().filter(|object| is_ours(&object.label) || is_nameless(object));
        Ok(ours
            .map(|object| FoundObject {
                id: object.id,
                label: object.label,
                is_secret_key: object.class == Some(ObjectClass::SECRET_KEY),
            })
            .collect())
    }

    /// Every secret and private key object of the token, ours or not.
    pub(crate) fn describe_all(&self, session: &Session) -> Result<Vec<Description>, HsmError> {
        let mut all = Vec::new();
        for class in [ObjectClass::SECRET_KEY, ObjectClass::PRIVATE_KEY] {
            for handle in search::by_class(session, class).map_err(unavailable)? {
                all.extend(search::describe(session, handle).map_err(unavailable)?);
            }
        }
        Ok(all)
    }
}

/// An object torn by a kill: it has neither id nor label.
fn is_nameless(object: &Description) -> bool {
    object.id.is_none() && object.label.is_empty()
}

/// The labels that [`kms_core::hsm::TokenObject`] makes: `strongroom/<role>` or `<region>/<key id>`.
fn is_ours(label: &str) -> bool {
    match label.split_once('/') {
        Some(("strongroom", _)) => true,
        Some((region, key_id)) => Region::parse(region).is_some() && KeyId::parse(key_id).is_some(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_other_programs_are_not_ours() {
        for (label, ours) in [
            ("strongroom/root", true),
            ("us-east-1/1234abcd-12ab-34cd-56ef-1234567890ab", true),
            ("", false),
            ("my key", false),
            ("us-east-1/other", false),
            ("acme/1234abcd-12ab-34cd-56ef-1234567890ab", false),
        ] {
            assert_eq!(is_ours(label), ours, "{label}");
        }
    }
}
