//! The list of the settings of `serve`: what the environment may override, and the table of docs/configuration.md.

/// How a setting from the environment is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Text,
    Number,
    Flag,
    /// A table, which the environment cannot say.
    Tables,
}

/// One setting of the top level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    name: &'static str,
    kind: Kind,
    /// As TOML writes it, or the words `required` and `none`.
    default: &'static str,
    meaning: &'static str,
}

const fn setting(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, kind, default, meaning }
}

/// All of them, in the order of the page.
pub(crate) const SETTINGS: [Setting; 18] = [
    setting("listen", Kind::Text, "required", "address and port, for example `127.0.0.1:8080`"),
    setting(
        "allow_plain_http",
        Kind::Flag,
        "false",
        "must be `true` to listen on an address that is not loopback: this version speaks plain HTTP",
    ),
    setting("data_dir", Kind::Text, "required", "folder of this node: audit log, node id, lock. Made with mode 0700"),
    setting(
        "database_url_file",
        Kind::Text,
        "required",
        "connection string of Postgres 14 or later, `postgres://…` or `host=… dbname=…`",
    ),
    setting("pkcs11_module", Kind::Text, "required", "the PKCS#11 library of the token"),
    setting("token_label", Kind::Text, "required", "label of the token in it"),
    setting("pin_file", Kind::Text, "required", "PIN of the token's user"),
    setting(
        "softhsm_folder",
        Kind::Text,
        "none",
        "for SoftHSM only: its `directories.tokendir`. Turns on the lock between processes and the guard of `token.object`. Leave it out for every other token",
    ),
    setting(
        "audit",
        Kind::Text,
        "\"durable\"",
        "`\"durable\"`: a record is on the disk before the answer leaves. `\"write\"`: it is handed to the operating system, which survives the death of the process but not of the machine",
    ),
    setting(
        "audit_file_megabytes",
        Kind::Number,
        "64",
        "at what size the next audit file is begun, 1 to 4096; a new day (UTC) begins one too",
    ),
    setting(
        "lease_seconds",
        Kind::Number,
        "5",
        "how long a node may answer from its cache without hearing from Postgres. The same on all nodes",
    ),
    setting(
        "recovery_public_key_file",
        Kind::Text,
        "none",
        "PEM file of an RSA public key, 3072 bits or more: a new deployment's root key is encrypted to it",
    ),
    setting(
        "recovery_file",
        Kind::Text,
        "none",
        "where the encrypted root key is written; never over the file of another deployment",
    ),
    setting("no_recovery", Kind::Flag, "false", "allows a new deployment without a recovery file"),
    setting(
        "log",
        Kind::Text,
        "\"warn,strongroom=info,cryptoki=off\"",
        "what is logged, as directives of `tracing`: a level, or `<crate>=<level>`",
    ),
    setting("log_format", Kind::Text, "\"text\"", "`\"text\"` for people, `\"json\"` for programs: one object a line"),
    setting(
        "further_token",
        Kind::Tables,
        "none",
        "one table for each further token, see below; not from the environment",
    ),
    setting("access_key", Kind::Tables, "none", "one table for each access key, see below; not from the environment"),
];

/// `strongroom settings`: the table of docs/configuration.md.
pub(crate) fn table() -> String {
    let row = |Setting { name, kind, default, meaning }: &Setting| {
        let name = if *kind == Kind::Tables { format!("[[{name}]]") } else { (*name).to_owned() };
        let is_word = ["required", "none"].contains(default);
        let default = if is_word { (*default).to_owned() } else { format!("`{default}`") };
        format!("| `{name}` | {default} | {meaning} |\n")
    };
    let rows: String = SETTINGS.iter().map(row).collect();
    format!("| setting | default | meaning |\n|---|---|---|\n{rows}")
}

/// Puts the value of an environment variable in the place of the file's, if the name is that of a setting.
pub(crate) fn override_setting(table: &mut toml::Table, name: &str, value: &str) {
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name && setting.kind != Kind::Tables) else {
        return;
    };
    let text = || toml::Value::from(value);
    let parsed = match setting.kind {
        Kind::Flag => value.parse().map_or_else(|_| text(), toml::Value::Boolean),
        Kind::Number => value.parse().map_or_else(|_| text(), toml::Value::Integer),
        Kind::Text | Kind::Tables => text(),
    };
    table.insert(name.to_owned(), parsed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const PAGE: &str = include_str!("../../../docs/configuration.md");

    const REQUIRED: &str = "listen = '127.0.0.1:1'\ndata_dir = '/d'\ndatabase_url_file = '/u'\npkcs11_module = '/m'\n\
        token_label = 't'\npin_file = '/p'\n";

    fn read(text: &str) -> Result<Config, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        table.try_into().map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn the_table_of_the_page_is_this_list() {
        let table = table();
        assert!(PAGE.contains(&table), "the table of docs/configuration.md must be:\n\n{table}");
    }

    #[test]
    fn the_list_names_every_setting_that_is_read_and_no_other() {
        let refusal = read(&format!("{REQUIRED}nonsense = 1")).unwrap_err();
        let expected = refusal.split("expected one of ").nth(1).unwrap().trim();
        let names: Vec<String> = SETTINGS.iter().map(|setting| format!("`{}`", setting.name)).collect();
        let mut read: Vec<&str> = expected.split(", ").collect();
        let mut listed: Vec<&str> = names.iter().map(String::as_str).collect();
        read.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, read);
    }

    #[test]
    fn each_default_is_what_a_missing_setting_means() {
        let stated: String = SETTINGS
            .iter()
            .filter(|setting| !["required", "none"].contains(&setting.default))
            .map(|setting| format!("{} = {}\n", setting.name, setting.default))
            .collect();
        let all = read(&format!("{REQUIRED}{stated}")).unwrap();
        assert_eq!(format!("{all:?}"), format!("{:?}", read(REQUIRED).unwrap()));
        for setting in SETTINGS.iter().filter(|setting| setting.default == "required") {
            let without: String = REQUIRED.lines().filter(|line| !line.starts_with(setting.name)).collect();
            assert!(read(&without).is_err(), "{}", setting.name);
        }
    }

    #[test]
    fn the_environment_says_each_kind_in_its_form() {
        let mut table = toml::Table::new();
        for (name, value) in
            [("no_recovery", "true"), ("lease_seconds", "7"), ("token_label", "true"), ("access_key", "x")]
        {
            override_setting(&mut table, name, value);
        }
        assert_eq!(table["no_recovery"], toml::Value::Boolean(true));
        assert_eq!(table["lease_seconds"], toml::Value::Integer(7));
        assert_eq!(table["token_label"], toml::Value::from("true"));
        assert!(!table.contains_key("access_key"));
    }
}
