//! The walk itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use aws_sdk_kms::Client;
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::operation::get_parameters_for_import::GetParametersForImportOutput;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{AlgorithmSpec, ExpirationModelType, OriginType, WrappingKeySpec};
use kms_e2e::{Server, census, client, fresh_account, material, wrap};

use crate::answer::{Answer, Expected};
use crate::table::{Step, Table};

/// The root key of the deployment.
const OWN_KEYS: usize = 1;
const INVALID_STATE: &str = "KMSInvalidStateException";
const PLAINTEXT: &[u8] = b"attack at dawn";
const WAITING_PERIOD_DAYS: i32 = 7;
/// How long the server may take to notice that a waiting period is over.
const PATIENCE: Duration = Duration::from_secs(12);

/// One key's way through the table.
pub(crate) struct Walk<'a> {
    server: &'a Server,
    data_dir: PathBuf,
    client: Client,
    table: Table,
    key_id: String,
    ciphertext: Blob,
}

impl<'a> Walk<'a> {
    /// Looks whether the token holds nothing but the server's own key.
    pub(crate) async fn new(server: &'a Server, table: Table) -> anyhow::Result<Self> {
        let data_dir = server.data_dir().to_owned();
        let found = census(&data_dir)?.secret_keys;
        if found != OWN_KEYS {
            bail!("a fresh token holds {found} secret keys, not {OWN_KEYS}");
        }
        let client = client(server.endpoint(), &fresh_account(), "eu-central-1");
        Ok(Self { server, data_dir, client, table, key_id: String::new(), ciphertext: Blob::default() })
    }

    /// Every step.
    pub(crate) async fn all(&mut self) -> anyhow::Result<()> {
        self.create().await?;
        self.encrypt(Expected::Refused(INVALID_STATE, "is pending import."), "PendingImport", 0).await?;
        let (bytes, other_bytes) = (material(1), material(2));
        let parameters = self.parameters().await?;
        let imported = Expected::Done("the 32 bytes are in the token");
        self.import("ImportKeyMaterial", &parameters, &bytes, imported, ("Enabled", 1)).await?;
        self.encrypt(Expected::Done("a ciphertext"), "Enabled", 1).await?;
        let opened = Expected::Done("the plaintext");
        self.decrypt("Decrypt", opened, "Enabled", 1).await?;
        self.delete().await?;
        let pending = Expected::Refused(INVALID_STATE, "is pending import.");
        self.encrypt(pending, "PendingImport", 0).await?;
        self.decrypt("Decrypt", pending, "PendingImport", 0).await?;
        let incorrect = Expected::Refused("IncorrectKeyMaterialException", "");
        let call = "ImportKeyMaterial (other bytes)";
        self.import(call, &parameters, &other_bytes, incorrect, ("PendingImport", 0)).await?;
        self.import("ImportKeyMaterial (same bytes)", &parameters, &bytes, imported, ("Enabled", 1)).await?;
        self.decrypt("Decrypt (the old ciphertext)", opened, "Enabled", 1).await?;
        self.schedule_deletion().await?;
        self.wait_for_the_end().await
    }

    /// Prints the end; whether all was right.
    pub(crate) fn end(&self, time: Duration) -> bool {
        self.table.end(time)
    }

    async fn create(&mut self) -> anyhow::Result<()> {
        let result = self.client.create_key().origin(OriginType::External).send().await;
        let answer = Answer::of(&result, |_| "a key without material".to_owned());
        let metadata = result.ok().and_then(|output| output.key_metadata).context("no key was made")?;
        self.key_id = metadata.key_id;
        let expected = Expected::Done("a key without material");
        self.note("CreateKey (Origin EXTERNAL)", &answer, expected, ("PendingImport", 0)).await
    }

    /// They serve every import of this key for 24 hours.
    async fn parameters(&mut self) -> anyhow::Result<GetParametersForImportOutput> {
        let call = self.client.get_parameters_for_import().key_id(&self.key_id);
        let call = call.wrapping_key_spec(WrappingKeySpec::Rsa2048).wrapping_algorithm(AlgorithmSpec::RsaesOaepSha256);
        let parameters = call.send().await.context("no parameters for an import")?;
        let text = "a wrapping key and an import token";
        let answer = Answer::Done(text.to_owned());
        self.note("GetParametersForImport", &answer, Expected::Done(text), ("PendingImport", 0)).await?;
        Ok(parameters)
    }

