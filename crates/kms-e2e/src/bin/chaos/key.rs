//! One key, what its clients keep of it, and the judge that hears all answers.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::{Blob, DateTime};
use aws_sdk_kms::types::{AlgorithmSpec, DataKeySpec, ExpirationModelType, OriginType, WrappingKeySpec};
use kms_e2e::{material, wrap};

use crate::calls;
use crate::clock::Millis;
use crate::judge::{Called, Judge, PATIENCE, create_key, note_reply};
use crate::model::{Answer, Facts, Op};
use crate::random::Random;
use crate::reply::{Heard, Reply, read};
use crate::world::{World, lock};

/// Ciphertexts that are kept of a key.
const MOST_CIPHERTEXTS: usize = 24;
/// A pair serves 100 attempts; some are left for attempts that a kill has counted.
const IMPORTS_PER_PAIR: u32 = 60;
const MINUTE: Millis = 60_000;
const DAY: Millis = 86_400_000;
/// The shortest that there is.
pub(crate) const WINDOW_DAYS: i32 = 7;

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
    pub(crate) judge: Judge<Facts>,
    /// A client was told that it does not exist.
    pub(crate) is_gone: AtomicBool,
    values: AtomicU32,
    ciphertexts: Mutex<Vec<(Blob, Vec<u8>)>>,
    parameters: Mutex<Option<Parameters>>,
}

impl Key {
    /// Makes a key.
    ///
    /// # Errors
    /// What the client heard instead of a key.
    pub(crate) async fn create(world: &World, node: usize, is_external: bool) -> Result<Arc<Self>, Heard> {
        let origin = if is_external { OriginType::External } else { OriginType::AwsKms };
        let id = create_key(world, node, origin).await?.key_id;
        Ok(Arc::new(Self {
            judge: Judge::new(format!("key {id}"), Facts::created(is_external)),
            id,
            is_external,
            is_gone: AtomicBool::new(false),
            values: AtomicU32::new(0),
            ciphertexts: Mutex::default(),
            parameters: Mutex::default(),
        }))
    }

