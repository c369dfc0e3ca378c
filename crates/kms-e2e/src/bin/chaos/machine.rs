//! What a checker follows: a state machine of KMS without crashes, nodes or tokens.

use std::fmt::Debug;
use std::hash::Hash;

use crate::answer::Answer;
use crate::clock::Millis;

/// What is checked: a state machine of the keys that a client can see together.
pub(crate) trait Model: Clone + Eq + Hash + Debug {
    /// What can be asked for.
    type Op: Copy + PartialEq + Debug;
    /// What a node that holds these facts in its cache needs to know for uses.
    type View: Clone + Eq + Hash + Debug;

    /// What may follow from an operation.
    fn after(&self, op: Self::Op) -> Vec<(Self, Answer)>;
    /// What time alone may have done up to now.
    fn after_time(&self, now: Millis) -> Vec<Self>;
    /// What time must have done up to now.
    fn at_least_after_time(self, now: Millis) -> Self;
    /// What caches hold of these facts.
    fn view(&self) -> Self::View;
    /// The success that a node with this view gives; none if it would read the rows before it refuses.
    fn by_view(view: &Self::View, op: Self::Op, now: Millis) -> Option<Answer>;
    /// Whether it can change anything.
    fn is_change(op: Self::Op) -> bool;
    /// The ValidTo that it asks for.
    fn expiry(_op: Self::Op) -> Option<Millis> {
        None
    }
    /// Whether it can make an object in the token.
    fn is_import(_op: Self::Op) -> bool {
        false
    }
    /// Whether no object is in the token after it.
    fn is_delete(_op: Self::Op) -> bool {
        false
    }
}
