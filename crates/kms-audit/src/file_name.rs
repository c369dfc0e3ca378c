//! Names of audit files: `<node>-<number>.jsonl`, the number in six digits or more, from 1.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::AuditError;

/// The path of a node's file.
pub(crate) fn path_of(dir: &Path, node: &str, number: u64) -> PathBuf {
    dir.join(format!("{node}-{number:06}.jsonl"))
}

/// Whether the name of a node can be part of a file name.
///
/// # Errors
/// `NodeName` if not.
pub(crate) fn check_node(node: &str) -> Result<(), AuditError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_good = !node.is_empty() && node.len() <= 128 && !node.starts_with('.') && node.chars().all(fits);
    if is_good { Ok(()) } else { Err(AuditError::NodeName) }
}

/// The audit files of a folder as (node, number), sorted. Other files are passed over.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        if let Some(found) = entry?.file_name().to_str().and_then(parse) {
            files.push(found);
        }
    }
    files.sort();
    Ok(files)
}

/// Only the spelling of [`path_of`] counts, so that no two names mean the same file.
fn parse(name: &str) -> Option<(String, u64)> {
    let (node, number) = name.strip_suffix(".jsonl")?.rsplit_once('-')?;
    let value = number.parse().ok().filter(|value| *value > 0)?;
    (check_node(node).is_ok() && format!("{value:06}") == number).then(|| (node.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_in_one_spelling_only() {
        assert_eq!(path_of(Path::new("d"), "n-1", 7), Path::new("d/n-1-000007.jsonl"));
        assert_eq!(parse("n-1-000007.jsonl"), Some(("n-1".into(), 7)));
        assert_eq!(parse("n-1234567.jsonl"), Some(("n".into(), 1_234_567)));
        for name in
            ["n-7.jsonl", "n-000000.jsonl", "n-0000007.jsonl", "-000007.jsonl", "n-000007.json", "n-+00007.jsonl"]
        {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_node_cannot_name_another_folder() {
        assert!(check_node("node-1.example").is_ok());
        for node in ["", ".", "..", "a/b", "a b", "é"] {
            assert!(check_node(node).is_err(), "{node}");
        }
    }
}
