//! `strongroom doctor`: whether everything that a node needs is there, each point with its reason. It writes nothing but
//! session objects of the token and, as each opening does, the verified copy of `token.object`.

mod database;
mod host;
mod keys;
mod token;

use std::process::ExitCode;
use std::sync::Arc;

use kms_hsm::{Token, TokenConfig};
use kms_metadata::Metadata;
use serde_json::json;

use crate::cli::DoctorArguments;
use crate::place::Place;
use crate::process::{self, print};

/// The exit status when something is wrong.
const WRONG: u8 = 3;

/// What was looked at, and how it stands.
pub(crate) struct Finding {
    name: String,
    verdict: Verdict,
    text: String,
}

/// How it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// As it should be.
    Ok,
    /// Worth knowing; a node serves nevertheless.
    Note,
    /// A node does not serve, or not for long, or breaks a promise.
    Wrong,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

/// What was found so far.
#[derive(Default)]
pub(crate) struct Findings {
    all: Vec<Finding>,
    /// Before each name: of which further token it is told.
    prefix: String,
}

impl Findings {
    fn ok(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.add(Verdict::Ok, name, text);
    }

    fn note(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.add(Verdict::Note, name, text);
    }

    fn wrong(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.add(Verdict::Wrong, name, text);
    }

    fn add(&mut self, verdict: Verdict, name: impl Into<String>, text: impl Into<String>) {
        let name = format!("{}{}", self.prefix, name.into());
        self.all.push(Finding { name, verdict, text: text.into() });
    }

    fn is_well(&self) -> bool {
        self.all.iter().all(|finding| finding.verdict != Verdict::Wrong)
    }
}

/// Looks at everything, and tells by its exit status whether anything is wrong: 0 if not, 3 if so.
pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<ExitCode> {
    process::start_log();
    let (place, _borrowed) = Place::of(&arguments.place)?;
    process::guard_memory();
    let mut findings = Findings::default();
    host::look(&mut findings, &place);
    let metadata = database::look(&mut findings, &place.database);
    let tokens = look_at_tokens(&mut findings, place.tokens, metadata.as_ref());
    keys::look(&mut findings, &tokens);
    if arguments.json {
        let list = findings
            .all
            .iter()
            .map(|finding| json!({"name": finding.name, "verdict": finding.verdict.word(), "text": finding.text}));
        let tokens: Vec<_> = tokens.iter().map(|token| keys::table(token)).collect();
        print(&json!({"well": findings.is_well(), "findings": list.collect::<Vec<_>>(), "tokens": tokens}).to_string());
    } else {
        for Finding { name, verdict, text } in &findings.all {
            print(&format!("{:<6} {name:<34} {text}", verdict.word()));
        }
    }
    Ok(if findings.is_well() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

/// Looks at each token, and at whether it belongs to the database's deployment; gives those that open.
fn look_at_tokens(
    findings: &mut Findings,
    configs: Vec<anyhow::Result<TokenConfig>>,
    metadata: Option<&Metadata>,
) -> Vec<Arc<Token>> {
    let mut tokens = Vec::new();
    for (place, config) in configs.into_iter().enumerate() {
        if place > 0 {
            findings.prefix = config.as_ref().map_or("?", |config| &config.token_label).to_owned() + ": ";
        }
        let Some(token) = token::look(findings, config).map(Arc::new) else { continue };
        if let Some(metadata) = metadata {
            token::look_at_deployment(findings, metadata.clone(), Arc::clone(&token));
        }
        tokens.push(token);
    }
    findings.prefix.clear();
    tokens
}

/// An error with its causes in one line.
fn causes(error: impl Into<anyhow::Error>) -> String {
    process::in_one_line(&error.into())
}
