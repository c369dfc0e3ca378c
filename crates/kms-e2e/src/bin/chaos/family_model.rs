//! What a family may answer: two keys and the aliases that lead to them. Source: key-states.md 3, kms-operations.md 7.

use crate::answer::{Answer, NAMES};
use crate::clock::Millis;
use crate::machine::Model;
use crate::model::{Facts, Life, State};
use crate::op::{Op, Use};

/// Keys of a family.
pub(crate) const KEYS: usize = 2;

/// What is true of a family.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Family {
    keys: [Facts; KEYS],
    /// The key that each name leads to, one at most.
    names: [Option<u8>; NAMES],
}

/// An operation on a family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum FamilyOp {
    Create {
        name: u8,
        key: u8,
    },
    Update {
        name: u8,
        key: u8,
    },
    Delete {
        name: u8,
    },
    /// DescribeKey by alias.
    Look {
        name: u8,
    },
    /// Encrypt by alias.
    Use {
        name: u8,
    },
    /// ListAliases of a key.
    List {
        key: u8,
    },
    /// An operation on one of the keys.
    Key {
        key: u8,
        op: Op,
    },
}

impl FamilyOp {
    /// The operation of the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Create { .. } => "CreateAlias",
            Self::Update { .. } => "UpdateAlias",
            Self::Delete { .. } => "DeleteAlias",
            Self::Look { .. } => "DescribeKey (by alias)",
            Self::Use { .. } => "Encrypt (by alias)",
            Self::List { .. } => "ListAliases",
            Self::Key { op, .. } => op.name(),
        }
    }

    /// The look that tells most of whether a change like this has happened; what changes nothing stays.
    pub(crate) fn or_look(self) -> Self {
        match self {
            Self::Create { name, .. } | Self::Update { name, .. } | Self::Delete { name } => Self::Look { name },
            Self::Key { key, op } => Self::Key { key, op: op.or_look() },
            Self::Look { .. } | Self::Use { .. } | Self::List { .. } => self,
        }
    }
}

impl Family {
    /// Two generated keys without names.
    pub(crate) fn created() -> Self {
        Self { keys: [Facts::created(false), Facts::created(false)], names: [None; NAMES] }
    }

    fn key(&self, key: u8) -> &Facts {
        &self.keys[usize::from(key)]
    }

    fn leads_to(&self, name: u8) -> Option<u8> {
        self.names[usize::from(name)]
    }

    fn with_name(&self, name: u8, key: Option<u8>) -> Self {
        let mut family = self.clone();
        family.names[usize::from(name)] = key;
        family
    }

    fn with_key(&self, key: u8, facts: Facts) -> Self {
        let mut family = self.clone();
        // The aliases of a key go with it.
        if facts.life == Life::Gone {
            family.names = family.names.map(|leads_to| leads_to.filter(|to| *to != key));
        }
        family.keys[usize::from(key)] = facts;
        family
    }

    /// The refusals of a key that shall get a name; none if it may get it.
    fn refusals(&self, key: u8) -> Vec<Answer> {
        let facts = self.key(key);
        match facts.life {
            Life::Gone => vec![Answer::NotFound],
            Life::Purging => vec![Answer::NotFound, Answer::InvalidState],
            Life::Alive if facts.state() == State::PendingDeletion => vec![Answer::InvalidState],
            Life::Alive => Vec::new(),
        }
    }

    fn named(&self, key: u8) -> [bool; NAMES] {
        self.names.map(|leads_to| leads_to == Some(key))
    }

    /// A look or a use by a name; `op` is what it is for the key.
    fn by_name(&self, name: u8, op: Op) -> Vec<(Self, Answer)> {
        let Some(key) = self.leads_to(name) else { return vec![(self.clone(), Answer::NotFound)] };
        let by_key = self.key(key).after(op).into_iter();
        let answer = |answer: Answer| if answer.is_success() { Answer::By(key) } else { answer };
        by_key.map(|(_, of_key)| (self.clone(), answer(of_key))).collect()
    }

    fn create(&self, name: u8, key: u8) -> Vec<(Self, Answer)> {
        let refusals = self.refusals(key);
        if !refusals.is_empty() {
            return refusals.into_iter().map(|answer| (self.clone(), answer)).collect();
        }
        match self.leads_to(name) {
            Some(_) => vec![(self.clone(), Answer::Exists)],
            None => vec![(self.with_name(name, Some(key)), Answer::Done)],
        }
    }

    /// Points a name elsewhere, or nowhere. A name whose key is going may still be seen and is changed no more.
    fn change(&self, name: u8, key: Option<u8>) -> Vec<(Self, Answer)> {
        let not_found = vec![(self.clone(), Answer::NotFound)];
        let Some(old) = self.leads_to(name) else { return not_found };
        if self.key(old).life != Life::Alive {
            return not_found;
        }
        let refusals = key.map(|key| self.refusals(key)).unwrap_or_default();
        if refusals.is_empty() {
            return vec![(self.with_name(name, key), Answer::Done)];
        }
        refusals.into_iter().map(|answer| (self.clone(), answer)).collect()
    }

