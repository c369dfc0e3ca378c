//! `cargo xtask setup`: the system packages that the project needs, on Debian and Ubuntu.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::Command;

use crate::run::{stdout, succeeds, take_flag};

/// What is to be done after the set-up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Build and run the service.
    Run,
    /// Also the tests with other languages' clients.
    Test,
    /// Building the second token.
    Module,
    /// Building for the fuzzer.
    Fuzz,
    /// Also the faults of `chaos`.
    Faults,
}

/// `cargo xtask setup [--yes]`: everything, for tests too.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut arguments = arguments.to_vec();
    let consent = take_flag(&mut arguments, "--yes");
    if let Some(other) = arguments.first() {
        return Err(format!("setup knows no argument {other}; usage: cargo xtask setup [--yes]"));
    }
    install_missing(&[Purpose::Test, Purpose::Module], consent)?;
    eprintln!("Everything is there.");
    Ok(())
}

/// Installs what is missing for these purposes. Asks first, unless `consent` is given or nobody is there to answer.
pub(crate) fn install_missing(purposes: &[Purpose], consent: bool) -> Result<(), String> {
    let missing: Vec<&Package> =
        PACKAGES.iter().filter(|package| package.is_wanted(purposes) && !(package.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    let by_hand = format!("install by hand: {}", names.join(" "));
    if !succeeds("apt-get", &["--version"]) {
        return Err(format!("this machine has no apt-get; {by_hand}"));
    }
    let is_root = stdout(Command::new("id").arg("-u"))?.trim() == "0";
    if !is_root && !succeeds("sudo", &["--version"]) {
        return Err(format!("installing packages needs root, and there is no sudo; as root, {by_hand}"));
    }
    announce(&missing);
    if !consent && std::io::stdin().is_terminal() && !ask("Install them now?")? {
        return Err(format!("nothing was installed; {by_hand}"));
    }
    let mut command = if is_root { Command::new("sh") } else { sudo_sh() };
    let status = command.args(["-c", INSTALL, "xtask-setup"]).args(&names).status();
    if !status.is_ok_and(|status| status.success()) {
        return Err(format!("the packages could not be installed (see above); {by_hand}"));
    }
    match missing.iter().find(|package| !(package.is_there)()) {
        None => Ok(()),
        Some(package) => Err(format!("{} is installed, but what it should bring was not found", package.name)),
    }
}

struct Package {
    name: &'static str,
    why: &'static str,
    purpose: Purpose,
    is_there: fn() -> bool,
}

impl Package {
    fn is_wanted(&self, purposes: &[Purpose]) -> bool {
        self.purpose == Purpose::Run || purposes.contains(&self.purpose)
    }
}

const PACKAGES: &[Package] = &[
    Package { name: "gcc", why: "links Rust programs", purpose: Purpose::Run, is_there: has_compiler },
    Package { name: "libc6-dev", why: "links Rust programs", purpose: Purpose::Run, is_there: has_libc },
    Package { name: "pkg-config", why: "finds libpq at build time", purpose: Purpose::Run, is_there: has_pkg_config },
    Package { name: "libpq-dev", why: "the client library of Postgres", purpose: Purpose::Run, is_there: has_libpq },
    Package { name: "postgresql", why: "keeps the metadata", purpose: Purpose::Run, is_there: has_postgres },
    Package { name: "softhsm2", why: "the token that keeps the keys", purpose: Purpose::Run, is_there: has_softhsm },
    Package { name: "opensc", why: "looks into the token independently", purpose: Purpose::Run, is_there: has_opensc },
    Package { name: "openssl", why: "checks results independently", purpose: Purpose::Run, is_there: has_openssl },
    Package { name: "python3-venv", why: "runs boto3 and the AWS CLI", purpose: Purpose::Test, is_there: has_venv },
    Package { name: "nodejs", why: "runs the AWS SDK for JavaScript", purpose: Purpose::Test, is_there: has_node },
    Package {
        name: "libclang1",
        why: "reads the headers of PKCS#11",
        purpose: Purpose::Module,
        is_there: has_libclang,
    },
    Package { name: "make", why: "builds OpenSSL", purpose: Purpose::Module, is_there: has_make },
    Package { name: "perl", why: "builds OpenSSL", purpose: Purpose::Module, is_there: has_perl },
    Package { name: "g++", why: "builds libFuzzer", purpose: Purpose::Fuzz, is_there: has_cpp_compiler },
    Package {
        name: "libfaketime",
        why: "moves the clock of a node under faults",
        purpose: Purpose::Faults,
        is_there: has_faketime,
    },
    Package { name: "npm", why: "installs the AWS SDK for JavaScript", purpose: Purpose::Test, is_there: has_npm },
];

/// Debian's `postgresql` starts a server for the whole machine at its installation. This project starts its own, so that
/// is switched off beforehand, unless the machine already has a setting for it.
const INSTALL: &str = r#"
set -eu
export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
apt-get update
settings=/etc/postgresql-common/createcluster.conf
for package in "$@"; do
    if [ "$package" = postgresql ] && [ ! -e "$settings" ]; then
        mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' >"$settings"
        echo "setup: wrote $settings, so that no Postgres is started for the whole machine"
    fi
done
apt-get install --yes --no-install-recommends "$@"
"#;

fn announce(missing: &[&Package]) {
    eprintln!("These packages are missing:");
    for package in missing {
        eprintln!("  {:<14}{}", package.name, package.why);
    }
    if missing.iter().any(|package| package.name == "postgresql") {
        eprintln!("No Postgres will be started for the whole machine (create_main_cluster = false).");
    }
}

fn ask(question: &str) -> Result<bool, String> {
    eprint!("{question} [Y/n] ");
    std::io::stderr().flush().map_err(|error| error.to_string())?;
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer).map_err(|error| error.to_string())?;
    Ok(read > 0 && matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

fn sudo_sh() -> Command {
    let mut command = Command::new("sudo");
    command.arg("sh");
    command
}

fn has_compiler() -> bool {
    succeeds("cc", &["--version"])
}

fn has_cpp_compiler() -> bool {
    succeeds("c++", &["--version"])
}

/// Where bindgen looks for it, among other places.
fn has_libclang() -> bool {
    let in_folder = |folder: std::path::PathBuf| {
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.into_iter().any(|name| {
            let name = name.to_string_lossy();
            name.starts_with("libclang") && !name.starts_with("libclang-cpp") && name.contains(".so")
        })
    };
    let entries = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| in_folder(path.join("lib")) || in_folder(path))
}

fn has_make() -> bool {
    succeeds("make", &["--version"])
}

/// Debian's `perl-base` lacks the modules that the configuration of OpenSSL needs.
fn has_perl() -> bool {
    succeeds("perl", &["-MFindBin", "-MIPC::Cmd", "-MFile::Compare", "-e", "1"])
}

fn has_libc() -> bool {
    Path::new("/usr/include/stdlib.h").exists()
}

fn has_pkg_config() -> bool {
    succeeds("pkg-config", &["--version"])
}

fn has_libpq() -> bool {
    succeeds("pkg-config", &["--exists", "libpq"])
}

fn has_postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let has_programs = |folder: &Path| folder.join("initdb").exists() && folder.join("postgres").exists();
    let by_path = std::env::var_os("PATH").unwrap_or_default();
    versions.map(|version| version.path().join("bin")).any(|folder| has_programs(&folder))
        || std::env::split_paths(&by_path).any(|folder| has_programs(&folder))
}

fn has_softhsm() -> bool {
    succeeds("softhsm2-util", &["--version"])
}

fn has_faketime() -> bool {
    ["x86_64", "aarch64"].iter().any(|machine| Path::new(&format!("/usr/lib/{machine}-linux-gnu/faketime")).is_dir())
}

fn has_opensc() -> bool {
    // It has no flag that only succeeds; it is there if it can be started at all.
    Command::new("pkcs11-tool").arg("--help").output().is_ok()
}

fn has_openssl() -> bool {
    succeeds("openssl", &["version"])
}

fn has_venv() -> bool {
    succeeds("python3", &["-c", "import venv, ensurepip"])
}

/// The clients in JavaScript need Node.js 18, Debian 12's.
fn has_node() -> bool {
    succeeds("node", &["--eval", "process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)"])
}

fn has_npm() -> bool {
    succeeds("npm", &["--version"])
}
