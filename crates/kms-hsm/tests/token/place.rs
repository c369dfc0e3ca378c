//! A throw-away token of each make, and processes that use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kms_core::hsm::TokenObject;
use kms_core::ids::ObjectId;
use kms_core::secret::{SecretBytes, SecretKey};
use kms_hsm::{Token, TokenConfig};
use kms_local::KryopticToken;
use uuid::Uuid;

const FOLDER: &str = "KMS_HSM_TEST_FOLDER";
const MAKE: &str = "KMS_HSM_TEST_MAKE";
/// How a child process begins a line that is for its parent.
pub(crate) const TOLD: &str = "told | ";
/// Names the PKCS#11 module of Kryoptic, which `cargo xtask kryoptic` builds; without it SoftHSM alone is tested.
const KRYOPTIC_MODULE: &str = "STRONGROOM_PQ_MODULE";
const LABEL: &str = "kms-hsm-test";
const PIN: &str = "5678";
pub(crate) const SENTINEL: ObjectId = ObjectId(Uuid::from_u128(0x5e47));
pub(crate) const DEPLOYMENT: Uuid = Uuid::from_u128(0xde91);
pub(crate) const ROOT_MATERIAL: [u8; 32] = [0x42; 32];

/// The makes of token that the suite knows. Which one it is decides how a token is made and reached, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Make {
    SoftHsm,
    Kryoptic,
}

/// The folder of one test. Of SoftHSM: `softhsm2.conf`, `tokens/`, and beside it what the guard writes; of Kryoptic what
/// [`KryopticToken`] says.
pub(crate) struct Place {
    folder: PathBuf,
    make: Make,
}

/// Runs the body of a test in a child process with a fresh SoftHSM token in `/dev/shm`.
pub(crate) fn own_process<F: FnOnce(&Place)>(body: F) {
    own_process_in(Path::new("/dev/shm"), body);
}

/// The same with the token in a folder of choice, such as one on a disk.
pub(crate) fn own_process_in<F: FnOnce(&Place)>(parent: &Path, body: F) {
    if is_child() {
        return body(&Place::of_worker());
    }
    let _ = run_as_child::<F>(Make::SoftHsm, parent);
}

/// Runs the body of a test with a token of every make that is here, each in a child process of its own, and gives what each
/// printed; in such a child it gives nothing.
pub(crate) fn on_each_make<F: FnOnce(&Place)>(body: F) -> Vec<(Make, String)> {
    if is_child() {
        body(&Place::of_worker());
        return Vec::new();
    }
    let makes: &[Make] = if std::env::var_os(KRYOPTIC_MODULE).is_some() {
        &[Make::SoftHsm, Make::Kryoptic]
    } else {
        println!("{KRYOPTIC_MODULE} names no module: on SoftHSM only");
        &[Make::SoftHsm]
    };
    makes.iter().map(|make| (*make, run_as_child::<F>(*make, Path::new("/dev/shm")))).collect()
}

fn is_child() -> bool {
    std::env::var_os(FOLDER).is_some()
}

/// Runs the test whose closure this is in a child process; it must pass there.
fn run_as_child<F>(make: Make, parent: &Path) -> String {
    // The type of the closure has the path of the test function in its name.
    let name = std::any::type_name::<F>();
    let name = name.strip_suffix("::{{closure}}").unwrap().split_once("::").unwrap().1;
    let folder = tempfile::tempdir_in(parent).unwrap();
    let place = Place::make(folder.path(), make);
    let output = place.command(name, "").output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{name} on {make:?} in its own process:\n{text}");
    for line in text.lines().filter(|line| !is_of_harness(line)) {
        println!("{line}");
    }
    text
}

/// Whether the harness of the child's one test printed this line, or its body tells it to the parent and to nobody else.
fn is_of_harness(line: &str) -> bool {
    let starts = ["running 1 test", "test ", "warning: ", TOLD];
    line.is_empty() || line == "ok" || starts.iter().any(|start| line.starts_with(start))
}

impl Place {
    fn make(folder: &Path, make: Make) -> Self {
        let place = Self { folder: folder.to_owned(), make };
        match make {
            Make::SoftHsm => place.make_softhsm(),
            Make::Kryoptic => drop(place.kryoptic()),
        }
        place
    }

