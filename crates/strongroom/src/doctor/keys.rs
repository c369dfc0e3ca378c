//! Every kind of key: which token makes it, the ways of importing it, and the reason for each no.

use std::sync::Arc;

use kms_hsm::{KindRow, Served, Token};
use serde_json::{Map, Value, json};

use super::Findings;

/// The first token that makes a kind of key decides, as for CreateKey.
pub(super) fn look(findings: &mut Findings, tokens: &[Arc<Token>]) {
    let tables: Vec<_> = tokens.iter().map(|token| (&token.identity().label, token.capabilities().table())).collect();
    let Some((_, first)) = tables.first() else { return };
    for (place, row) in first.iter().enumerate() {
        let name = format!("{} {}", row.kind.spec, row.kind.usage);
        let rows = tables.iter().map(|(label, table)| (label, &table[place]));
        let is_promised = rows.clone().any(|(_, row)| row.is_promised);
        match rows.clone().find(|(_, row)| row.generate.is_ok()) {
            Some((_, row)) if tables.len() == 1 => findings.ok(name, text_of(row)),
            Some((label, row)) => findings.ok(name, format!("{} in {label}", text_of(row))),
            None => {
                let reasons: Vec<_> = rows.filter_map(|(_, row)| row.generate.err()).collect();
                let text = format!("not served: {}", reasons.join("; "));
                if is_promised { findings.wrong(name, text) } else { findings.note(name, text) }
            }
        }
    }
}

fn text_of(row: &KindRow) -> String {
    let served: Vec<_> =
        row.imports.iter().filter(|(_, served)| served.is_ok()).map(|(algorithm, _)| algorithm.name()).collect();
    let mut text = match &served[..] {
        [] => "made in the token, never imported".to_owned(),
        ways => format!("made in the token; imported by {}", ways.join(", ")),
    };
    let missing_imports = row.imports.iter().map(|(algorithm, served)| (algorithm.name(), served));
    let missing_signatures = row.signatures.iter().map(|(algorithm, served)| (algorithm.name(), served));
    for (algorithm, served) in missing_imports.chain(missing_signatures) {
        if let Err(reason) = served {
            text.push_str(&format!("; not {algorithm}: {reason}"));
        }
    }
    text
}

/// The table of a token for programs: null where an ability is there, else the reason why not.
pub(super) fn table(token: &Token) -> Value {
    let ways = |ways: Vec<(&str, Served)>| -> Value {
        ways.into_iter().map(|(name, served)| (name.to_owned(), json!(served.err()))).collect::<Map<_, _>>().into()
    };
    let rows = token.capabilities().table().into_iter().map(|row| {
        json!({
            "keySpec": row.kind.spec.name(),
            "keyUsage": row.kind.usage.name(),
            "promised": row.is_promised,
            "generate": row.generate.err(),
            "import": ways(row.imports.iter().map(|(algorithm, served)| (algorithm.name(), *served)).collect()),
            "sign": ways(row.signatures.iter().map(|(algorithm, served)| (algorithm.name(), *served)).collect()),
        })
    });
    json!({"label": token.identity().label, "keys": rows.collect::<Vec<_>>()})
}