    fn list(&self, key: u8) -> Vec<(Self, Answer)> {
        let named = Answer::Named(self.named(key));
        let answers = match self.key(key).life {
            Life::Alive => vec![named],
            // The list is read after the key was found.
            Life::Purging => vec![named, Answer::Named([false; NAMES]), Answer::NotFound],
            Life::Gone => vec![Answer::NotFound],
        };
        answers.into_iter().map(|answer| (self.clone(), answer)).collect()
    }
}

impl Model for Family {
    type Op = FamilyOp;
    /// The usable key that each name leads to.
    type View = [Option<u8>; NAMES];

    fn after(&self, op: FamilyOp) -> Vec<(Self, Answer)> {
        match op {
            FamilyOp::Create { name, key } => self.create(name, key),
            FamilyOp::Update { name, key } => self.change(name, Some(key)),
            FamilyOp::Delete { name } => self.change(name, None),
            FamilyOp::Look { name } => self.by_name(name, Op::Look),
            FamilyOp::Use { name } => self.by_name(name, Op::Use(Use::Encrypt)),
            FamilyOp::List { key } => self.list(key),
            FamilyOp::Key { key, op } => {
                let after = self.key(key).after(op).into_iter();
                after.map(|(facts, answer)| (self.with_key(key, facts), answer)).collect()
            }
        }
    }

    fn after_time(&self, now: Millis) -> Vec<Self> {
        let keys = (0_u8..).take(KEYS);
        keys.flat_map(|key| self.key(key).after_time(now).into_iter().map(move |facts| self.with_key(key, facts)))
            .collect()
    }

    fn at_least_after_time(self, _now: Millis) -> Self {
        self
    }

    fn view(&self) -> Self::View {
        self.names.map(|leads_to| leads_to.filter(|key| self.key(*key).view().is_some()))
    }

    fn by_view(view: &Self::View, op: FamilyOp, _now: Millis) -> Option<Answer> {
        if let FamilyOp::Use { name } = op { view[usize::from(name)].map(Answer::By) } else { None }
    }

    fn is_change(op: FamilyOp) -> bool {
        match op {
            FamilyOp::Create { .. } | FamilyOp::Update { .. } | FamilyOp::Delete { .. } => true,
            FamilyOp::Look { .. } | FamilyOp::Use { .. } | FamilyOp::List { .. } => false,
            FamilyOp::Key { op, .. } => Facts::is_change(op),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(family: &Family, op: FamilyOp) -> Family {
        let after = family.after(op).into_iter().find(|(_, answer)| *answer == Answer::Done);
        after.map(|(family, _)| family).unwrap_or_else(|| panic!("{op:?} is refused in {family:?}"))
    }

    fn answers(family: &Family, op: FamilyOp) -> Vec<Answer> {
        family.after(op).into_iter().map(|(_, answer)| answer).collect()
    }

    #[test]
    fn an_alias_leads_to_one_key_and_is_made_once() {
        let family = done(&Family::created(), FamilyOp::Create { name: 0, key: 0 });
        assert_eq!(answers(&family, FamilyOp::Create { name: 0, key: 1 }), [Answer::Exists]);
        let moved = done(&family, FamilyOp::Update { name: 0, key: 1 });
        assert_eq!(answers(&moved, FamilyOp::Use { name: 0 }), [Answer::By(1)]);
        assert_eq!(answers(&moved, FamilyOp::List { key: 0 }), [Answer::Named([false, false])]);
        assert_eq!(answers(&moved, FamilyOp::List { key: 1 }), [Answer::Named([true, false])]);
        let deleted = done(&moved, FamilyOp::Delete { name: 0 });
        assert_eq!(answers(&deleted, FamilyOp::Look { name: 0 }), [Answer::NotFound]);
        assert_eq!(answers(&deleted, FamilyOp::Update { name: 0, key: 1 }), [Answer::NotFound]);
    }

    #[test]
    fn the_aliases_of_a_key_go_with_it_and_are_free_then() {
        let family = done(&Family::created(), FamilyOp::Create { name: 1, key: 0 });
        let doomed = done(&family, FamilyOp::Key { key: 0, op: Op::Schedule { not_before: 100 } });
        assert_eq!(answers(&doomed, FamilyOp::Create { name: 0, key: 0 }), [Answer::InvalidState]);
        assert_eq!(answers(&doomed, FamilyOp::Look { name: 1 }), [Answer::By(0)]);
        let gone = doomed.after_time(100).pop().and_then(|purging| purging.after_time(100).pop()).unwrap();
        assert_eq!(answers(&gone, FamilyOp::Look { name: 1 }), [Answer::NotFound]);
        assert_eq!(done(&gone, FamilyOp::Create { name: 1, key: 1 }).leads_to(1), Some(1));
    }
}
