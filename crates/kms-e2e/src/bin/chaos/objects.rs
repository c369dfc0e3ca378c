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
    pub(crate) token_envs: Vec<std::path::PathBuf>,
    pub(crate) postgres: PostgresAddress,
}

impl Place {
    /// The place of a `strongroom dev` folder whose Postgres runs. Its socket lies in `postgres-run`, unless the path is too
    /// long for that, which chaos refuses at its start.
    pub(crate) fn of_data_dir(data_dir: &Path) -> Self {
        let postgres = PostgresAddress::new(data_dir.join("postgres-run"));
        let envs = [data_dir.join("token.env"), data_dir.join("pq/token.env")];
        Self { token_envs: envs.into_iter().filter(|env| env.exists()).collect(), postgres }
    }

    /// The keys among these of which the token holds an object now, by the labels of all objects.
    ///
    /// # Errors
    /// `pkcs11-tool` does not answer.
    pub(crate) fn held(&self, keys: &[String]) -> anyhow::Result<Vec<String>> {
        let objects = self.objects()?;
        let is_held = |key: &&String| objects.iter().any(|object| object.label.ends_with(key.as_str()));
        Ok(keys.iter().filter(is_held).cloned().collect())
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
            match object.id.as_deref() {
                None => found.push("an object without an id is in the token (torn)".to_owned()),
                Some(id) => *seen.entry(id).or_default() += 1,
            }
        }
        for (id, count) in &seen {
            match rows.get(*id).map(|(kind, state)| (kind, state.as_str())) {
                Some((_, "present")) if *count == 1 => {}
                Some((_, "present")) => found.push(format!("object {id} is in the token {count} times")),
                Some((kind, state)) => found.push(format!("object {id} ({kind}) is in the token, its row is {state}")),
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

    /// Every key object of every token, as `pkcs11-tool` lists them.
    fn objects(&self) -> anyhow::Result<Vec<Object>> {
        self.token_envs.iter().map(|env| objects_of(env)).collect::<Result<Vec<_>, _>>().map(|lists| lists.concat())
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

fn objects_of(token_env: &Path) -> anyhow::Result<Vec<Object>> {
    let script = r#". "$1" && exec pkcs11-tool --module "$PKCS11_MODULE" --token-label "$TOKEN_LABEL" --login --pin "$PIN" --list-objects"#;
    let output = Command::new("sh").args(["-c", script, "list"]).arg(token_env).output()?;
    if !output.status.success() {
        bail!("pkcs11-tool failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(parse_objects(&String::from_utf8_lossy(&output.stdout)))
}

/// Whether a difference is a wrapping pair that is being made: for the pool, which a node fills unasked, also while no client
/// asks for anything, and one pair after the other.
pub(crate) fn is_pair_under_way(difference: &str) -> bool {
    difference.contains("(wrapping)") && difference.ends_with(" is creating")
}

/// A key object in the token.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Object {
    /// 32 hexadecimal digits; a torn object has none.
    id: Option<String>,
    label: String,
}

fn parse_objects(listing: &str) -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::new();
    let mut is_key = false;
    for line in listing.lines() {
        if !line.starts_with(' ') {
            is_key = line.contains("Key Object");
            if is_key {
                objects.push(Object::default());
            }
        } else if let (true, Some((name, value)), Some(last)) =
            (is_key, line.trim().split_once(':'), objects.last_mut())
        {
            match name {
                "ID" => last.id = Some(value.trim().to_lowercase()),
                "label" => value.trim().clone_into(&mut last.label),
                _ => {}
            }
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
        let objects = super::parse_objects(listing);
        let ids: Vec<_> = objects.iter().map(|object| object.id.as_deref()).collect();
        assert_eq!(ids, [Some("0aff"), None, None]);
        assert_eq!(objects[0].label, "a");
    }
}
