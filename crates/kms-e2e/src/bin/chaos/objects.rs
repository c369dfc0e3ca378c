//! Whether rows and token are one: every object of an independent listing beside its row.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use kms_local::{DATABASE, PostgresAddress};

const QUERY: &str = "SELECT coalesce(string_agg(object_id || ' ' || kind || ' ' || state, ','), '') FROM key_objects";

/// Where to look.
pub(crate) struct Place {
    pub(crate) token_env: std::path::PathBuf,
    pub(crate) postgres: PostgresAddress,
}

impl Place {
    /// The place of a `strongroom dev` folder whose Postgres runs. Its socket lies in `postgres-run`, unless the path is too
    /// long for that, which chaos refuses at its start.
    pub(crate) fn of_data_dir(data_dir: &Path) -> Self {
        let postgres = PostgresAddress::new(data_dir.join("postgres-run"));
        Self { token_env: data_dir.join("token.env"), postgres }
    }

    /// Everything in which rows and token differ now.
    ///
    /// # Errors
    /// Postgres or `pkcs11-tool` does not answer.
    pub(crate) fn differences(&self) -> anyhow::Result<Vec<String>> {
        let objects = self.objects()?;
        let rows = self.rows()?;
        let mut found = Vec::new();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for object in &objects {
            match object.as_deref() {
                None => found.push("an object without an id is in the token (torn)".to_owned()),
                Some(id) => *seen.entry(id).or_default() += 1,
            }
        }
        for (id, count) in &seen {
            match rows.get(*id).map(|(_, state)| state.as_str()) {
                Some("present") if *count == 1 => {}
                Some("present") => found.push(format!("object {id} is in the token {count} times")),
                Some(state) => found.push(format!("object {id} is in the token, its row is {state}")),
                None => found.push(format!("object {id} is in the token and has no row")),
            }
        }
        for (id, (kind, state)) in &rows {
            let is_absent = state == "present" && kind != "sentinel" && !seen.contains_key(id.as_str());
            if is_absent {
                found.push(format!("object {id} ({kind}) is not in the token, its row is present"));
            }
            if ["creating", "destroying"].contains(&state.as_str()) && !seen.contains_key(id.as_str()) {
                found.push(format!("row {id} ({kind}) is {state}"));
            }
        }
        Ok(found)
    }

    /// Id (32 hexadecimal digits) of every key object, as `pkcs11-tool` lists them.
    fn objects(&self) -> anyhow::Result<Vec<Option<String>>> {
        let script = r#". "$1" && exec pkcs11-tool --module "$PKCS11_MODULE" --token-label "$TOKEN_LABEL" --login --pin "$PIN" --list-objects"#;
        let output = Command::new("sh").args(["-c", script, "list"]).arg(&self.token_env).output()?;
        if !output.status.success() {
            bail!("pkcs11-tool failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(parse_objects(&String::from_utf8_lossy(&output.stdout)))
    }

    fn rows(&self) -> anyhow::Result<BTreeMap<String, (String, String)>> {
        let text = self.postgres.execute(DATABASE, QUERY, Duration::from_secs(10))?.unwrap_or_default();
        let row = |row: &str| {
            let mut words = row.split(' ').map(str::to_owned);
            Some((words.next()?.replace('-', ""), (words.next()?, words.next()?)))
        };
        text.split(',').filter(|row| !row.is_empty()).map(|text| row(text).context("a row is short")).collect()
    }
}

fn parse_objects(listing: &str) -> Vec<Option<String>> {
    let mut objects: Vec<Option<String>> = Vec::new();
    let mut is_key = false;
    for line in listing.lines() {
        if !line.starts_with(' ') {
            is_key = line.contains("Key Object");
            if is_key {
                objects.push(None);
            }
        } else if let (true, Some(id), Some(last)) = (is_key, line.trim().strip_prefix("ID:"), objects.last_mut()) {
            *last = Some(id.trim().to_lowercase());
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    #[test]
    fn objects_with_and_without_id_are_told_apart_and_data_is_left_out() {
        let listing = "Using slot 0\nSecret Key Object; Generic secret length 32\n  label:      a\n  ID:         0AFF\n  \
                       Usage:      sign\nPrivate Key Object; RSA\nData object 1\n  label: x\n  ID: 77\nSecret Key Object; AES\n";
        assert_eq!(super::parse_objects(listing), [Some("0aff".to_owned()), None, None]);
    }
}
