//! The token: its library, its self-test, what it can do and how, and whether it is the one that the database names.

use std::sync::Arc;

use kms_core::wrapping::WrappingAlgorithm;
use kms_hsm::{NEEDED_MECHANISMS, RsaUnwrap, Token, TokenConfig, TokenFileState, token_file_state};
use kms_material::{DeploymentError, Inspector};
use kms_metadata::Metadata;

use super::{Findings, causes};

/// Looks, and gives the token if it opens.
pub(super) fn look(findings: &mut Findings, config: anyhow::Result<TokenConfig>) -> Option<Token> {
    const NAME: &str = "token";
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            findings.wrong(NAME, causes(error));
            return None;
        }
    };
    token_file(findings, &config);
    let has_folder = config.softhsm_folder.is_some();
    let token = match Token::open_to_look(config) {
        Ok(token) => token,
        Err(error) => {
            findings.wrong(NAME, causes(error));
            return None;
        }
    };
    let identity = token.identity();
    findings.ok("library", &identity.library);
    let text =
        format!("{:?}: {} {}, serial {}", identity.label, identity.manufacturer, identity.model, identity.serial);
    findings.ok(NAME, text);
    findings.ok("self-test", "HMAC-SHA-256 is computed right");
    if identity.quirks == "SoftHSM" && !has_folder {
        let text = "softhsm_folder is not set: no lock between processes, and a kill can cost the whole token";
        findings.wrong("write lock", text);
    } else {
        let text =
            if has_folder { "across processes, by a file beside the token folder" } else { "within the process" };
        findings.ok("write lock", text);
    }
    mechanisms(findings, &token);
    wrapping(findings, &token);
    Some(token)
}

/// Before the token is opened, because that renews the copy.
fn token_file(findings: &mut Findings, config: &TokenConfig) {
    const NAME: &str = "token.object";
    let Some(folder) = &config.softhsm_folder else { return };
    match token_file_state(folder, &config.token_label) {
        Ok(TokenFileState::Copied) => findings.ok(NAME, "whole, and its verified copy is the same"),
        Ok(TokenFileState::OlderCopy) => findings.note(NAME, "whole; its verified copy was older and is renewed now"),
        Ok(TokenFileState::OtherKeys) => {
            let text = "whole, but its verified copy has other keys: a PIN was changed, or the file is damaged; \
                        the copy is renewed only if the sentinel can be read";
            findings.note(NAME, text);
        }
        Ok(TokenFileState::NoCopy) => findings.note(NAME, "whole; it had no verified copy and gets one now"),
        Ok(TokenFileState::TornButCopied) => {
            findings.wrong(NAME, "torn; the next start of a node restores it from its verified copy");
        }
        Ok(TokenFileState::Torn) => findings.wrong(NAME, "torn, without a copy: restore it from a backup"),
        Err(error) => findings.wrong(NAME, causes(error)),
    }
}

fn mechanisms(findings: &mut Findings, token: &Token) {
    for need in NEEDED_MECHANISMS {
        if token.capabilities().mechanisms.contains(&need.number) {
            findings.ok(need.name, need.purpose);
        } else if need.is_required {
            findings.wrong(need.name, format!("missing: {}", need.purpose));
        } else {
            findings.note(need.name, format!("missing: {}", need.purpose));
        }
    }
}

/// Which wrapping algorithms GetParametersForImport can offer, and where the material is unwrapped.
fn wrapping(findings: &mut Findings, token: &Token) {
    use WrappingAlgorithm::{RsaAesKeyWrapSha1, RsaAesKeyWrapSha256, RsaesOaepSha1, RsaesOaepSha256};
    let mut serves_any = false;
    for algorithm in [RsaesOaepSha1, RsaesOaepSha256, RsaAesKeyWrapSha1, RsaAesKeyWrapSha256] {
        let text = match token.capabilities().unwrap_path(algorithm) {
            Some(RsaUnwrap::InToken) => "unwrapped in the token",
            Some(RsaUnwrap::RawDecryption) => "decrypted in the token, its padding removed by the process",
            None => {
                findings.note(algorithm.name(), "not offered on this token");
                continue;
            }
        };
        serves_any = true;
        findings.ok(algorithm.name(), text);
    }
    if !serves_any {
        findings.note("imports", "this token can import no key material");
    }
}

/// Whether token and database belong together and agree.
pub(super) fn look_at_deployment(findings: &mut Findings, metadata: Metadata, token: Arc<Token>) {
    const NAME: &str = "deployment";
    let label = token.identity().label.clone();
    let inspector = match Inspector::open(metadata, token, &label) {
        Ok(inspector) => inspector,
        Err(error @ DeploymentError::NotMade) => return findings.note(NAME, causes(error)),
        Err(error) => return findings.wrong(NAME, causes(error)),
    };
    let id = inspector.store().deployment_id;
    findings.ok(NAME, format!("{id}, in database and token; the sentinel is there"));
    match inspector.try_root() {
        Ok(true) => findings.ok("root key", "in the token, and it computes"),
        Ok(false) => findings.ok("root key", "in another token of the deployment"),
        Err(error) => findings.wrong("root key", causes(error)),
    }
    objects(findings, &inspector);
}

fn objects(findings: &mut Findings, inspector: &Inspector) {
    const NAME: &str = "rows and objects";
    match inspector.compare() {
        Err(error) => findings.wrong(NAME, causes(error)),
        Ok(found) if found.is_empty() => findings.ok(NAME, "they agree"),
        Ok(found) => {
            let text = format!(
                "{} missing, {} unknown, {} nameless, {} under way: see `strongroom reconcile`",
                found.missing.len(),
                found.unknown.len(),
                found.nameless,
                found.destroying.len() + found.returned.len() + found.unfinished.len(),
            );
            if found.missing.is_empty() { findings.note(NAME, text) } else { findings.wrong(NAME, text) }
        }
    }
}
