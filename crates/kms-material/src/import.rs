//! I0-I7: ImportKeyMaterial on rows and token.
//!
//! Wrong bytes end at I0, before any row or token object. The row `creating` is committed at I2; at I3 the key row's lock
//! is taken and held over the making of the object (I4) to `present` (I5). Whatever fails after I2 is settled under the
//! lock: the row says whether the import happened.

use std::time::{Duration, Instant};

use kms_core::hsm::{HsmError, KeyKind, ObjectKind, WrappedMaterial};
use kms_core::key_facts::{KeyFacts, Material};
use kms_core::key_spec::{ExpirationModel, MaterialState};
use kms_core::key_state::{check_state, import_enables, key_state};
use kms_core::{KeyAddress, KeyMaterialId, KmsError, ObjectId, Operation, Timestamp};
use kms_metadata::{KeyChange, NewObject, ObjectState, Tx};
use serde_json::json;

use crate::claim::{is_creating, make_present};
use crate::identity::object_of;
use crate::import_plan::place_of;
use crate::wrapping_pool::Pair;
use crate::{Audit, Keeper};

/// Failures of unwrapping leave no sooner than this after the start, so that time tells nothing (cryptography.md 3.2).
const FAILURE_TIME: Duration = Duration::from_millis(100);

/// Imports of other bytes than a key's own that are answered in a day; past it the key's imports are throttled.
pub const MISMATCHES_PER_DAY: i32 = 100;

/// `ImportType`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportType {
    /// NEW_KEY_MATERIAL.
    New,
    /// EXISTING_KEY_MATERIAL.
    Existing,
}

/// When imported material expires.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Expiration {
    /// Whether it does.
    pub model: ExpirationModel,
    /// When it does, with [`ExpirationModel::Expires`].
    pub valid_to: Option<Timestamp>,
}

/// One import, with everything checked that needs neither the token nor the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// `EncryptedKeyMaterial`.
    pub encrypted: &'a [u8],
    /// `ValidTo` and `ExpirationModel`.
    pub expiration: Expiration,
    /// `ImportType`, if given.
    pub import_type: Option<ImportType>,
    /// `KeyMaterialId`, if given.
    pub material_id: Option<KeyMaterialId>,
    /// `KeyMaterialDescription`, if given.
    pub description: Option<&'a str>,
}

/// An attempt between I0 and its end.
struct Attempt<'a> {
    import: &'a Import<'a>,
    wrapped: WrappedMaterial<'a>,
    id: KeyMaterialId,
    public_key: Option<Vec<u8>>,
    kind: KeyKind,
    address: KeyAddress,
    material_version: i64,
}

/// Which material wrapped bytes are.
struct Identified {
    id: KeyMaterialId,
    public_key: Option<Vec<u8>>,
}

impl Keeper {
    /// Imports material into the key whose facts were just read, wrapped under `pair`.
    ///
    /// # Errors
    /// `InvalidCiphertextException` if it does not unwrap to material of the key's spec; `IncorrectKeyMaterialException` if the bytes are
    /// not what they must be, `ThrottlingException` after 100 such answers in a day; `ExpiredImportTokenException` when the pair's attempts are used up;
    /// `KMSInvalidStateException` if the key changed meanwhile; `DependencyTimeoutException` if another import, a delete
    /// or an outage came between: nothing was imported, or the next attempt tells.
    pub fn import(
        &self,
        facts: &KeyFacts,
        pair: &Pair,
        import: &Import<'_>,
        audit: Audit<'_>,
    ) -> Result<KeyMaterialId, KmsError> {
        let wrapped = WrappedMaterial {
            pair: &pair.object,
            spec: pair.spec,
            algorithm: pair.algorithm,
            encrypted: import.encrypted,
        };
        let Identified { id, public_key } = self.identify_bounded(facts, &wrapped, import)?;
        let (kind, address, material_version) = (facts.kind(), facts.address, facts.material_version);
        let attempt = Attempt { import, wrapped, id, public_key, kind, address, material_version };
        match facts.material(&id).and_then(|material| material.object) {
            Some(object) => self.reimport_present(&attempt, object, audit)?,
            None => self.import_absent(&attempt, audit)?,
        }
        Ok(id)
    }

