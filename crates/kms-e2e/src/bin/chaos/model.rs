//! What a key may answer: KMS as a state machine, without crashes, nodes or tokens. Source: key-states.md 1 to 5.

use crate::answer::Answer;
use crate::clock::Millis;
use crate::machine::Model;
use crate::op::{Op, TAGS};

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
    /// The values of the tags; 0 is no tag.
    pub(crate) tags: [u32; TAGS],
    /// Not before this moment will it be purged.
    pub(crate) deletion_date: Option<Millis>,
    /// The number of the material that was imported first.
    pub(crate) associated: Option<u8>,
    pub(crate) present: bool,
    pub(crate) valid_to: Option<Millis>,
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

impl Model for Facts {
    type Op = Op;
    /// The expiry of usable material; none while uses are refused.
    type View = Option<Option<Millis>>;

    fn after(&self, op: Op) -> Vec<(Self, Answer)> {
        self.after(op)
    }

    fn after_time(&self, now: Millis) -> Vec<Self> {
        self.after_time(now)
    }

    fn at_least_after_time(self, now: Millis) -> Self {
        self.at_least_after_time(now)
    }

    fn view(&self) -> Self::View {
        (self.life == Life::Alive && self.state() == State::Enabled).then_some(self.valid_to)
    }

    fn by_view(view: &Self::View, op: Op, now: Millis) -> Option<Answer> {
        let Op::Use(what) = op else { return None };
        let works = view.is_some_and(|valid_to| valid_to.is_none_or(|at| now < at));
        works.then_some(what.answer())
    }

    fn is_change(op: Op) -> bool {
        !matches!(
            op,
            Op::Look | Op::Tags | Op::Policy | Op::Policies | Op::List | Op::PublicKey | Op::Use(_) | Op::Random
        )
    }

    fn expiry(op: Op) -> Option<Millis> {
        if let Op::Import { valid_to, .. } = op { valid_to } else { None }
    }

    fn is_import(op: Op) -> bool {
        matches!(op, Op::Import { .. })
    }

    fn is_delete(op: Op) -> bool {
        op == Op::Delete
    }
}

impl Facts {
    /// A key as CreateKey makes it.
    pub(crate) const fn created(is_external: bool) -> Self {
        Self {
            life: Life::Alive,
            enabled: true,
            description: 0,
            tags: [0; TAGS],
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
        if op == Op::Random {
            return vec![(self.clone(), Answer::Done)];
        }
        match self.life {
            Life::Purging | Life::Gone if matches!(op, Op::Due { .. }) => vec![(self.clone(), Answer::TooLate)],
            Life::Alive => {
                let mut after = vec![self.after_alive(op)];
                if matches!(op, Op::Import { .. } | Op::Due { .. }) {
                    after.push((self.clone(), Answer::TooLate));
                }
                after
            }
            // Some operations still see the row, others say that the key is gone; nothing brings it back.
            Life::Purging => {
                let seen = if op == Op::Cancel { Answer::NotFound } else { self.after_alive(op).1 };
                // A list of what the key has is read after the key itself was found.
                let already_gone = match op {
                    Op::Tags => Answer::Tagged([0; TAGS]),
                    Op::List => Answer::Listed(false),
                    _ => seen,
                };
                [Answer::NotFound, seen, already_gone].map(|answer| (self.clone(), answer)).to_vec()
            }
            Life::Gone if op == Op::List => vec![(self.clone(), Answer::Listed(false))],
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

    /// What an operation gives that needs the material.
    fn given(&self, op: Op) -> Answer {
        match op {
            Op::Use(what) => what.answer(),
            _ => Answer::Published(self.associated.unwrap_or(u8::MAX)),
        }
    }

    fn tagged(&self, which: [bool; TAGS], value: u32) -> [u32; TAGS] {
        std::array::from_fn(|tag| if which[tag] { value } else { self.tags[tag] })
    }

    fn after_alive(&self, op: Op) -> (Self, Answer) {
        let state = self.state();
        let same = || self.clone();
        let refused = || (self.clone(), Answer::InvalidState);
        let settled = matches!(state, State::Enabled | State::Disabled);
        match op {
            Op::Look => (same(), Answer::Looked(state.name(), self.description)),
            Op::Tags => (same(), Answer::Tagged(self.tags)),
            Op::List => (same(), Answer::Listed(true)),
            Op::Policy | Op::Policies | Op::Random => (same(), Answer::Done),
            Op::PublicKey | Op::Use(_) => match state {
                State::Enabled => (same(), self.given(op)),
                State::Disabled => (same(), Answer::IsDisabled),
                State::PendingImport | State::PendingDeletion => refused(),
            },
            Op::Delete => (self.expired(), Answer::Done),
            Op::Cancel if state == State::PendingDeletion => {
                (Self { deletion_date: None, enabled: false, ..same() }, Answer::Done)
            }
            Op::Cancel => refused(),
            Op::Due { at } if self.deletion_date.is_some() => {
                (Self { deletion_date: Some(at), ..same() }, Answer::Done)
            }
            Op::Due { .. } => (same(), Answer::TooLate),
            _ if state == State::PendingDeletion => refused(),
            Op::Schedule { not_before } => (Self { deletion_date: Some(not_before), ..same() }, Answer::Done),
            Op::Describe(description) => (Self { description, ..same() }, Answer::Done),
            Op::Tag { which, value } => (Self { tags: self.tagged(which, value), ..same() }, Answer::Done),
            Op::Untag { which } => (Self { tags: self.tagged(which, 0), ..same() }, Answer::Done),
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
    use crate::op::Use;

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
    fn a_public_key_is_that_of_the_material_and_only_while_the_key_is_enabled() {
        let made = Facts::created(false);
        assert_eq!(made.after(Op::PublicKey)[0].1, Answer::Published(0));
        let imported = done(&Facts::created(true), Op::Import { number: 2, valid_to: None });
        assert_eq!(imported.after(Op::PublicKey), [(imported.clone(), Answer::Published(2))]);
        let disabled = done(&imported, Op::Disable);
        assert_eq!(disabled.after(Op::PublicKey)[0].1, Answer::IsDisabled);
        let deleted = done(&imported, Op::Delete);
        assert_eq!(deleted.after(Op::PublicKey)[0].1, Answer::InvalidState);
    }

    #[test]
    fn what_is_forged_is_found_out_by_a_key_that_works_alone() {
        let made = Facts::created(false);
        assert_eq!(made.after(Op::Use(Use::VerifyOther))[0].1, Answer::Forged);
        assert_eq!(made.after(Op::Use(Use::Verify))[0].1, Answer::Done);
        let disabled = done(&made, Op::Disable);
        assert_eq!(disabled.after(Op::Use(Use::VerifyOther))[0].1, Answer::IsDisabled);
    }

    #[test]
    fn tags_change_together_and_not_while_the_key_awaits_deletion() {
        let tagged = done(&Facts::created(true), Op::Tag { which: [true, true], value: 3 });
        let untagged = done(&tagged, Op::Untag { which: [true, false] });
        assert_eq!(untagged.after(Op::Tags)[0].1, Answer::Tagged([0, 3]));
        let doomed = done(&untagged, Op::Schedule { not_before: 100 });
        let again = Op::Tag { which: [true, false], value: 4 };
        assert_eq!(doomed.after(again), [(doomed.clone(), Answer::InvalidState)]);
        assert_eq!(doomed.after(Op::Tags)[0].1, Answer::Tagged([0, 3]));
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
