//! CreateKey on rows and token: a key with Origin AWS_KMS becomes visible together with its material, or not at all.

use kms_core::hsm::{Ability, ObjectKind};
use kms_core::key_facts::{KeyFacts, Material};
use kms_core::key_spec::MaterialState;
use kms_core::{KmsError, ObjectId};
use kms_metadata::{MetadataError, Tx};

use crate::claim::{claim_keyless, is_creating, make_present};
use crate::identity::object_of;
use crate::{AuditEntry, Keeper};

/// Makes the audit record of a creation from the facts of the key as it was made.
pub type CreationAudit<'a> = &'a dyn Fn(&KeyFacts) -> AuditEntry;

/// What a key is born with beside its facts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Born<'a> {
    /// Its tags.
    pub tags: &'a [(String, String)],
    /// Its policy, unless that is the default one.
    pub policy: Option<&'a str>,
}

impl Born<'_> {
    fn insert(&self, tx: &mut Tx<'_>, facts: &KeyFacts) -> Result<(), MetadataError> {
        tx.insert_key(facts, self.tags)?;
        self.policy.map_or(Ok(()), |document| tx.insert_policy(&facts.address, document))
    }
}

impl Keeper {
    /// Commits a key without material (Origin EXTERNAL).
    ///
    /// # Errors
    /// Postgres does not answer.
    pub fn create_empty(&self, facts: &KeyFacts, born: &Born<'_>, audit: CreationAudit<'_>) -> Result<(), KmsError> {
        self.metadata.write(|tx| {
            born.insert(tx, facts)?;
            Ok(audit(facts).insert(tx)?)
        })
    }

    /// Generates material in the token and commits the key with it; returns the facts with the material.
    ///
    /// # Errors
    /// `UnsupportedOperationException` for a key that the token cannot make, before anything is made; the token or Postgres
    /// does not answer: no key was made, and what was made in the token is undone.
    pub fn create_generated(
        &self,
        facts: &KeyFacts,
        born: &Born<'_>,
        audit: CreationAudit<'_>,
    ) -> Result<KeyFacts, KmsError> {
        self.hsm.supports(Ability::Generate(facts.kind()))?;
        let id = ObjectId::random();
        let object = object_of(&facts.address, id);
        self.announce_keyless(&object, ObjectKind::Key)?;
        fail::fail_point!("material.generate.announced");
        let mut made = facts.clone();
        let result = self.metadata.write(|tx| {
            claim_keyless(tx, id)?;
            let public_key = self.hsm.generate_key(&object, facts.kind(), &mut || is_creating(tx, id))?;
            fail::fail_point!("material.generate.made");
            let material = Material {
                id: self.material_id_of(facts, &object, public_key.as_deref())?,
                state: MaterialState::Current,
                description: None,
                expiration_model: None,
                valid_to: None,
                object: Some(id),
                public_key,
            };
            made.materials = vec![material.clone()];
            born.insert(tx, &made)?;
            tx.bind_object(id, &facts.address, &material.id)?;
            make_present(tx, id)?;
            Ok(audit(&made).insert(tx)?)
        });
        self.settled(result, None, id).map(|()| made)
    }
}
