//! Whether the audit tells everything: its chains hold, and each answered request has its line.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;

/// What is wrong with the audit logs of these folders, which rest now.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn faults(folders: &[&Path], mut acknowledged: HashSet<String>) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for folder in folders {
        let report = kms_audit::verify(folder)?;
        if let Some(found) = report.first_break {
            faults.push(format!("the audit chain breaks: {found:?}"));
        }
        strike_out(folder, &mut acknowledged)?;
    }
    if !acknowledged.is_empty() {
        let some: Vec<&String> = acknowledged.iter().take(3).collect();
        faults.push(format!("{} answered requests have no audit line, such as {some:?}", acknowledged.len()));
    }
    Ok(faults)
}

/// Removes the requests that a line tells of.
fn strike_out(folder: &Path, requests: &mut HashSet<String>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        let file = BufReader::new(std::fs::File::open(&path)?);
        for line in file.lines() {
            let line = line.with_context(|| format!("{}", path.display()))?;
            if let Some(id) = request_id(&line) {
                requests.remove(id);
            }
        }
    }
    Ok(())
}

fn request_id(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("\"requestID\":\"")?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_request_of_a_line_is_found() {
        assert_eq!(super::request_id(r#"{"seq":1,"requestID":"abc","x":"y"}"#), Some("abc"));
        assert_eq!(super::request_id(r#"{"seq":0,"recordType":"header"}"#), None);
    }
}
