//! How a client brings material into a key: parameters, and imports with them as long as they serve.

use std::sync::{Arc, Mutex};

use anyhow::Context;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::{Blob, DateTime};
use aws_sdk_kms::types::{AlgorithmSpec, ExpirationModelType, WrappingKeySpec};
use kms_core::key_spec::KeySpec;
use kms_core::wrapping::WrappingAlgorithm;

use crate::answer::Answer;
use crate::clock::Millis;
use crate::judge::{Called, PATIENCE, note_reply};
use crate::kind::{WRAPPING_KEY, wrapping_algorithms};
use crate::material::{Material, wrap};
use crate::random::Random;
use crate::reply::{Heard, Reply, read};
use crate::world::{World, lock};

/// A pair serves 100 attempts; some are left for attempts that a kill has counted.
const IMPORTS_PER_PAIR: u32 = 60;

/// What a client holds of GetParametersForImport.
struct Parameters {
    algorithm: WrappingAlgorithm,
    public_key: Vec<u8>,
    token: Blob,
    uses: u32,
}

/// The importing side of a key.
pub(crate) struct Importing {
    spec: KeySpec,
    materials: Vec<Arc<Material>>,
    parameters: Mutex<Option<Parameters>>,
}

impl Importing {
    /// Of a key of this spec, into which these materials may be brought.
    pub(crate) fn new(spec: KeySpec, materials: Vec<Arc<Material>>) -> Self {
        Self { spec, materials, parameters: Mutex::default() }
    }

    /// The next import is by new parameters.
    pub(crate) fn forget(&self) {
        *lock(&self.parameters) = None;
    }

    /// Imports the material of this number.
    pub(crate) async fn import(&self, client: &Client, id: &str, number: u8, valid_to: Option<Millis>) -> Called {
        let (token, wrapped) = match self.wrapped(number) {
            Ok(wrapped) => wrapped,
            // Another client of this key dropped them a moment ago: nothing was sent.
            Err(_) => return (Reply::Known(Answer::TooLate), None),
        };
        let model = match valid_to {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        };
        let call = client.import_key_material().key_id(id).import_token(token).expiration_model(model);
        let call = call.encrypted_key_material(Blob::new(wrapped)).set_valid_to(valid_to.map(DateTime::from_millis));
        read(&call.send().await, |_| Answer::Done)
    }

    /// Sees to it that there are parameters for an import, if there is an answer. A refusal is for the import itself to get, so
    /// then there are none and that counts as too late.
    pub(crate) async fn get_parameters(&self, world: &World, client: &Client, id: &str, random: &mut Random) -> Heard {
        if lock(&self.parameters).as_ref().is_some_and(|parameters| parameters.uses < IMPORTS_PER_PAIR) {
            return Heard::Answer;
        }
        let algorithms = wrapping_algorithms(self.spec);
        let algorithm = random.pick(&algorithms).copied().unwrap_or(WrappingAlgorithm::RsaesOaepSha256);
        let call = client.get_parameters_for_import().key_id(id);
        let call = call.wrapping_key_spec(WrappingKeySpec::from(WRAPPING_KEY.name()));
        let call = call.wrapping_algorithm(AlgorithmSpec::from(algorithm.name())).send();
        let Ok(result) = tokio::time::timeout(PATIENCE, call).await else { return Heard::Nothing };
        let (reply, request_id) = read(&result, |_| Answer::Done);
        note_reply(world, "GetParametersForImport", &reply, request_id);
        if let Reply::Wrong(text) = &reply {
            world.violated(format!("GetParametersForImport of a {} key was answered with {text}", self.spec));
        }
        if let Ok(output) = result
            && let (Some(public_key), Some(token)) = (output.public_key, output.import_token)
        {
            let public_key = public_key.into_inner();
            *lock(&self.parameters) = Some(Parameters { algorithm, public_key, token, uses: 0 });
        }
        reply.heard()
    }

    /// The import token, and a material wrapped for it.
    fn wrapped(&self, number: u8) -> anyhow::Result<(Blob, Vec<u8>)> {
        let material = self.materials.iter().find(|material| material.number == number);
        let material = material.context("no such material")?;
        let (algorithm, public_key, token) = {
            let mut parameters = lock(&self.parameters);
            let parameters = parameters.as_mut().context("the parameters are gone")?;
            parameters.uses += 1;
            (parameters.algorithm, parameters.public_key.clone(), parameters.token.clone())
        };
        Ok((token, wrap(&public_key, algorithm, &material.bytes)?))
    }
}
