//! What a key may answer: KMS as a state machine, without crashes, nodes or tokens. Source: key-states.md 1 to 5.

use crate::clock::Millis;

/// The end of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Life {
    Alive,
    /// Its final deletion has begun and cannot be stopped.
    Purging,
    Gone,
}

/// `KeyState`, and what an unknown key is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum State {
    Enabled,
    Disabled,
    PendingImport,
    PendingDeletion,
}

/// What is true of a key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Facts {
    pub(crate) life: Life,
    pub(crate) enabled: bool,
    pub(crate) description: u32,
    /// Not before this moment will it be purged.
    pub(crate) deletion_date: Option<Millis>,
    /// The number of the material that was imported first.
    pub(crate) associated: Option<u8>,
    pub(crate) present: bool,
    pub(crate) valid_to: Option<Millis>,
}

/// An operation on a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Op {
    Import { number: u8, valid_to: Option<Millis> },
    Delete,
    Enable,
    Disable,
    Schedule { not_before: Millis },
    Cancel,
    Describe(u32),
    Look,
    Encrypt,
    DataKey,
    Decrypt,
    ReEncrypt,
}

/// What a server says to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Answer {
    Done,
    /// DescribeKey: state and description.
    Looked(&'static str, u32),
    /// KMSInvalidStateException.
    InvalidState,
    /// DisabledException.
    IsDisabled,
    /// IncorrectKeyMaterialException.
    Incorrect,
    /// NotFoundException.
    NotFound,
    /// The import token or ValidTo ran out on the way: nothing happened.
    TooLate,
}

impl State {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingImport => "PendingImport",
            Self::PendingDeletion => "PendingDeletion",
        }
    }
}

impl Op {
    /// Whether it can change anything.
    pub(crate) const fn is_change(self) -> bool {
        !matches!(self, Self::Look | Self::Encrypt | Self::DataKey | Self::Decrypt | Self::ReEncrypt)
    }
}

impl Facts {
    /// A key as CreateKey makes it.
    pub(crate) const fn created(is_external: bool) -> Self {
        Self {
            life: Life::Alive,
            enabled: true,
            description: 0,
            deletion_date: None,
            associated: if is_external { None } else { Some(0) },
            present: !is_external,
            valid_to: None,
        }
    }

    /// The state that DescribeKey shows.
    pub(crate) const fn state(&self) -> State {
        if self.deletion_date.is_some() {
            State::PendingDeletion
        } else if !self.present {
            State::PendingImport
        } else if self.enabled {
            State::Enabled
        } else {
            State::Disabled
        }
    }

    /// What may follow from an operation.
    pub(crate) fn after(&self, op: Op) -> Vec<(Self, Answer)> {
        match self.life {
            Life::Alive => {
                let mut after = vec![self.after_alive(op)];
                if matches!(op, Op::Import { .. }) {
                    after.push((self.clone(), Answer::TooLate));
                }
                after
            }
            // Some operations still see the row, others say that the key is gone; nothing brings it back.
            Life::Purging => {
                let seen = if op == Op::Cancel { Answer::NotFound } else { self.after_alive(op).1 };
                vec![(self.clone(), Answer::NotFound), (self.clone(), seen)]
            }
            Life::Gone => vec![(self.clone(), Answer::NotFound)],
        }
    }

    /// What time alone may have done up to now.
    pub(crate) fn after_time(&self, now: Millis) -> Vec<Self> {
        let is_due = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        let mut after = Vec::new();
        match self.life {
            Life::Alive => {
                if self.present && is_due(self.valid_to) {
                    after.push(self.expired());
                }
                if is_due(self.deletion_date) {
                    after.push(Self { life: Life::Purging, ..self.clone() });
                }
            }
            Life::Purging => after.push(Self { life: Life::Gone, ..self.clone() }),
            Life::Gone => {}
        }
        after
    }

    /// What time must have done up to now: material is refused from its ValidTo on.
    pub(crate) fn at_least_after_time(self, now: Millis) -> Self {
        let has_expired = self.present && self.valid_to.is_some_and(|at| at <= now);
        if has_expired { self.expired() } else { self }
    }

    fn expired(&self) -> Self {
        Self { present: false, valid_to: None, ..self.clone() }
    }

    fn after_alive(&self, op: Op) -> (Self, Answer) {
        let state = self.state();
        let same = || self.clone();
        let refused = || (self.clone(), Answer::InvalidState);
        let settled = matches!(state, State::Enabled | State::Disabled);
        match op {
            Op::Look => (same(), Answer::Looked(state.name(), self.description)),
            Op::Encrypt | Op::DataKey | Op::Decrypt | Op::ReEncrypt => match state {
                State::Enabled => (same(), Answer::Done),
                State::Disabled => (same(), Answer::IsDisabled),
                State::PendingImport | State::PendingDeletion => refused(),
            },
            Op::Delete => (self.expired(), Answer::Done),
            Op::Cancel if state == State::PendingDeletion => {
                (Self { deletion_date: None, enabled: false, ..same() }, Answer::Done)
            }
            Op::Cancel => refused(),
            _ if state == State::PendingDeletion => refused(),
            Op::Schedule { not_before } => (Self { deletion_date: Some(not_before), ..same() }, Answer::Done),
            Op::Describe(description) => (Self { description, ..same() }, Answer::Done),
            Op::Enable if settled => (Self { enabled: true, ..same() }, Answer::Done),
            Op::Disable if settled => (Self { enabled: false, ..same() }, Answer::Done),
            Op::Enable | Op::Disable => refused(),
            Op::Import { number, .. } if self.associated.is_some_and(|known| known != number) => {
                (same(), Answer::Incorrect)
            }
            Op::Import { number, valid_to } => {
                let enabled = self.enabled || state == State::PendingImport;
                (Self { associated: Some(number), present: true, valid_to, enabled, ..same() }, Answer::Done)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(facts: &Facts, op: Op) -> Facts {
        let after = facts.after(op).into_iter().find(|(_, answer)| *answer == Answer::Done);
        after.map(|(facts, _)| facts).unwrap_or_else(|| panic!("{op:?} is refused in {facts:?}"))
    }

    #[test]
    fn the_life_of_imported_material() {
        let import = Op::Import { number: 1, valid_to: Some(100) };
        let empty = Facts::created(true);
        assert_eq!(empty.state(), State::PendingImport);
        let imported = done(&empty, import);
        assert_eq!(imported.state(), State::Enabled);
        let other = Op::Import { number: 2, valid_to: None };
        assert!(imported.after(other).iter().all(|(_, answer)| *answer != Answer::Done));
        assert_eq!(imported.after_time(99), []);
        assert_eq!(imported.clone().at_least_after_time(100).state(), State::PendingImport);
        let disabled = done(&imported, Op::Disable);
        let deleted = done(&disabled, Op::Delete);
        assert_eq!(deleted.state(), State::PendingImport);
        assert_eq!(done(&deleted, import).state(), State::Enabled);
    }

    #[test]
    fn a_cancelled_deletion_leaves_the_key_disabled_and_a_begun_one_cannot_be_cancelled() {
        let scheduled = done(&Facts::created(false), Op::Schedule { not_before: 100 });
        assert_eq!(done(&scheduled, Op::Cancel).state(), State::Disabled);
        let purging = scheduled.after_time(100).pop().unwrap();
        assert!(purging.after(Op::Cancel).iter().all(|(_, answer)| *answer == Answer::NotFound));
        let gone = purging.after_time(100).pop().unwrap();
        assert_eq!(gone.after(Op::Look), [(gone.clone(), Answer::NotFound)]);
    }
}