    fn make_softhsm(&self) {
        fs::create_dir(self.tokens()).unwrap();
        let configuration = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            self.tokens().display()
        );
        fs::write(self.folder.join("softhsm2.conf"), configuration).unwrap();
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", LABEL, "--so-pin", "1234", "--pin", PIN])
            .env("SOFTHSM2_CONF", self.folder.join("softhsm2.conf"))
            .output()
            .expect("softhsm2-util is needed: apt-get install softhsm2");
        assert!(made.status.success(), "{made:?}");
    }

    /// The Kryoptic token in this place, made when there is none yet.
    fn kryoptic(&self) -> KryopticToken {
        let module = PathBuf::from(std::env::var_os(KRYOPTIC_MODULE).unwrap());
        KryopticToken::create_or_open(&self.folder, LABEL, &module).unwrap()
    }

    /// The place that the parent process made; for workers.
    pub(crate) fn of_worker() -> Self {
        let folder = std::env::var_os(FOLDER).expect("a worker is started by a test").into();
        let make = if std::env::var_os(MAKE).unwrap() == "Kryoptic" { Make::Kryoptic } else { Make::SoftHsm };
        Self { folder, make }
    }

    /// `directories.tokendir`.
    pub(crate) fn tokens(&self) -> PathBuf {
        self.folder.join("tokens")
    }

    /// A path beside the token folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The `token.object` of the one token.
    pub(crate) fn token_object(&self) -> PathBuf {
        let mut folders: Vec<_> = fs::read_dir(self.tokens()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(folders.len(), 1);
        folders.remove(0).join("token.object")
    }

    pub(crate) fn config(&self) -> TokenConfig {
        match self.make {
            Make::SoftHsm => self.softhsm_config(),
            Make::Kryoptic => {
                let token = self.kryoptic();
                TokenConfig {
                    module: token.module().to_owned(),
                    token_label: LABEL.to_owned(),
                    pin: SecretBytes::new(token.pin().as_bytes().to_vec()),
                    softhsm_folder: None,
                    sessions: 8,
                }
            }
        }
    }

    fn softhsm_config(&self) -> TokenConfig {
        let modules = [
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib64/pkcs11/libsofthsm2.so",
            "/usr/local/lib/softhsm/libsofthsm2.so",
            "/opt/homebrew/lib/softhsm/libsofthsm2.so",
        ];
        let module = modules.iter().find(|path| Path::new(path).exists()).expect("SoftHSM is installed");
        TokenConfig {
            module: module.into(),
            token_label: LABEL.to_owned(),
            pin: SecretBytes::new(PIN.as_bytes().to_vec()),
            softhsm_folder: Some(self.tokens()),
            sessions: 8,
        }
    }

    /// The token, opened, established and attached.
    pub(crate) fn token(&self) -> Token {
        let token = Token::open(self.config()).unwrap();
        token.establish(DEPLOYMENT, SENTINEL, &root(), &SecretKey::new(ROOT_MATERIAL)).unwrap();
        token.attach(SENTINEL).unwrap();
        token
    }

    /// Another process on the same token, which runs `worker::work` with this word.
    pub(crate) fn spawn(&self, words: &str) -> Child {
        self.command("worker::works", words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, test: &str, words: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([test, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"])
            // Each library reads its own at C_Initialize.
            .env("SOFTHSM2_CONF", self.folder.join("softhsm2.conf"))
            .env("KRYOPTIC_CONF", self.folder.join("kryoptic.toml"))
            .env(FOLDER, &self.folder)
            .env(MAKE, format!("{:?}", self.make))
            .env("KMS_HSM_TEST_WORDS", words);
        command
    }
}

/// The root key's object.
pub(crate) fn root() -> TokenObject {
    TokenObject::internal(ObjectId(Uuid::from_u128(0x7007)), "root")
}

/// An object of a new key.
pub(crate) fn fresh() -> TokenObject {
    TokenObject::of_key(ObjectId::random(), kms_core::Region::parse("us-east-1").unwrap(), kms_core::KeyId::random())
}
