//! A pair that opens shared secrets: what the server and what anybody with the public half encapsulated.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::EncapsulationAlgorithmSpec;
use kms_core::key_spec::KeySpec;

use super::public_half::PublicHalf;
use super::wrong;
use crate::answer::Answer;
use crate::judge::Called;
use crate::kept::Kept;
use crate::op::{Op, Use};
use crate::random::Random;
use crate::reply::read;

pub(super) const CHOICES: [(u64, Op); 3] =
    [(8, Op::PublicKey), (16, Op::Use(Use::Encapsulate)), (24, Op::Use(Use::Decapsulate))];

/// Of a hundred secrets to open, how many are made without the server.
const MADE_OUTSIDE: u64 = 40;

#[derive(Clone)]
struct Encapsulated {
    ciphertext: Blob,
    secret: Vec<u8>,
}

/// The public half, and secrets for the private one.
pub(crate) struct Encapsulation {
    pub(super) public_half: PublicHalf,
    kept: Kept<Encapsulated>,
}

impl Encapsulation {
    /// Of a key made in the token: none is imported.
    pub(super) fn new(spec: KeySpec) -> Self {
        Self { public_half: PublicHalf::new(spec, &[]), kept: Kept::default() }
    }

    pub(super) fn possible(&self, what: Use) -> Op {
        match self.public_half.known() {
            None => Op::PublicKey,
            Some(_) if self.kept.is_empty() => Op::Use(Use::Encapsulate),
            Some(_) => Op::Use(what),
        }
    }

    pub(super) async fn call(&self, client: &Client, id: &str, what: Use, random: &mut Random) -> Called {
        match what {
            Use::Encapsulate => self.encapsulate(client, id, random).await,
            Use::Decapsulate => self.decapsulate(client, id, random).await,
            _ => wrong("a pair that opens secrets has no such use"),
        }
    }

    async fn encapsulate(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let call = client.encapsulate().key_id(id).encapsulation_algorithm(EncapsulationAlgorithmSpec::MlKem);
        let result = call.send().await;
        if let Ok(output) = &result
            && let (Some(ciphertext), Some(secret)) = (output.shared_secret_ciphertext_blob(), output.shared_secret())
        {
            let secret = secret.as_ref().to_vec();
            self.kept.keep(Encapsulated { ciphertext: ciphertext.clone(), secret }, random);
        }
        read(&result, |_| Answer::Done)
    }

    async fn decapsulate(&self, client: &Client, id: &str, random: &mut Random) -> Called {
        let picked = if random.chance(MADE_OUTSIDE) { self.made_outside() } else { self.kept.pick(random) };
        let Some(Encapsulated { ciphertext, secret }) = picked else { return wrong("no secret to open") };
        let call = client.decapsulate().key_id(id).shared_secret_ciphertext_blob(ciphertext);
        let result = call.encapsulation_algorithm(EncapsulationAlgorithmSpec::MlKem).send().await;
        if let Ok(output) = &result
            && output.shared_secret().map(Blob::as_ref) != Some(secret.as_slice())
        {
            return wrong("another secret than was encapsulated");
        }
        read(&result, |_| Answer::Done)
    }

    fn made_outside(&self) -> Option<Encapsulated> {
        let made = self.public_half.known()?.encapsulate().ok()?;
        Some(Encapsulated { ciphertext: Blob::new(made.ciphertext), secret: made.shared_secret.to_vec() })
    }
}