    /// The id of the wrapped bytes, which must have their place in this key. Guesses at material of low entropy are
    /// bounded (cryptography.md 2): each is counted before it is looked at, and given back unless it was wrong. A key
    /// that never had material has nothing to guess at.
    fn identify_bounded(
        &self,
        facts: &KeyFacts,
        wrapped: &WrappedMaterial<'_>,
        import: &Import<'_>,
    ) -> Result<Identified, KmsError> {
        let today = self.clock.real_now().date();
        let is_guess = !facts.materials.is_empty();
        let reserve = |tx: &mut Tx<'_>| tx.reserve_import_mismatch(&facts.address, today, MISMATCHES_PER_DAY);
        if is_guess && !self.metadata.write(reserve)? {
            return Err(KmsError::Throttling);
        }
        let identified = self.identify(facts, wrapped);
        let place = |id| place_of(facts, id, import.import_type, import.material_id.as_ref());
        // Every refusal of bytes that were seen tells something about them.
        let refusal = identified.as_ref().ok().and_then(|identified| place(&identified.id).err());
        if is_guess && refusal.is_none() {
            self.metadata.write(|tx| tx.give_back_import_mismatch(&facts.address, today))?;
        }
        refusal.map_or(identified, Err)
    }

    /// I0: the id of the wrapped bytes, found with session objects only.
    fn identify(&self, facts: &KeyFacts, wrapped: &WrappedMaterial<'_>) -> Result<Identified, KmsError> {
        let started = Instant::now();
        match self.hsm.probe_wrapped(wrapped, facts.kind()) {
            Ok(identity) => {
                let id = self.material_id(facts, &identity)?;
                Ok(Identified { id, public_key: identity.into_public_key() })
            }
            Err(error) => {
                std::thread::sleep(FAILURE_TIME.saturating_sub(started.elapsed()));
                Err(import_error(error))
            }
        }
    }

    /// I1: the material is there already; only its expiry and description change.
    fn reimport_present(&self, attempt: &Attempt<'_>, object: ObjectId, audit: Audit<'_>) -> Result<(), KmsError> {
        fail::fail_point!("material.import.before_reimport");
        let token_object = object_of(&attempt.address, object);
        if let Err(error) = self.hsm.identify(&token_object, attempt.kind, attempt.public_key.as_deref()) {
            let row = self.metadata.read(|tx| Ok::<_, KmsError>(tx.find_object(object)?))?;
            // An expiry or a delete on the way is nobody's fault: the client comes again and finds the material absent.
            let is_present = row.is_some_and(|row| row.state == ObjectState::Present);
            return Err(if is_present {
                error.into()
            } else {
                KmsError::timeout("the material went while it was imported")
            });
        }
        self.metadata.write(|tx| {
            let facts = self.recheck(tx, attempt)?;
            if facts.material(&attempt.id).and_then(|material| material.object) != Some(object) {
                return Err(KmsError::timeout("the material was deleted while it was imported again"));
            }
            self.commit_material(tx, attempt, &facts, audit)
        })
    }

    /// I2-I7: the material is not in the token.
    fn import_absent(&self, attempt: &Attempt<'_>, audit: Audit<'_>) -> Result<(), KmsError> {
        let object = ObjectId::random();
        self.announce(attempt, object)?;
        fail::fail_point!("material.import.announced");
        let made = self.make(attempt, object, audit);
        self.settled(made, Some(&attempt.address), object)
    }

