//! One key, its clients' half of every operation, and the checker that hears all answers.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::{Blob, DateTime};
use aws_sdk_kms::types::{AlgorithmSpec, DataKeySpec, ExpirationModelType, OriginType, WrappingKeySpec};
use kms_e2e::{material, wrap};

use crate::checker::{Checker, OpId, Process};
use crate::clock::Millis;
use crate::model::{Answer, Facts, Op};
use crate::random::Random;
use crate::reply::{Reply, read};
use crate::world::{World, lock};

/// Ciphertexts that are kept of a key.
const MOST_CIPHERTEXTS: usize = 24;
/// A pair serves 100 attempts; some are left for attempts that a kill has counted.
const IMPORTS_PER_PAIR: u32 = 60;
/// An answer as late as this is given while the job may still be going on (the server's deadline is 9 s).
const ABANDONED_AFTER: Duration = Duration::from_secs(8);
/// Every answer comes within 10 s; the rest is for a busy machine.
const LONGEST_ANSWER: Duration = Duration::from_millis(10_500);
/// A client gives up later than any server would.
const PATIENCE: Duration = Duration::from_secs(40);
const DAY: Millis = 86_400_000;
const WINDOW_DAYS: i32 = 7;

/// What a client holds of GetParametersForImport.
struct Parameters {
    public_key: Vec<u8>,
    token: Blob,
    uses: u32,
}

/// A key under test.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) is_external: bool,
    pub(crate) checker: Mutex<Checker>,
    /// A client was told that it does not exist.
    pub(crate) is_gone: AtomicBool,
    descriptions: AtomicU32,
    ciphertexts: Mutex<Vec<(Blob, Vec<u8>)>>,
    parameters: Mutex<Option<Parameters>>,
}

impl Key {
    /// Makes a key; none if no server said that it did.
    pub(crate) async fn create(world: &World, node: usize, is_external: bool) -> Option<Arc<Self>> {
        let origin = if is_external { OriginType::External } else { OriginType::AwsKms };
        let result = world.nodes[node].client.create_key().origin(origin).send();
        let result = tokio::time::timeout(PATIENCE, result).await.ok()?;
        let (reply, request_id) = read(&result, |_| Answer::Done);
        note_reply(world, "CreateKey", &reply, request_id);
        let metadata = result.ok()?.key_metadata?;
        Some(Arc::new(Self {
            id: metadata.key_id,
            is_external,
            checker: Mutex::new(Checker::new(Facts::created(is_external))),
            is_gone: AtomicBool::new(false),
            descriptions: AtomicU32::new(0),
            ciphertexts: Mutex::default(),
            parameters: Mutex::default(),
        }))
    }

