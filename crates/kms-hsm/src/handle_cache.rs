//! The map from `CKA_ID` to handle: the hot path never searches.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use cryptoki::object::{ObjectClass, ObjectHandle};
use kms_core::HsmError;
use kms_core::hsm::TokenObject;
use kms_core::ids::ObjectId;

/// Handles held at most; past it all are dropped and looked up anew as they are used. What other nodes destroyed is
/// forgotten in no other way.
const MOST_HANDLES: usize = 200_000;

/// An object that was looked at: its handle, and what the token says it is.
pub(crate) struct Cached {
    pub(crate) handle: ObjectHandle,
    pub(crate) class: ObjectClass,
    pub(crate) label: Box<str>,
    /// The login in which the handle was found.
    pub(crate) login: u64,
}

/// All handles of the process.
#[derive(Default)]
pub(crate) struct HandleCache(RwLock<HashMap<ObjectId, Cached>>);

impl HandleCache {
    /// The handle of an object if it is known since this login.
    ///
    /// # Errors
    /// [`HsmError::ObjectMismatch`] if the object has another class or label than the caller expects.
    pub(crate) fn find(
        &self,
        object: &TokenObject,
        class: ObjectClass,
        login: u64,
    ) -> Result<Option<ObjectHandle>, HsmError> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match map.get(&object.id) {
            Some(cached) if cached.login == login => {
                let matches = cached.class == class && *cached.label == *object.label;
                if matches { Ok(Some(cached.handle)) } else { Err(HsmError::ObjectMismatch) }
            }
            _ => Ok(None),
        }
    }

    /// Remembers an object.
    pub(crate) fn insert(&self, id: ObjectId, cached: Cached) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MOST_HANDLES {
            map.clear();
        }
        map.insert(id, cached);
    }

    /// Forgets an object and gives its last handle.
    pub(crate) fn forget(&self, id: ObjectId) -> Option<ObjectHandle> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&id).map(|cached| cached.handle)
    }
}

#[cfg(test)]
mod tests {
    use cryptoki::object::ObjectHandle;

    use super::*;

    #[expect(unsafe_code, reason = "a test needs a handle without a token")]
    fn handle() -> ObjectHandle {
        // SAFETY: the number is never given to a module.
        unsafe { ObjectHandle::new_from_raw(7) }
    }

    #[test]
    fn a_handle_is_lent_to_the_label_and_class_it_was_found_with_only() {
        let cache = HandleCache::default();
        let object = TokenObject::internal(ObjectId::random(), "root");
        let class = ObjectClass::SECRET_KEY;
        cache.insert(object.id, Cached { handle: handle(), class, label: object.label.as_str().into(), login: 3 });
        assert_eq!(cache.find(&object, class, 3).unwrap(), Some(handle()));
        assert_eq!(cache.find(&object, class, 4).unwrap(), None, "another login");
        let other = TokenObject { label: "other".to_owned(), ..object.clone() };
        assert!(matches!(cache.find(&other, class, 3), Err(HsmError::ObjectMismatch)));
        assert!(matches!(cache.find(&object, ObjectClass::PRIVATE_KEY, 3), Err(HsmError::ObjectMismatch)));
        assert_eq!(cache.forget(object.id), Some(handle()));
        assert_eq!(cache.find(&object, class, 3).unwrap(), None);
    }
}
