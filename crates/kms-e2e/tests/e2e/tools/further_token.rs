//! `[[further_token]]` of `serve`: where keys are made, that they stay there, and how a token joins, is missed and is replaced.

use std::path::PathBuf;
use std::process::{Command, Output};

use aws_sdk_kms::Client;
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeyMetadata, KeySpec, KeyUsageType, SigningAlgorithmSpec};
use kms_e2e::{Server, ServerOptions, client, pq_module};
use kms_local::{EphemeralFolder, KryopticToken};
use kms_test::{TestDatabase, TestToken};

use super::recover::{make_recovery_keys, open_recovery_file};
use crate::support::{REGION, decrypt, encrypt, new_key};

const ACCOUNT: &str = "111122223333";
const SECOND: &str = "second";

/// The files of a node over a SoftHSM token and a Kryoptic token.
struct Place {
    folder: EphemeralFolder,
    database: TestDatabase,
    softhsm: TestToken,
}

impl Place {
    fn new() -> Self {
        let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
        let place = Self { folder, database: TestDatabase::new(), softhsm: TestToken::new() };
        std::fs::create_dir(place.path("data")).unwrap();
        std::fs::write(place.path("url"), place.database.url()).unwrap();
        std::fs::write(place.path("secret"), "test").unwrap();
        make_recovery_keys(place.folder.path());
        place.make_second();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The Kryoptic token; another one if the first was moved away.
    fn make_second(&self) -> KryopticToken {
        let module = pq_module().expect("STRONGROOM_PQ_MODULE names the module of the second token");
        KryopticToken::create_or_open(&self.path("pq"), SECOND, &module).unwrap()
    }

    /// Writes the configuration with these tokens, in this order.
    fn configure(&self, tokens: &[Make]) {
        let path = |name| self.path(name).display().to_string();
        let mut text = format!(
            "listen = '127.0.0.1:0'\ndata_dir = '{}'\ndatabase_url_file = '{}'\nrecovery_public_key_file = '{}'\n\
             recovery_file = '{}'\n",
            path("data"),
            path("url"),
            path("public.pem"),
            path("recovery.txt"),
        );
        for (index, token) in tokens.iter().enumerate() {
            if index == 1 {
                let (id, secret) = (ACCOUNT, path("secret"));
                text += &format!("[[access_key]]\nid = '{id}'\naccount = '{id}'\nsecret_file = '{secret}'\n");
            }
            text += if index == 0 { "" } else { "[[further_token]]\n" };
            text += &match token {
                Make::SoftHsm => format!(
                    "pkcs11_module = '{}'\ntoken_label = '{}'\npin_file = '{}'\nsofthsm_folder = '{}'\n",
                    self.softhsm.module().display(),
                    self.softhsm.label(),
                    self.softhsm.pin_file().display(),
                    self.softhsm.token_folder().display(),
                ),
                Make::Kryoptic => format!(
                    "pkcs11_module = '{}'\ntoken_label = '{SECOND}'\npin_file = '{}'\n",
                    pq_module().unwrap_or_default().display(),
                    path("pq/token.pin"),
                ),
            };
        }
        if tokens.len() == 1 {
            let secret = path("secret");
            text += &format!("[[access_key]]\nid = '{ACCOUNT}'\naccount = '{ACCOUNT}'\nsecret_file = '{secret}'\n");
        }
        std::fs::write(self.path("strongroom.toml"), text).unwrap();
    }

    fn serve(&self, tokens: &[Make]) -> anyhow::Result<Server> {
        self.configure(tokens);
        let conf = ("KRYOPTIC_CONF".to_owned(), self.path("pq/kryoptic.toml").display().to_string());
        let options = ServerOptions { environment: vec![conf], ..ServerOptions::default() };
        Server::serve(&self.path("strongroom.toml"), &self.path("data"), &self.softhsm.config_file(), &options)
    }

    fn recover(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(kms_e2e::strongroom_binary().unwrap());
        command.arg("recover").args(arguments).arg("--config").arg(self.path("strongroom.toml"));
        command.env("KRYOPTIC_CONF", self.path("pq/kryoptic.toml")).env("SOFTHSM2_CONF", self.softhsm.config_file());
        command.output().unwrap()
    }
}

#[derive(Clone, Copy)]
enum Make {
    SoftHsm,
    Kryoptic,
}

use Make::{Kryoptic, SoftHsm};

fn customer(server: &Server) -> Client {
    client(server.endpoint(), ACCOUNT, REGION)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn lattice_key(client: &Client) -> KeyMetadata {
    let create = client.create_key().key_spec(KeySpec::MlDsa44).key_usage(KeyUsageType::SignVerify);
    create.send().await.unwrap().key_metadata.unwrap()
}

async fn sign(client: &Client, key: &KeyMetadata) -> Result<(), String> {
    let sign = client.sign().key_id(key.key_id()).message(Blob::new("x"));
    let signed = sign.signing_algorithm(SigningAlgorithmSpec::MlDsaShake256).send().await;
    signed.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a second token: cargo xtask test --pq"]
async fn keys_stay_in_their_token_whatever_the_order_and_one_operation_may_use_both() {
    let place = Place::new();
    let mut server = place.serve(&[Kryoptic, SoftHsm]).unwrap();
    let first = new_key(&customer(&server)).await;
    let letter = encrypt(&customer(&server), first.key_id()).await;
    let curve = customer(&server).create_key().key_spec(KeySpec::EccSecgP256K1).key_usage(KeyUsageType::SignVerify);
    curve.send().await.expect("what the first token lacks is made in the second");
    server.stop().unwrap();

    let mut server = place.serve(&[SoftHsm, Kryoptic]).unwrap();
    let kms = customer(&server);
    let second = new_key(&kms).await;
    let between = kms.re_encrypt().ciphertext_blob(letter.clone()).destination_key_id(second.key_id());
    let moved = between.send().await.unwrap().ciphertext_blob.unwrap();
    assert_eq!(decrypt(&kms, &moved).await, b"hello");
    assert_eq!(decrypt(&kms, &letter).await, b"hello");
    let back = kms.re_encrypt().ciphertext_blob(moved).destination_key_id(first.key_id());
    assert_eq!(decrypt(&kms, &back.send().await.unwrap().ciphertext_blob.unwrap()).await, b"hello");
    // The reasons of both, and no label of theirs.
    let sm2 = kms.create_key().key_spec(KeySpec::Sm2).key_usage(KeyUsageType::SignVerify).send().await.unwrap_err();
    assert_eq!(sm2.message(), Some("the token cannot serve this: SM2 keys are of the regions in China"));
    server.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a second token: cargo xtask test --pq"]
async fn a_token_joins_is_missed_when_left_out_and_is_replaced_when_lost() {
    let place = Place::new();
    let mut server = place.serve(&[SoftHsm]).unwrap();
    let symmetric = new_key(&customer(&server)).await;
    let letter = encrypt(&customer(&server), symmetric.key_id()).await;
    server.stop().unwrap();

    // A token that was announced and never joined is not missed.
    place.database.execute(
        "INSERT INTO token_stores (token, deployment_id, sentinel_id, established) \
         SELECT 'never', deployment_id, gen_random_uuid(), false FROM token_stores",
    );
    place.serve(&[SoftHsm]).unwrap().stop().unwrap();

    let mut server = place.serve(&[SoftHsm, Kryoptic]).unwrap();
    let lattice = lattice_key(&customer(&server)).await;
    assert_eq!(sign(&customer(&server), &lattice).await, Ok(()));
    server.stop().unwrap();
    let refused = format!("{:#}", place.serve(&[SoftHsm]).unwrap_err());
    assert!(refused.contains("the token second of this deployment is not configured: add it"), "{refused}");
    // A version that knows one token is refused its lease by the database.
    let old = "INSERT INTO nodes (node_id, boot_id, lease_until, name) \
               VALUES (gen_random_uuid(), gen_random_uuid(), now(), 'old')";
    let refused = place.database.refused(old);
    assert!(
        refused.contains("this version of Strongroom knows one token, and the deployment has several"),
        "{refused}"
    );

    std::fs::rename(place.path("pq"), place.path("lost")).unwrap();
    place.make_second();
    let refused = format!("{:#}", place.serve(&[SoftHsm, Kryoptic]).unwrap_err());
    assert!(refused.contains("the token second does not hold the sentinel of this deployment"), "{refused}");
    let root = open_recovery_file(place.folder.path());
    let recover = |label| place.recover(&["--root-key-file", root.to_str().unwrap(), "--token-label", label]);
    let unknown = recover("third");
    assert!(said(&unknown).contains("no configured token has the label third"), "{unknown:?}");
    let recovered = recover(SECOND);
    assert!(recovered.status.success(), "{recovered:?}");
    let again = recover(SECOND);
    assert!(said(&again).contains("it is not lost, and nothing is replaced"), "{again:?}");

    let server = place.serve(&[SoftHsm, Kryoptic]).unwrap();
    let kms = customer(&server);
    assert_eq!(decrypt(&kms, &letter).await, b"hello", "the other token's keys are what they were");
    assert_eq!(
        sign(&kms, &lattice).await,
        Err("KMSInternalException".to_owned()),
        "what was made in the lost one is lost"
    );
    assert_eq!(sign(&kms, &lattice_key(&kms).await).await, Ok(()));
}
