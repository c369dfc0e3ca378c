//! Whose access keys are known. Callers are root users of accounts.

use std::collections::HashMap;

use kms_api::Principal;
use kms_api::sigv4::{Credentials, CredentialsRefused, SecretAccessKey, SigningKeys};
use kms_core::AccountId;
use kms_core::arn::root_arn;

const DEV_ACCOUNT: &str = "000000000000";
const DEV_NAME: &str = "test";

/// The access keys of `dev`: `test` is the root of account 000000000000, a 12-digit id is the root of that account; the
/// secret of each is `test`.
#[derive(Debug)]
pub(crate) struct DevCredentials {
    secret: SecretAccessKey,
}

impl DevCredentials {
    pub(crate) fn new() -> Self {
        Self { secret: SecretAccessKey::new(DEV_NAME.to_owned()) }
    }
}

impl SigningKeys for DevCredentials {
    type Caller = Principal;

    fn find(&self, id: &str, session_token: Option<&str>) -> Result<Credentials<Principal>, CredentialsRefused> {
        let account = AccountId::parse(if id == DEV_NAME { DEV_ACCOUNT } else { id });
        match (account, session_token) {
            (Some(account), None) => Ok(Credentials { secret: self.secret.clone(), caller: root(account) }),
            _ => Err(CredentialsRefused::Invalid),
        }
    }
}

/// The access keys of a configuration file.
#[derive(Debug, Default)]
pub(crate) struct ConfiguredCredentials {
    keys: HashMap<String, Credentials<Principal>>,
}

impl ConfiguredCredentials {
    pub(crate) fn add(&mut self, id: String, secret: String, account: AccountId) {
        self.keys.insert(id, Credentials { secret: SecretAccessKey::new(secret), caller: root(account) });
    }
}

impl SigningKeys for ConfiguredCredentials {
    type Caller = Principal;

    fn find(&self, id: &str, session_token: Option<&str>) -> Result<Credentials<Principal>, CredentialsRefused> {
        match (self.keys.get(id), session_token) {
            (Some(credentials), None) => Ok(credentials.clone()),
            _ => Err(CredentialsRefused::Invalid),
        }
    }
}

fn root(account: AccountId) -> Principal {
    Principal { account, arn: root_arn("aws", account).into() }
}
