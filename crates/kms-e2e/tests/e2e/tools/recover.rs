//! The token is lost for good and the database is kept: what runbook.md says under "The token is lost" works.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::KeyState;
use kms_e2e::{Server, ServerOptions, client, material};
use kms_local::EphemeralFolder;
use kms_test::{TestDatabase, TestToken};

use crate::refusal::outcome;
use crate::support::{REGION, decrypt, encrypt, imported_key, new_key, state};

const ACCOUNT: &str = "111122223333";

/// A node's files beside a database that stays and a token that changes.
struct Place {
    folder: EphemeralFolder,
    database: TestDatabase,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: EphemeralFolder::new("strongroom-e2e-").unwrap(), database: TestDatabase::new() };
        std::fs::create_dir(place.path("data")).unwrap();
        std::fs::write(place.path("url"), place.database.url()).unwrap();
        std::fs::write(place.path("secret"), "test").unwrap();
        make_recovery_keys(place.folder.path());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration of a node over this token.
    fn configure(&self, token: &TestToken) {
        let path = |name| self.path(name).display().to_string();
        let text = format!(
            "listen = '127.0.0.1:0'\ndata_dir = '{}'\ndatabase_url_file = '{}'\npkcs11_module = '{}'\ntoken_label = '{}'\n\
             pin_file = '{}'\nsofthsm_folder = '{}'\nrecovery_public_key_file = '{}'\nrecovery_file = '{}'\n\
             [[access_key]]\nid = '{ACCOUNT}'\naccount = '{ACCOUNT}'\nsecret_file = '{}'\n",
            path("data"),
            path("url"),
            token.module().display(),
            token.label(),
            token.pin_file().display(),
            token.token_folder().display(),
            path("public.pem"),
            path("recovery.txt"),
            path("secret"),
        );
        std::fs::write(self.path("strongroom.toml"), text).unwrap();
    }

    fn serve(&self, token: &TestToken) -> anyhow::Result<Server> {
        self.configure(token);
        Server::serve(
            &self.path("strongroom.toml"),
            &self.path("data"),
            &token.config_file(),
            &ServerOptions::default(),
        )
    }

    fn strongroom(&self, arguments: &[&str], token: &TestToken) -> Output {
        self.configure(token);
        let mut command = Command::new(kms_e2e::strongroom_binary().unwrap());
        command.args(arguments).arg("--config").arg(self.path("strongroom.toml"));
        command.env("SOFTHSM2_CONF", token.config_file()).output().unwrap()
    }

    fn recover(&self, root: &Path, token: &TestToken) -> Result<(), String> {
        let output = self.strongroom(&["recover", "--root-key-file", root.to_str().unwrap()], token);
        if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
    }

    fn open_recovery_file(&self) -> PathBuf {
        open_recovery_file(self.folder.path())
    }
}

/// The operator's recovery key, `private.pem` and `public.pem` in this folder.
pub(super) fn make_recovery_keys(folder: &Path) {
    let (private, public) = (folder.join("private.pem"), folder.join("public.pem"));
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072", "-out"], &private);
    openssl(&["pkey", "-pubout", "-in", private.to_str().unwrap(), "-out"], &public);
}

/// Opens `recovery.txt` of this folder with the private key of the operator, as the runbook says; gives the file of the root
/// key.
pub(super) fn open_recovery_file(folder: &Path) -> PathBuf {
    let script = r#"cd "$1" && perl -ne 'print pack "H*", $1 if /^root (.*)/' recovery.txt |
        openssl pkeyutl -decrypt -inkey private.pem -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 > root.key"#;
    let opened = Command::new("sh").args(["-c", script, "recovery"]).arg(folder).output().unwrap();
    assert!(opened.status.success(), "{opened:?}");
    folder.join("root.key")
}

fn openssl(arguments: &[&str], out: &Path) {
    let made = Command::new("openssl").args(arguments).arg(out).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

fn customer(server: &Server) -> Client {
    client(server.endpoint(), ACCOUNT, REGION)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_loss_of_the_token_the_same_bytes_imported_again_open_the_old_ciphertexts() {
    let (place, lost) = (Place::new(), TestToken::new());
    let server = place.serve(&lost).unwrap();
    let kms = customer(&server);
    let (imported, made) = (imported_key(&kms, 1).await, new_key(&kms).await);
    let letter = encrypt(&kms, imported.key_id()).await;
    let made_letter = encrypt(&kms, made.key_id()).await;
    let of_material = imported.current_key_material_id().map(str::to_owned);
    let root = place.path("root.key");
    std::fs::write(&root, [7; 32]).unwrap();
    assert!(place.recover(&root, &lost).unwrap_err().contains("stop all nodes"), "while a node serves");
    drop(server);
    let refused = place.recover(&root, &lost).unwrap_err();
    assert!(refused.contains("it is not lost"), "{refused}");

    let new = TestToken::new();
    let refused = format!("{:#}", place.serve(&new).unwrap_err());
    assert!(refused.contains("does not hold the sentinel"), "{refused}");
    let refused = place.recover(&root, &new).unwrap_err();
    assert!(refused.contains("another deployment's"), "a wrong root key changes nothing: {refused}");
    place.recover(&place.open_recovery_file(), &new).unwrap();

    let server = place.serve(&new).unwrap();
    let kms = customer(&server);
    let missing = String::from_utf8(place.strongroom(&["reconcile"], &new).stdout).unwrap();
    for key in [&imported, &made] {
        assert!(missing.lines().any(|line| line.starts_with("missing") && line.contains(key.key_id())), "{missing}");
    }
    kms.delete_imported_key_material().key_id(imported.key_id()).send().await.unwrap();
    assert_eq!(state(&kms, imported.key_id()).await, KeyState::PendingImport);
    let wrong = kms_e2e::import(&kms, imported.key_id(), &material(2)).await.unwrap_err();
    assert!(format!("{wrong:?}").contains("IncorrectKeyMaterial"), "other bytes are refused as ever: {wrong:?}");
    let again = kms_e2e::import(&kms, imported.key_id(), &material(1)).await.unwrap();
    assert!(of_material.is_some());
    assert_eq!(again.key_material_id().map(str::to_owned), of_material);
    assert_eq!(decrypt(&kms, &letter).await, b"hello", "the old ciphertext opens");
    // Material that was made in the lost token is lost; its key can still be put away.
    let refused = outcome(kms.encrypt().key_id(made.key_id()).plaintext(Blob::new("x")).send().await).err();
    assert_eq!(refused.unwrap().code, "KMSInternalException");
    drop(server);
    let refused = place.recover(&place.open_recovery_file(), &new).unwrap_err();
    assert!(refused.contains("it is not lost"), "a second run changes nothing: {refused}");

    // The lost token turns up: it is refused, and taken up by the same command.
    assert!(place.serve(&lost).is_err());
    place.recover(&place.open_recovery_file(), &lost).unwrap();
    let server = place.serve(&lost).unwrap();
    let kms = customer(&server);
    assert_eq!(decrypt(&kms, &made_letter).await, b"hello");
    kms.delete_imported_key_material().key_id(imported.key_id()).send().await.unwrap();
    kms_e2e::import(&kms, imported.key_id(), &material(1)).await.unwrap();
    assert_eq!(decrypt(&kms, &letter).await, b"hello");
    kms.schedule_key_deletion().key_id(made.key_id()).pending_window_in_days(7).send().await.unwrap();
}