    /// A description that this key never had.
    pub(crate) fn next_description(&self) -> u32 {
        self.descriptions.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Runs an operation on a server and lets the checker judge the answer. False when there was no answer.
    pub(crate) async fn run(&self, world: &World, node: usize, op: Op, random: &mut Random) -> bool {
        let client = &world.nodes[node].client;
        if matches!(op, Op::Import { .. }) && !self.has_parameters(world, client).await {
            return false;
        }
        let picked = random.pick(&lock(&self.ciphertexts)).cloned();
        let op = if matches!(op, Op::Decrypt | Op::ReEncrypt) && picked.is_none() { Op::Look } else { op };
        let id = self.begin(world, op, world.process(node));
        let begun = Instant::now();
        let call = tokio::time::timeout(PATIENCE, self.call(client, op, picked, random));
        let gave_up = |_| (Reply::Unknown { why: "the client gave up".to_owned(), was_told: false }, None);
        let (reply, request_id) = call.await.unwrap_or_else(gave_up);
        note_reply(world, name(op), &reply, request_id);
        self.judge(world, id, op, &reply, begun.elapsed());
        match reply {
            Reply::Known(Answer::NotFound) => self.is_gone.store(true, Ordering::SeqCst),
            Reply::Known(Answer::TooLate) => *lock(&self.parameters) = None,
            _ => {}
        }
        !matches!(reply, Reply::Unknown { was_told: false, .. })
    }

    fn begin(&self, world: &World, op: Op, process: Process) -> OpId {
        let mut checker = lock(&self.checker);
        if let Err(text) = checker.settle(|process| world.has_ended(process), &world.clock) {
            self.violated(world, &text);
        }
        checker.begin(op, process, &world.clock)
    }

    /// Tells the checker, and tells the world what cannot be explained.
    fn judge(&self, world: &World, id: OpId, op: Op, reply: &Reply, took: Duration) {
        let mut checker = lock(&self.checker);
        let judged = match reply {
            Reply::Known(answer) => checker.answered(id, *answer, &world.clock),
            Reply::Unknown { why, was_told: true } if took < ABANDONED_AFTER => checker.over(id, why, &world.clock),
            Reply::Unknown { why, .. } => {
                checker.lost(id, why);
                Ok(())
            }
            Reply::Wrong(text) => Err(format!("{op:?} was refused with {text}")),
        };
        drop(checker);
        if let Err(text) = judged {
            self.violated(world, &text);
        }
        if took > LONGEST_ANSWER && world.must_answer.load(Ordering::SeqCst) {
            self.violated(world, &format!("{op:?} was answered after {took:?}"));
        }
        let is_internal = matches!(reply, Reply::Unknown { why, .. } if why == "KMSInternalException");
        if is_internal && !world.is_disturbed.load(Ordering::SeqCst) {
            self.violated(world, &format!("{op:?} got KMSInternalException from a server that nothing disturbed"));
        }
    }

    fn violated(&self, world: &World, text: &str) {
        world.violated(format!("key {}: {text}", self.id));
    }

    async fn call(
        &self,
        client: &Client,
        op: Op,
        picked: Option<(Blob, Vec<u8>)>,
        random: &mut Random,
    ) -> (Reply, Option<String>) {
        let done = Answer::Done;
        let id = &self.id;
        match op {
            Op::Import { number, valid_to } => self.import(client, number, valid_to).await,
            Op::Delete => read(&client.delete_imported_key_material().key_id(id).send().await, |_| done),
            Op::Enable => read(&client.enable_key().key_id(id).send().await, |_| done),
            Op::Disable => read(&client.disable_key().key_id(id).send().await, |_| done),
            Op::Schedule { .. } => {
                let call = client.schedule_key_deletion().key_id(id).pending_window_in_days(WINDOW_DAYS);
                read(&call.send().await, |_| done)
            }
            Op::Cancel => read(&client.cancel_key_deletion().key_id(id).send().await, |_| done),
            Op::Describe(number) => {
                let call = client.update_key_description().key_id(id).description(number.to_string());
                read(&call.send().await, |_| done)
            }
            Op::Look => read(&client.describe_key().key_id(id).send().await, looked),
            Op::Encrypt => self.encrypt(client, random).await,
            Op::DataKey => self.data_key(client, random).await,
            Op::Decrypt => decrypt(client, picked).await,
            Op::ReEncrypt => self.re_encrypt(client, picked, random).await,
        }
    }

    async fn encrypt(&self, client: &Client, random: &mut Random) -> (Reply, Option<String>) {
        let plaintext: Vec<u8> = (0..1 + random.below(64)).map(|_| random.next() as u8).collect();
        let result = client.encrypt().key_id(&self.id).plaintext(Blob::new(plaintext.clone())).send().await;
        if let Ok(output) = &result
            && let Some(blob) = output.ciphertext_blob()
        {
            self.keep(blob.clone(), plaintext, random);
        }
        read(&result, |_| Answer::Done)
    }

    async fn data_key(&self, client: &Client, random: &mut Random) -> (Reply, Option<String>) {
        let result = client.generate_data_key().key_id(&self.id).key_spec(DataKeySpec::Aes256).send().await;
        if let Ok(output) = &result
            && let (Some(blob), Some(plaintext)) = (output.ciphertext_blob(), output.plaintext())
        {
            self.keep(blob.clone(), plaintext.as_ref().to_vec(), random);
        }
        read(&result, |_| Answer::Done)
    }

    /// From this key to itself; the new ciphertext must open as the old one does.
    async fn re_encrypt(
        &self,
        client: &Client,
        picked: Option<(Blob, Vec<u8>)>,
        random: &mut Random,
    ) -> (Reply, Option<String>) {
        let Some((blob, plaintext)) = picked else { return nothing_to_open() };
        let result = client.re_encrypt().ciphertext_blob(blob).destination_key_id(&self.id).send().await;
        if let Ok(output) = &result
            && let Some(blob) = output.ciphertext_blob()
        {
            self.keep(blob.clone(), plaintext, random);
        }
        read(&result, |_| Answer::Done)
    }

    /// The oldest are worth most; a full list gives up a younger one.
    fn keep(&self, blob: Blob, plaintext: Vec<u8>, random: &mut Random) {
        let mut kept = lock(&self.ciphertexts);
        if kept.len() >= MOST_CIPHERTEXTS {
            let young = kept.len() / 2 + usize::try_from(random.below(kept.len() as u64 / 2)).unwrap_or_default();
            kept.remove(young);
        }
        kept.push((blob, plaintext));
    }

    async fn import(&self, client: &Client, number: u8, valid_to: Option<Millis>) -> (Reply, Option<String>) {
        let wrapped = {
            let mut parameters = lock(&self.parameters);
            let wrapped = parameters.as_mut().map(|parameters| {
                parameters.uses += 1;
                let token = parameters.token.clone();
                wrap(&parameters.public_key, &AlgorithmSpec::RsaesOaepSha256, &material(number))
                    .map(|text| (token, text))
            });
            wrapped.context("the parameters are gone").and_then(|wrapped| wrapped)
        };
        let (token, wrapped) = match wrapped {
            Ok(wrapped) => wrapped,
            // Another client of this key dropped them a moment ago: nothing was sent.
            Err(_) => return (Reply::Known(Answer::TooLate), None),
        };
        let model = match valid_to {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        };
        let call = client.import_key_material().key_id(&self.id).import_token(token).expiration_model(model);
        let call = call.encrypted_key_material(Blob::new(wrapped)).set_valid_to(valid_to.map(DateTime::from_millis));
        read(&call.send().await, |_| Answer::Done)
    }

    /// Sees to it that there are parameters for an import. False if a server did not answer; a refusal is for the import
    /// itself to get, so then there are none and that counts as too late.
    async fn has_parameters(&self, world: &World, client: &Client) -> bool {
        if lock(&self.parameters).as_ref().is_some_and(|parameters| parameters.uses < IMPORTS_PER_PAIR) {
            return true;
        }
        let call = client.get_parameters_for_import().key_id(&self.id).wrapping_key_spec(WrappingKeySpec::Rsa2048);
        let call = call.wrapping_algorithm(AlgorithmSpec::RsaesOaepSha256).send();
        let Ok(result) = tokio::time::timeout(PATIENCE, call).await else { return false };
        let (reply, request_id) = read(&result, |_| Answer::Done);
        note_reply(world, "GetParametersForImport", &reply, request_id);
        if let Ok(output) = result
            && let (Some(public_key), Some(token)) = (output.public_key, output.import_token)
        {
            *lock(&self.parameters) = Some(Parameters { public_key: public_key.into_inner(), token, uses: 0 });
        }
        !matches!(reply, Reply::Unknown { was_told: false, .. })
    }
}

/// Not before this moment may a deletion scheduled now be final.
pub(crate) fn end_of_window(now: Millis) -> Millis {
    now + i64::from(WINDOW_DAYS) * DAY
}

fn nothing_to_open() -> (Reply, Option<String>) {
    (Reply::Wrong("there was no ciphertext to open".to_owned()), None)
}

async fn decrypt(client: &Client, picked: Option<(Blob, Vec<u8>)>) -> (Reply, Option<String>) {
    let Some((blob, plaintext)) = picked else { return nothing_to_open() };
    let result = client.decrypt().ciphertext_blob(blob).send().await;
    if let Ok(output) = &result
        && output.plaintext().map(Blob::as_ref) != Some(plaintext.as_slice())
    {
        return (Reply::Wrong("another plaintext than was encrypted".to_owned()), None);
    }
    read(&result, |_| Answer::Done)
}

fn looked(output: &aws_sdk_kms::operation::describe_key::DescribeKeyOutput) -> Answer {
    let metadata = output.key_metadata();
    let state = metadata.and_then(|key| key.key_state()).map_or("", |state| state.as_str());
    let known = ["Enabled", "Disabled", "PendingImport", "PendingDeletion"];
    let state = known.into_iter().find(|known| *known == state).unwrap_or("another state");
    let description = metadata.and_then(|key| key.description()).unwrap_or_default();
    Answer::Looked(state, description.parse().unwrap_or(0))
}

fn note_reply(world: &World, operation: &'static str, reply: &Reply, request_id: Option<String>) {
    match reply {
        Reply::Known(Answer::Done | Answer::Looked(..)) => world.count(operation, |count| count.done += 1),
        Reply::Known(_) | Reply::Wrong(_) => world.count(operation, |count| count.refused += 1),
        Reply::Unknown { why, .. } => {
            world.count(operation, |count| count.unknown += 1);
            world.count_unknown(why);
        }
    }
    // An error that says "unknown" may be given because the audit could not be written, so nothing is claimed of it.
    if let (Reply::Known(_), Some(id)) = (reply, request_id) {
        world.acknowledged(id);
    }
}

/// The operation of the API.
fn name(op: Op) -> &'static str {
    match op {
        Op::Import { .. } => "ImportKeyMaterial",
        Op::Delete => "DeleteImportedKeyMaterial",
        Op::Enable => "EnableKey",
        Op::Disable => "DisableKey",
        Op::Schedule { .. } => "ScheduleKeyDeletion",
        Op::Cancel => "CancelKeyDeletion",
        Op::Describe(_) => "UpdateKeyDescription",
        Op::Look => "DescribeKey",
        Op::Encrypt => "Encrypt",
        Op::DataKey => "GenerateDataKey",
        Op::Decrypt => "Decrypt",
        Op::ReEncrypt => "ReEncrypt",
    }
}