    async fn import(
        &mut self,
        call: &'static str,
        parameters: &GetParametersForImportOutput,
        bytes: &[u8],
        expected: Expected,
        after: (&'static str, usize),
    ) -> anyhow::Result<()> {
        let public_key = parameters.public_key().context("no wrapping key")?;
        let wrapped = wrap(public_key.as_ref(), &AlgorithmSpec::RsaesOaepSha256, bytes)?;
        let request = self.client.import_key_material().key_id(&self.key_id);
        let request = request.set_import_token(parameters.import_token().cloned());
        let request = request.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire);
        let result = request.encrypted_key_material(Blob::new(wrapped)).send().await;
        let answer = Answer::of(&result, |_| "the 32 bytes are in the token".to_owned());
        self.note(call, &answer, expected, after).await
    }

    async fn encrypt(&mut self, expected: Expected, state: &'static str, objects: usize) -> anyhow::Result<()> {
        let result = self.client.encrypt().key_id(&self.key_id).plaintext(Blob::new(PLAINTEXT)).send().await;
        let answer = Answer::of(&result, |_| "a ciphertext".to_owned());
        if let Some(blob) = result.ok().and_then(|output| output.ciphertext_blob) {
            self.ciphertext = blob;
        }
        self.note("Encrypt", &answer, expected, (state, objects)).await
    }

    async fn decrypt(
        &mut self,
        call: &'static str,
        expected: Expected,
        state: &'static str,
        objects: usize,
    ) -> anyhow::Result<()> {
        let result = self.client.decrypt().ciphertext_blob(self.ciphertext.clone()).send().await;
        let answer = Answer::of(&result, |output| {
            let is_right = output.plaintext().is_some_and(|plaintext| plaintext.as_ref() == PLAINTEXT);
            if is_right { "the plaintext".to_owned() } else { "something else".to_owned() }
        });
        self.note(call, &answer, expected, (state, objects)).await
    }

    async fn delete(&mut self) -> anyhow::Result<()> {
        let result = self.client.delete_imported_key_material().key_id(&self.key_id).send().await;
        let text = "destroyed, and searched for in vain";
        let answer = Answer::of(&result, |_| text.to_owned());
        self.note("DeleteImportedKeyMaterial", &answer, Expected::Done(text), ("PendingImport", 0)).await
    }

    async fn schedule_deletion(&mut self) -> anyhow::Result<()> {
        let call = self.client.schedule_key_deletion().key_id(&self.key_id);
        let result = call.pending_window_in_days(WAITING_PERIOD_DAYS).send().await;
        let text = "a waiting period of 7 days";
        let answer = Answer::of(&result, |_| text.to_owned());
        self.note("ScheduleKeyDeletion", &answer, Expected::Done(text), ("PendingDeletion", 1)).await
    }

    /// Moves the server's clock past the waiting period and waits until the key is gone.
    async fn wait_for_the_end(&mut self) -> anyhow::Result<()> {
        self.server.set_clock_offset(i64::from(WAITING_PERIOD_DAYS + 1) * 86_400)?;
        let deadline = Instant::now() + PATIENCE;
        let answer = loop {
            let result = self.client.describe_key().key_id(&self.key_id).send().await;
            if result.is_err() || Instant::now() > deadline {
                break Answer::of(&result, |_| "the key is still there".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let expected = Expected::Refused("NotFoundException", "does not exist");
        self.note("8 days later (the clock moved)", &answer, expected, ("gone", 0)).await
    }

    /// Looks at state and token, and adds the row.
    async fn note(
        &mut self,
        call: &'static str,
        answer: &Answer,
        expected: Expected,
        (state, objects): (&'static str, usize),
    ) -> anyhow::Result<()> {
        let found = census(&self.data_dir)?.secret_keys.checked_sub(OWN_KEYS).context("the root key is gone")?;
        let described = self.client.describe_key().key_id(&self.key_id).send().await;
        let found_state = match &described {
            Ok(output) => output.key_metadata().and_then(|key| key.key_state()).map_or("none", |state| state.as_str()),
            Err(error) if error.code() == Some("NotFoundException") => "gone",
            Err(_) => "unknown",
        };
        self.table.add(&Step { call, answer: expected, state, objects }, answer, found_state, found);
        Ok(())
    }
}