    /// A number that stood in no description and no tag of this key.
    pub(crate) fn next_value(&self) -> u32 {
        self.values.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Runs an operation on a server and lets the checker judge the answer. While too much is unknown of the key, it is looked
    /// at instead of changed.
    pub(crate) async fn run(&self, world: &World, node: usize, op: Op, random: &mut Random) -> Heard {
        let client = &world.nodes[node].client;
        let op = if self.judge.is_unsure() { op.or_look() } else { op };
        if matches!(op, Op::Import { .. }) {
            let heard = self.get_parameters(world, client).await;
            if heard != Heard::Answer {
                return heard;
            }
        }
        let picked = random.pick(&lock(&self.ciphertexts)).cloned();
        let op = if matches!(op, Op::Decrypt | Op::ReEncrypt) && picked.is_none() { Op::Look } else { op };
        let call = self.call(world, client, op, picked, random);
        let reply = self.judge.judged(world, world.process(node), (op, op.name()), call).await;
        match reply {
            Reply::Known(Answer::NotFound | Answer::Listed(false)) => self.is_gone.store(true, Ordering::SeqCst),
            Reply::Known(Answer::TooLate) => *lock(&self.parameters) = None,
            _ => {}
        }
        reply.heard()
    }

    /// Where dates can be moved: has a key that is put aside deleted for good, so that the token does not grow with the run.
    pub(crate) async fn retire(&self, world: &World, node: usize, random: &mut Random) {
        if world.has_rows() {
            for op in last_ops(world) {
                self.run(world, node, op, random).await;
            }
        }
    }

    async fn call(
        &self,
        world: &World,
        client: &Client,
        op: Op,
        picked: Option<(Blob, Vec<u8>)>,
        random: &mut Random,
    ) -> Called {
        match op {
            Op::Import { number, valid_to } => self.import(client, number, valid_to).await,
            Op::Encrypt => self.encrypt(client, random).await,
            Op::DataKey => self.data_key(client, random).await,
            Op::SealedDataKey => calls::sealed_data_key(client, &self.id).await,
            Op::Decrypt => decrypt(client, picked).await,
            Op::ReEncrypt => self.re_encrypt(client, picked, random).await,
            Op::Random => calls::random(client).await,
            Op::Look | Op::Tags | Op::Policy | Op::Policies | Op::List => calls::look(client, &self.id, op).await,
            _ => calls::change(world, client, &self.id, op).await,
        }
    }

    async fn encrypt(&self, client: &Client, random: &mut Random) -> Called {
        let plaintext: Vec<u8> = (0..1 + random.below(64)).map(|_| random.next() as u8).collect();
        let result = client.encrypt().key_id(&self.id).plaintext(Blob::new(plaintext.clone())).send().await;
        if let Ok(output) = &result
            && let Some(blob) = output.ciphertext_blob()
        {
            self.keep(blob.clone(), plaintext, random);
        }
        read(&result, |_| Answer::Done)
    }

    async fn data_key(&self, client: &Client, random: &mut Random) -> Called {
        let result = client.generate_data_key().key_id(&self.id).key_spec(DataKeySpec::Aes256).send().await;
        if let Ok(output) = &result
            && let (Some(blob), Some(plaintext)) = (output.ciphertext_blob(), output.plaintext())
        {
            self.keep(blob.clone(), plaintext.as_ref().to_vec(), random);
        }
        read(&result, |_| Answer::Done)
    }

    /// From this key to itself; the new ciphertext must open as the old one does.
    async fn re_encrypt(&self, client: &Client, picked: Option<(Blob, Vec<u8>)>, random: &mut Random) -> Called {
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

    async fn import(&self, client: &Client, number: u8, valid_to: Option<Millis>) -> Called {
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

    /// Sees to it that there are parameters for an import, if there is an answer. A refusal is for the import itself to get, so
    /// then there are none and that counts as too late.
    async fn get_parameters(&self, world: &World, client: &Client) -> Heard {
        if lock(&self.parameters).as_ref().is_some_and(|parameters| parameters.uses < IMPORTS_PER_PAIR) {
            return Heard::Answer;
        }
        let call = client.get_parameters_for_import().key_id(&self.id).wrapping_key_spec(WrappingKeySpec::Rsa2048);
        let call = call.wrapping_algorithm(AlgorithmSpec::RsaesOaepSha256).send();
        let Ok(result) = tokio::time::timeout(PATIENCE, call).await else { return Heard::Nothing };
        let (reply, request_id) = read(&result, |_| Answer::Done);
        note_reply(world, "GetParametersForImport", &reply, request_id);
        if let Ok(output) = result
            && let (Some(public_key), Some(token)) = (output.public_key, output.import_token)
        {
            *lock(&self.parameters) = Some(Parameters { public_key: public_key.into_inner(), token, uses: 0 });
        }
        reply.heard()
    }
}

/// Not before this moment may a deletion scheduled now be final.
///
/// In whole minutes, so that deletions scheduled one after the other, of which nobody knows whether they were, are one fact.
pub(crate) fn end_of_window(now: Millis) -> Millis {
    (now + i64::from(WINDOW_DAYS) * DAY) / MINUTE * MINUTE
}

/// What ends a key now.
pub(crate) fn last_ops(world: &World) -> [Op; 2] {
    let now = world.clock.earliest();
    [Op::Schedule { not_before: end_of_window(now) }, Op::Due { at: now }]
}

fn nothing_to_open() -> Called {
    (Reply::Wrong("there was no ciphertext to open".to_owned()), None)
}

async fn decrypt(client: &Client, picked: Option<(Blob, Vec<u8>)>) -> Called {
    let Some((blob, plaintext)) = picked else { return nothing_to_open() };
    let result = client.decrypt().ciphertext_blob(blob).send().await;
    if let Ok(output) = &result
        && output.plaintext().map(Blob::as_ref) != Some(plaintext.as_slice())
    {
        return (Reply::Wrong("another plaintext than was encrypted".to_owned()), None);
    }
    read(&result, |_| Answer::Done)
}
