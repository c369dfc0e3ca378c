//! The deployment that a token belongs to: its sentinel and its root key.

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::hsm::TokenObject;
use kms_core::ids::ObjectId;
use kms_core::kdf::{hmac_sha256, kdf_input};
use kms_core::secret::SecretKey;
use uuid::Uuid;

use crate::error::unavailable;
use crate::make::create;
use crate::search;
use crate::sentinel::{Sentinel, deployment_behind};
use crate::session::{Connection, into_hsm};
use crate::template;
use crate::token::Token;
use crate::write_lock::WriteGuard;

impl Token {
    /// The sentinels in the token: their object ids and the deployments they name. None in a new token; more than one
    /// only if deployments share it.
    ///
    /// # Errors
    /// [`HsmError::TokenUnknown`] if the token's folder is away, [`HsmError::Unavailable`].
    pub fn find_deployments(&self) -> Result<Vec<(ObjectId, Uuid)>, HsmError> {
        let session = self.ready_session()?;
        let guard = self.lock.acquire()?;
        self.see_everything(&session, &guard)?;
        let found = search::sentinels(&session, &guard, None).map_err(unavailable)?;
        let named = |handle| Some((object_id_behind(&session, handle)?, deployment_behind(&session, handle)?));
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// Makes the root key and the sentinel of a deployment, in this order; what is there already stays, so that a call
    /// that was interrupted can be repeated. A root key without its sentinel was never used: with other material it is
    /// made anew. A sentinel without its root key is never mended.
    ///
    /// # Errors
    /// [`HsmError::ObjectMismatch`] if an object of these ids is something else, [`HsmError::ObjectMissing`] if the
    /// sentinel is there without the root key, [`HsmError::TokenUnknown`] if the token's folder is away,
    /// [`HsmError::Unavailable`].
    pub fn establish(
        &self,
        deployment: Uuid,
        sentinel: ObjectId,
        root: &TokenObject,
        root_material: &SecretKey,
    ) -> Result<(), HsmError> {
        self.hold(deployment, sentinel, Some((root, root_material)))
    }

    /// Makes the sentinel alone, in a token of a deployment whose root key another token holds; may be repeated.
    ///
    /// # Errors
    /// Those of [`Token::establish`] about the sentinel.
    pub fn join(&self, deployment: Uuid, sentinel: ObjectId) -> Result<(), HsmError> {
        self.hold(deployment, sentinel, None)
    }

    fn hold(
        &self,
        deployment: Uuid,
        sentinel: ObjectId,
        root: Option<(&TokenObject, &SecretKey)>,
    ) -> Result<(), HsmError> {
        let session = self.ready_session()?;
        let guard = self.lock.acquire()?;
        self.see_everything(&session, &guard)?;
        let is_complete = match Sentinel::find(&session, &guard, sentinel) {
            Ok(found) if found.deployment() == deployment => true,
            Ok(_) => return Err(HsmError::ObjectMismatch),
            Err(HsmError::TokenUnknown) => false,
            Err(error) => return Err(error),
        };
        if let Some((root, material)) = root {
            self.make_root(&session, &guard, root, material, is_complete)?;
        }
        if !is_complete {
            create(&session, |session| session.create_object(&template::sentinel(sentinel, deployment)))?;
        }
        Sentinel::find(&session, &guard, sentinel).map(drop)
    }

    /// From now on every search is bracketed by this sentinel; also fills the map of handles with one scan, and renews the
    /// verified copy of SoftHSM's `token.object`, whose master key has opened the sentinel.
    ///
    /// # Errors
    /// [`HsmError::TokenUnknown`] if the sentinel is not in the token, [`HsmError::ObjectMismatch`] if another one was
    /// attached before, [`HsmError::Unavailable`].
    pub fn attach(&self, sentinel: ObjectId) -> Result<(), HsmError> {
        let session = self.ready_session()?;
        let guard = self.lock.acquire_for_search()?;
        let found = Sentinel::find(&session, &guard, sentinel)?;
        if self.sentinel.get_or_init(|| found).id() != sentinel {
            return Err(HsmError::ObjectMismatch);
        }
        self.scan_after_login(&session, &guard)?;
        drop(guard);
        let Some(file) = self.connector.token_file() else { return Ok(()) };
        let _guard = self.lock.acquire()?;
        file.renew().map_err(into_hsm)
    }

    fn make_root(
        &self,
        session: &Connection,
        guard: &WriteGuard<'_>,
        root: &TokenObject,
        material: &SecretKey,
        is_complete: bool,
    ) -> Result<(), HsmError> {
        let found = search::by_id(session, guard, root.id).map_err(unavailable)?;
        match found[..] {
            [] if is_complete => return Err(HsmError::ObjectMissing),
            [] => {}
            [handle] if self.is_this_root(session, handle, root, material)? => return Ok(()),
            _ if is_complete => return Err(HsmError::ObjectMismatch),
            _ => {
                for handle in found {
                    session.destroy_object(handle).map_err(unavailable)?;
                }
            }
        }
        let template = template::secret(root).with_value(material.expose());
        create(session, |session| session.create_object(template.attributes())).map(drop)
    }

    /// Whether the object has class and label of the root key and computes what the material computes.
    fn is_this_root(
        &self,
        session: &Session,
        handle: ObjectHandle,
        root: &TokenObject,
        material: &SecretKey,
    ) -> Result<bool, HsmError> {
        let description = search::describe(session, handle, self.quirks.vague_stale_handles).map_err(unavailable)?;
        if !description.is_some_and(|is| is.class == Some(ObjectClass::SECRET_KEY) && is.label == root.label) {
            return Ok(false);
        }
        let input = kdf_input(b"strongroom/r/1", &[0; 32], 256);
        let mut mac = [0; 32];
        // A torn root key cannot compute; then it is not this one.
        let computed = self.raw.hmac_sha256(session, handle, &input, &mut mac).is_ok();
        Ok(computed && mac == hmac_sha256(material.expose(), &[&input]))
    }
}

fn object_id_behind(session: &Session, handle: ObjectHandle) -> Option<ObjectId> {
    let attributes = session.get_attributes(handle, &[AttributeType::ObjectId]).ok()?;
    attributes.into_iter().find_map(|attribute| match attribute {
        Attribute::ObjectId(bytes) => Uuid::from_slice(&bytes).ok().map(ObjectId),
        _ => None,
    })
}
