//! `C_FindObjects` and reading what was found.

use std::collections::HashSet;

use cryptoki::error::Result;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::ids::ObjectId;
use uuid::Uuid;

use crate::error::{Fault, fault_of};
use crate::template;
use crate::write_lock::SearchGuard;

/// What an object says of itself; torn objects say little.
pub(crate) struct Description {
    pub(crate) handle: ObjectHandle,
    pub(crate) id: Option<ObjectId>,
    pub(crate) label: String,
    pub(crate) class: Option<ObjectClass>,
}

/// Every token object with this `CKA_ID`, of any class.
///
/// # Errors
/// The return code of `C_FindObjects*`.
pub(crate) fn by_id(session: &Session, _guard: &SearchGuard<'_>, id: ObjectId) -> Result<Vec<ObjectHandle>> {
    session.find_objects(&[Attribute::Token(true), Attribute::Id(id.as_bytes().to_vec())])
}

/// Every object with this `CKA_ID`, whatever it says of being a token object: on SoftHSM 2.6.1 a kill in the middle of
/// `C_CopyObject` leaves a file that holds the whole key, and `CKA_TOKEN` false as its original had it.
///
/// # Errors
/// The return code of `C_FindObjects*`.
pub(crate) fn by_id_anywhere(session: &Session, _guard: &SearchGuard<'_>, id: ObjectId) -> Result<Vec<ObjectHandle>> {
    session.find_objects(&[Attribute::Id(id.as_bytes().to_vec())])
}

/// Everything that does not say that it is a token object: also what says nothing of it, as a half does that was torn
/// early. SoftHSM 2.6.1 gives such a half its default attributes when a program reads it, so it shows up only later.
///
/// # Errors
/// The return code of `C_FindObjects*`.
pub(crate) fn session_objects(session: &Session, guard: &SearchGuard<'_>) -> Result<Vec<ObjectHandle>> {
    let token_objects: HashSet<_> = all(session, guard)?.iter().map(ObjectHandle::handle).collect();
    let everything = session.find_objects(&[])?;
    Ok(everything.into_iter().filter(|handle| !token_objects.contains(&handle.handle())).collect())
}

/// Every token object of a class.
///
/// # Errors
/// The return code of `C_FindObjects*`.
pub(crate) fn by_class(session: &Session, _guard: &SearchGuard<'_>, class: ObjectClass) -> Result<Vec<ObjectHandle>> {
    session.find_objects(&[Attribute::Token(true), Attribute::Class(class)])
}

/// Every token object.
///
/// # Errors
/// The return code of `C_FindObjects*`.
pub(crate) fn all(session: &Session, _guard: &SearchGuard<'_>) -> Result<Vec<ObjectHandle>> {
    session.find_objects(&[Attribute::Token(true)])
}

/// The sentinel of this id, or every sentinel.
///
/// # Errors
/// The return code of `C_FindObjects*`.
pub(crate) fn sentinels(
    session: &Session,
    _guard: &SearchGuard<'_>,
    id: Option<ObjectId>,
) -> Result<Vec<ObjectHandle>> {
    session.find_objects(&template::sentinel_search(id))
}

/// Reads id, label and class; an object that vanished meanwhile gives none. `vague_stale_handles` as in [`fault_of`].
///
/// # Errors
/// The return code of `C_GetAttributeValue`, except that of a stale handle.
pub(crate) fn describe(
    session: &Session,
    handle: ObjectHandle,
    vague_stale_handles: bool,
) -> Result<Option<Description>> {
    let wanted = [AttributeType::Id, AttributeType::Label, AttributeType::Class];
    let attributes = match session.get_attributes(handle, &wanted) {
        Err(error) if fault_of(&error, vague_stale_handles) == Fault::StaleHandle => return Ok(None),
        other => other?,
    };
    let mut description = Description { handle, id: None, label: String::new(), class: None };
    for attribute in attributes {
        match attribute {
            Attribute::Id(bytes) => description.id = Uuid::from_slice(&bytes).ok().map(ObjectId),
            Attribute::Label(bytes) => description.label = String::from_utf8_lossy(&bytes).into_owned(),
            Attribute::Class(class) => description.class = Some(class),
            _ => {}
        }
    }
    Ok(Some(description))
}

/// Whether the handle still names an object, and with which id. `C_GetAttributeValue`.
///
/// # Errors
/// The return code, except that of a stale handle, which gives none.
pub(crate) fn id_behind(session: &Session, handle: ObjectHandle, vague_stale_handles: bool) -> Result<Option<Vec<u8>>> {
    match session.get_attributes(handle, &[AttributeType::Id]) {
        Ok(attributes) => Ok(attributes.into_iter().find_map(|attribute| match attribute {
            Attribute::Id(id) => Some(id),
            _ => None,
        })),
        Err(error) if fault_of(&error, vague_stale_handles) == Fault::StaleHandle => Ok(None),
        Err(error) => Err(error),
    }
}
