//! The keepers of all tokens of a deployment: a key is with one of them, for good.

use std::sync::Arc;

use kms_core::hsm::HsmError;
use kms_core::{Clock, Hsm, KeyFacts, KmsError};
use kms_metadata::Metadata;

use crate::Keeper;
use crate::reconcile::Report;

/// A keeper for each token, in the order in which a new key is offered to them. Cheap to clone.
#[derive(Clone)]
pub struct Keepers {
    all: Arc<[Keeper]>,
}

impl Keepers {
    /// The keepers in their order; none at all gives none.
    pub fn new(all: Vec<Keeper>) -> Option<Self> {
        (!all.is_empty()).then(|| Self { all: all.into() })
    }

    /// Every keeper, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Keeper> {
        self.all.iter()
    }

    /// The first keeper: what needs some token, such as random bytes, goes to its.
    pub fn first(&self) -> &Keeper {
        &self.all[0]
    }

    /// The rows, which all keepers share.
    pub fn metadata(&self) -> &Metadata {
        self.first().metadata()
    }

    /// The clock, which all keepers share.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.first().clock()
    }

    /// The keeper of the token that a key is bound to.
    ///
    /// # Errors
    /// `KMSInternalException`: no node starts without a token that its database knows, but another node may have added one.
    pub fn of(&self, facts: &KeyFacts) -> Result<&Keeper, KmsError> {
        let keeper = self.iter().find(|keeper| keeper.token() == facts.token);
        keeper.ok_or_else(|| KmsError::internal("the token of a key is not one of this node's"))
    }

    /// One run over rows and every token ([`Keeper::reconcile`]): what was found in those that could be looked at, and the
    /// error of the first that could not.
    pub fn reconcile(&self, at_start: bool) -> (Report, Result<(), KmsError>) {
        let mut outcome = (Report::default(), Ok(()));
        for keeper in self.iter() {
            match keeper.reconcile(at_start) {
                Ok(report) => outcome.0 = outcome.0.with(report),
                Err(error) => outcome.1 = outcome.1.and(Err(error)),
            }
        }
        outcome
    }

    /// Whether the searches of every token can be trusted now.
    ///
    /// # Errors
    /// That of the first token that cannot.
    pub fn check(&self) -> Result<(), HsmError> {
        let checked: Vec<_> = self.iter().map(|keeper| keeper.hsm().check()).collect();
        checked.into_iter().collect()
    }

    /// The first keeper whose token serves what is asked of it.
    ///
    /// # Errors
    /// `UnsupportedOperationException` with the reasons of the tokens, each once. Which token said what, `strongroom doctor`
    /// tells the operator; it is no client's business.
    pub fn serving(&self, ask: impl Fn(&dyn Hsm) -> Result<(), HsmError>) -> Result<&Keeper, KmsError> {
        let mut reasons = Vec::new();
        for keeper in self.iter() {
            match ask(&**keeper.hsm()) {
                Ok(()) => return Ok(keeper),
                Err(HsmError::Unsupported(reason)) if reasons.contains(&reason) => {}
                Err(HsmError::Unsupported(reason)) => reasons.push(reason),
                Err(other) => return Err(other.into()),
            }
        }
        match reasons[..] {
            [reason] => Err(HsmError::Unsupported(reason).into()),
            _ => Err(KmsError::UnsupportedOperation(Some(format!("no token serves this: {}", reasons.join("; "))))),
        }
    }
}
