//! Changes of what belongs to keys beside their own rows: aliases and tags. Each counts up the version of every key that it
//! concerns, so that all nodes drop what they hold of it.

use kms_core::key_ref::{alias_not_found, does_not_exist};
use kms_core::{AliasAddress, KeyAddress, KeyFacts, KmsError};
use kms_metadata::{Alias, KeyChange, MetadataError, Tx};
use serde_json::{Value, json};

use crate::context::Context;

impl Context<'_> {
    /// Changes what belongs to a key, under the lock of the key's row; the audit record goes with it.
    ///
    /// # Errors
    /// `NotFoundException` for a key that is gone or being purged; what `change` gives.
    pub(crate) fn change_beside(
        &self,
        key: &KeyAddress,
        change: impl FnOnce(&mut Tx<'_>, &KeyFacts) -> Result<(), KmsError>,
    ) -> Result<(), KmsError> {
        self.keepers.metadata().write(|tx| {
            let [facts] = lock_keys(tx, [*key])?;
            let facts = facts.ok_or_else(|| does_not_exist(&key.arn()))?;
            change(tx, &facts)?;
            self.finish(tx, &[&facts], json!({"keyId": key.arn()}))
        })
    }

    /// The caller's alias of this name.
    ///
    /// # Errors
    /// Those of [`AliasAddress::named`].
    pub(crate) fn alias_named(&self, name: &str) -> Result<AliasAddress, KmsError> {
        let alias = AliasAddress::named(name, self.caller.region, self.caller.account)?;
        self.event.borrow_mut().set_alias(alias.account, alias.arn());
        Ok(alias)
    }

    /// Finds an alias.
    ///
    /// # Errors
    /// `NotFoundException`.
    pub(crate) fn find_alias(&self, alias: &AliasAddress) -> Result<Alias, KmsError> {
        let found = self.read(|tx| tx.find_alias(alias.region, alias.account, &alias.name))?;
        found.ok_or_else(|| alias_not_found(&alias.arn()))
    }

    /// Changes an alias, under the locks of its name, of its key and of the key that it gets. `change` is given the alias,
    /// its key and its new key, which may be the same one; without a new key, its key twice.
    ///
    /// # Errors
    /// `NotFoundException` for an alias or a new key that is gone or being purged; what `change` gives.
    pub(crate) fn change_alias(
        &self,
        alias: &AliasAddress,
        new: Option<KeyAddress>,
        change: impl FnOnce(&mut Tx<'_>, &Alias, [&KeyFacts; 2]) -> Result<(), KmsError>,
    ) -> Result<(), KmsError> {
        let AliasAddress { region, account, name } = alias;
        let not_found = || alias_not_found(&alias.arn());
        self.keepers.metadata().write(|tx| {
            let alias = tx.lock_alias(*region, *account, name)?.ok_or_else(not_found)?;
            let new = new.unwrap_or(alias.target);
            let [of_old, of_new] = lock_keys(tx, [alias.target, new])?;
            // An alias goes with its key: one whose key is going is found no more.
            let of_old = of_old.ok_or_else(not_found)?;
            let of_new = of_new.ok_or_else(|| does_not_exist(&new.arn()))?;
            change(tx, &alias, [&of_old, &of_new])?;
            self.finish(tx, &[&of_old, &of_new], json!({"keyId": new.arn()}))
        })
    }

    /// Counts up the versions of the keys that a change concerns, and records the change.
    fn finish(&self, tx: &mut Tx<'_>, keys: &[&KeyFacts], response: Value) -> Result<(), KmsError> {
        let mut done = Vec::new();
        for facts in keys {
            if !done.contains(&facts.address) {
                tx.update_key(facts, &KeyChange::default())?;
                done.push(facts.address);
            }
        }
        Ok(self.audit(response).insert(tx)?)
    }
}

/// Locks the rows of keys, in one order for everybody. A key that is gone or being purged is none.
fn lock_keys<const N: usize>(tx: &mut Tx<'_>, keys: [KeyAddress; N]) -> Result<[Option<KeyFacts>; N], MetadataError> {
    let mut order = keys;
    order.sort_by_key(|key| key.key_id.to_string());
    let mut locked = Vec::with_capacity(N);
    for key in order {
        let row = tx.lock_key(key.region, key.key_id)?;
        locked.extend(row.filter(|row| row.purge_started_at.is_none()).map(|row| row.facts));
    }
    Ok(keys.map(|key| locked.iter().find(|facts| facts.address == key).cloned()))
}
