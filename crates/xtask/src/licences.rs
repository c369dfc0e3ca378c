//! Licences of all dependencies against the list in `deny.toml`.
//!
//! `cargo deny` says the same and more, and is used where it is installed; building it takes longer than building the
//! project. So the part that matters for every change is done here from `cargo metadata`.

use crate::run::{cargo, metadata, root, run, succeeds};

/// Every package of the lock file comes from a registry and has a licence on the list.
pub(crate) fn check() -> Result<(), String> {
    let path = root().join("deny.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("deny.toml: {error}"))?;
    let allowed = allow_list(&text).ok_or("deny.toml has no list `allow` under [licenses]")?;
    let metadata = metadata(&[])?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let complaints: Vec<String> = packages.iter().filter_map(|package| complaint(package, &allowed)).collect();
    if !complaints.is_empty() {
        return Err(complaints.join("\n"));
    }
    if succeeds("cargo-deny", &["--version"]) {
        run(cargo().args(["deny", "check", "bans", "licenses", "sources"]))?;
    }
    Ok(())
}

fn complaint(package: &serde_json::Value, allowed: &[String]) -> Option<String> {
    let name = format!("{} {}", package["name"].as_str()?, package["version"].as_str()?);
    match package["source"].as_str() {
        Some(source) if !source.starts_with("registry+") => return Some(format!("{name} comes from {source}")),
        _ => {}
    }
    match package["license"].as_str() {
        None => Some(format!("{name} names no licence")),
        Some(licence) if is_allowed(licence, allowed) => None,
        Some(licence) => Some(format!("{name} has the licence {licence}, which deny.toml does not allow")),
    }
}

/// The strings of `allow = […]` in the section `[licenses]`.
fn allow_list(toml: &str) -> Option<Vec<String>> {
    let section = toml.split_once("\n[licenses]\n")?.1;
    let list = section.split_once("\nallow = [").or_else(|| Some(("", section.strip_prefix("allow = [")?)))?.1;
    let list = list.split_once(']')?.0;
    Some(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Evaluates an SPDX expression (SPDX specification 2.3, annex D): AND binds closer than OR; `/` is an old OR.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    any_of(&mut words, allowed) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut outcome = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        outcome |= all_of(words, allowed);
    }
    outcome
}

fn all_of(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut outcome = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        outcome &= one(words, allowed);
    }
    outcome
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let outcome = any_of(words, allowed);
        return words.next_if_eq(&")").is_some() && outcome;
    }
    let Some(mut name) = words.next().map(str::to_owned) else { return false };
    if words.next_if_eq(&"WITH").is_some() {
        name = format!("{name} WITH {}", words.next().unwrap_or_default());
    }
    allowed.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_allowed_only_if_its_licences_are() {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for good in ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(GPL-2.0 OR MIT) AND Apache-2.0"] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        assert!(is_allowed("Apache-2.0 WITH LLVM-exception", &allowed));
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "MIT AND (GPL-3.0 OR BSD)", "", "MIT MIT", "MIT WITH x", "(MIT"] {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn the_list_of_deny_toml_is_read() {
        let toml = "[advisories]\nallow = [\"no\"]\n\n[licenses]\nallow = [\n    \"MIT\", # why\n    \"ISC\",\n]\n";
        assert_eq!(allow_list(toml).unwrap(), ["MIT", "ISC"]);
        assert_eq!(allow_list("[bans]\n"), None);
    }
}