    /// I2: commits the intent, and condemns every unfinished attempt of this key.
    fn announce(&self, attempt: &Attempt<'_>, object: ObjectId) -> Result<(), KmsError> {
        self.metadata.write(|tx| {
            let facts = self.recheck(tx, attempt)?;
            if facts.material(&attempt.id).is_some_and(|material| material.object.is_some()) {
                return Err(KmsError::timeout("the same material was imported meanwhile"));
            }
            for row in tx.objects_of_key(attempt.address.region, attempt.address.key_id)? {
                tx.condemn_creating(row.id)?;
            }
            Ok(tx.insert_object(&NewObject {
                id: object,
                kind: ObjectKind::Key,
                label: object_of(&attempt.address, object).label,
                key: Some((attempt.address, attempt.id)),
                token: self.token.clone(),
                claimed_by: self.node.clone(),
            })?)
        })
    }

    /// I3-I5: one transaction that holds the key row's lock over the making of the object.
    fn make(&self, attempt: &Attempt<'_>, object: ObjectId, audit: Audit<'_>) -> Result<(), KmsError> {
        self.metadata.write(|tx| {
            let facts = self.recheck(tx, attempt)?;
            if !is_creating(tx, object) {
                return Err(KmsError::timeout("the attempt was condemned before its object was made"));
            }
            fail::fail_point!("material.import.claimed");
            let token_object = object_of(&attempt.address, object);
            self.hsm
                .unwrap_key(&attempt.wrapped, &token_object, attempt.kind, &mut || is_creating(tx, object))
                .map_err(import_error)?;
            fail::fail_point!("material.import.made");
            if self.material_id_of(&facts, &token_object, attempt.public_key.as_deref())? != attempt.id {
                return Err(KmsError::internal("the token made another key than it probed"));
            }
            make_present(tx, object)?;
            self.commit_material(tx, attempt, &facts, audit)?;
            fail::fail_point!("material.import.before_commit");
            Ok(())
        })
    }

    /// The checks that must hold in each transaction of an import, under the key row's lock.
    fn recheck(&self, tx: &mut Tx<'_>, attempt: &Attempt<'_>) -> Result<KeyFacts, KmsError> {
        let row = tx
            .lock_key(attempt.address.region, attempt.address.key_id)?
            .ok_or_else(|| kms_core::key_ref::does_not_exist(&attempt.address.arn()))?;
        check_state(Operation::ImportKeyMaterial, &attempt.address, key_state(&row.facts, self.clock.now()))?;
        if row.facts.material_version != attempt.material_version || row.purge_started_at.is_some() {
            return Err(KmsError::timeout("the key's material changed while it was imported"));
        }
        place_of(&row.facts, &attempt.id, attempt.import.import_type, attempt.import.material_id.as_ref())?;
        Ok(row.facts)
    }

    /// The facts of a finished import: the material's expiry and description, the key's switch and versions, the audit.
    fn commit_material(
        &self,
        tx: &mut Tx<'_>,
        attempt: &Attempt<'_>,
        facts: &KeyFacts,
        audit: Audit<'_>,
    ) -> Result<(), KmsError> {
        let Import { expiration, description, .. } = attempt.import;
        let now = self.clock.now();
        if expiration.valid_to.is_some_and(|valid_to| valid_to <= now) {
            return Err(KmsError::timeout("the material expired while it was imported"));
        }
        let known = facts.material(&attempt.id);
        let material = Material {
            id: attempt.id,
            state: known.map_or(MaterialState::Current, |material| material.state),
            description: description
                .map(str::to_owned)
                .or_else(|| known.and_then(|material| material.description.clone())),
            expiration_model: Some(expiration.model),
            valid_to: expiration.valid_to,
            object: None,
            public_key: attempt.public_key.clone(),
        };
        tx.put_material(&attempt.address, &material)?;
        let enabled = import_enables(facts, now).then_some(true);
        let change = KeyChange { enabled, material_changed: true, ..KeyChange::default() };
        tx.update_key(facts, &change)?;
        let response = json!({"keyId": attempt.address.arn(), "keyMaterialId": attempt.id.to_string()});
        Ok(audit(response).insert(tx)?)
    }
}

/// What the token says to an unwrapping. A pair that is gone is gone for good: with new parameters the client gets another.
fn import_error(error: HsmError) -> KmsError {
    match error {
        HsmError::ObjectMissing => KmsError::ExpiredImportToken,
        other => other.into(),
    }
}
