//! Listing every key object of ours.

use cryptoki::object::{ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::hsm::FoundObject;
use kms_core::ids::{KeyId, Region};

use crate::error::{Fault, fault_of, unavailable};
use crate::search::{self, Description};
use crate::token::Token;

impl Token {
    /// See [`kms_core::Hsm::list`]. The sentinel itself is no key and is left out.
    pub(crate) fn list_objects(&self) -> Result<Vec<FoundObject>, HsmError> {
        let session = self.ready_session()?;
        let guard = self.lock.acquire_for_search()?;
        self.see_sentinel(&session, &guard)?;
        let handles = search::all(&session, &guard).map_err(unavailable)?;
        drop(guard);
        // Reading takes no lock, because it takes seconds at 10,000 objects; so it may meet an object that is being made.
        // What seems stale by a vague code only is looked at once more under the lock.
        let Described { mut described, unclear } = describe_each(&session, handles);
        let guard = self.lock.acquire()?;
        for handle in unclear {
            described.extend(describe_torn(&session, handle, self.quirks.vague_stale_handles)?);
        }
        self.see_everything(&session, &guard)?;
        self.see_sentinel(&session, &guard)?;
        let ours = described
            .into_iter()
            .filter(|object| is_key_or_torn(object) && (is_ours(&object.label) || is_nameless(object)));
        Ok(ours
            .map(|object| FoundObject {
                id: object.id,
                label: object.label,
                is_secret_key: object.class == Some(ObjectClass::SECRET_KEY),
            })
            .collect())
    }
}

/// Descriptions, and the handles of objects that have no name or could not be read.
pub(crate) struct Described {
    pub(crate) described: Vec<Description>,
    pub(crate) unclear: Vec<ObjectHandle>,
}

/// Describes each object; one that vanished meanwhile is left out, if the token's code leaves no doubt of that.
pub(crate) fn describe_each(session: &Session, handles: Vec<ObjectHandle>) -> Described {
    let mut all = Described { described: Vec::new(), unclear: Vec::new() };
    for handle in handles {
        match search::describe(session, handle, false) {
            Ok(Some(description)) if !is_nameless(&description) => all.described.push(description),
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => all.unclear.push(handle),
        }
    }
    all
}

/// Describes an object that nobody is making now: what cannot be read was torn by a kill, and is reported without a name.
fn describe_torn(
    session: &Session,
    handle: ObjectHandle,
    vague_stale_handles: bool,
) -> Result<Option<Description>, HsmError> {
    match search::describe(session, handle, vague_stale_handles) {
        Ok(description) => Ok(description),
        Err(error) if fault_of(&error, false) == Fault::SessionLost => Err(unavailable(error)),
        Err(_) => Ok(Some(Description { handle, id: None, label: String::new(), class: None })),
    }
}

fn is_key_or_torn(object: &Description) -> bool {
    object.class.is_none_or(|class| class == ObjectClass::SECRET_KEY || class == ObjectClass::PRIVATE_KEY)
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
