//! A deployment whose token is lost for good goes on with a new token: the root key comes back from the recovery file, so
//! the salts open, and whoever imports his own bytes again gets the same KeyMaterialId and opens his old ciphertexts
//! (cryptography.md 2, docs/decisions/0010).
//!
//! The order: the row of the new root key, the root key and a new sentinel in the new token, then one transaction that
//! makes them those of the deployment. Until it commits, the database names the lost sentinel and no node starts. A cut-off
//! recovery is simply run again: what it left in the token is a root key with a row `creating`, which the reconciler
//! destroys, and a sentinel that nobody asks for.

use kms_core::kdf::hmac_sha256;
use kms_core::sealing::{Purpose, Sealer, subkey_input};
use kms_core::secret::SecretKey;
use kms_core::{Hsm, KmsError, ObjectId};
use kms_hsm::Token;
use kms_metadata::{Metadata, TokenStore};
use uuid::Uuid;

use crate::claim::{claim_keyless, make_present};
use crate::deployment::{Deployment, DeploymentError, alone, await_peers, established_store, root_object, root_row};
use crate::identity::salt_binding;

impl Deployment {
    /// Makes a token that never held it, or holds an older state of it, the token of this label: with `root` as its root key if
    /// the lost one had it.
    /// The token has the label of the lost one. Returns the deployment's id.
    ///
    /// # Errors
    /// [`DeploymentError::NothingLost`] if the token shows the sentinel, [`DeploymentError::NodesLive`] if a node still has a
    /// lease after 8 seconds, [`DeploymentError::WrongRoot`] if the salt of a key does not open under it; those of [`Deployment::open`].
    pub fn recover(
        metadata: &Metadata,
        token: &Token,
        token_label: &str,
        root: &SecretKey,
    ) -> Result<Uuid, DeploymentError> {
        await_peers(metadata)?;
        alone(metadata, || {
            let store = lost_store(metadata, token, token_label)?;
            check_root(metadata, &store, root)?;
            replace(metadata, token, &store, root)?;
            Ok(store.deployment_id)
        })
    }
}

/// What the database says of the lost token.
fn lost_store(metadata: &Metadata, token: &Token, token_label: &str) -> Result<TokenStore, DeploymentError> {
    let store = established_store(metadata, token_label)?;
    if metadata.live_peers()? > 0 {
        return Err(DeploymentError::NodesLive);
    }
    let found = token.find_deployments()?;
    if let Some((_, other)) = found.iter().find(|(_, id)| *id != store.deployment_id) {
        return Err(DeploymentError::OtherDeployment { token: token_label.to_owned(), found: *other });
    }
    if found.iter().any(|(sentinel, _)| *sentinel == store.sentinel) {
        return Err(DeploymentError::NothingLost);
    }
    Ok(store)
}

/// Opens the salt of a key with what `root` derives. A database without keys has nothing that another root could harm.
fn check_root(metadata: &Metadata, store: &TokenStore, root: &SecretKey) -> Result<(), DeploymentError> {
    let Some(key) = metadata.read(|tx| Ok::<_, KmsError>(tx.any_key()?))? else { return Ok(()) };
    let subkey = hmac_sha256(root.expose(), &[&subkey_input(store.deployment_id, Purpose::Salt)]);
    let salts = Sealer::new(Purpose::Salt, SecretKey::new(subkey));
    salts.open(&salt_binding(&key.address), &key.sealed_salt).map(drop).map_err(|_| DeploymentError::WrongRoot)
}

/// Makes what the lost token held, the root key only if it was there, and names it in one transaction.
fn replace(metadata: &Metadata, token: &Token, lost: &TokenStore, root: &SecretKey) -> Result<(), DeploymentError> {
    let object = lost.root.map(|_| root_object(ObjectId::random()));
    let new =
        TokenStore { sentinel: ObjectId::random(), root: object.as_ref().map(|object| object.id), ..lost.clone() };
    if let Some(object) = &object {
        metadata.write(|tx| tx.insert_object(&root_row(&new.token, object.id, "recover")))?;
    }
    fail::fail_point!("material.recover.announced", |_| Err(KmsError::timeout("failpoint").into()));
    metadata.write(|tx| {
        match &object {
            None => token.join(new.deployment_id, new.sentinel)?,
            Some(object) => {
                claim_keyless(tx, object.id)?;
                token.establish(new.deployment_id, new.sentinel, object, root)?;
            }
        }
        token.attach(new.sentinel)?;
        if let Some(object) = &object {
            token.mac(object, &subkey_input(new.deployment_id, Purpose::Salt))?;
        }
        fail::fail_point!("material.recover.made", |_| Err(KmsError::timeout("failpoint")));
        for (made, lost) in object.iter().zip(lost.root) {
            make_present(tx, made.id)?;
            tx.condemn(lost)?;
        }
        Ok::<_, KmsError>(tx.replace_token_objects(&new)?)
    })?;
    Ok(())
}
