//! Wrapping key pairs for GetParametersForImport: made ahead, one per answer, destroyed at expiry.

use kms_core::hsm::{ObjectKind, TokenObject};
use kms_core::kdf::sha256;
use kms_core::key_spec::WrappingKeySpec;
use kms_core::wrapping::WrappingAlgorithm;
use kms_core::{KeyAddress, KmsError, ObjectId, Timestamp};
use kms_metadata::WrappingKey;
use time::Duration;

use crate::Keeper;
use crate::claim::{claim_keyless, is_creating, make_present};

/// Imports that one pair may be tried for; a padding oracle needs over a thousand (cryptography.md 3.1).
pub const ATTEMPTS_PER_PAIR: i32 = 100;
/// Pairs of one account that may be live at once; past it GetParametersForImport is throttled.
pub const LIVE_PAIRS_PER_ACCOUNT: i64 = 1_000;
const LIFETIME: Duration = Duration::hours(24);
/// How long the row of an ended pair tells Expired from Invalid.
const MEMORY: Duration = Duration::days(30);
const POOL_DEPTH: i64 = 3;
const ALGORITHMS: [WrappingAlgorithm; 2] = [WrappingAlgorithm::RsaesOaepSha1, WrappingAlgorithm::RsaesOaepSha256];
const SPECS: [WrappingKeySpec; 3] = [WrappingKeySpec::Rsa2048, WrappingKeySpec::Rsa3072, WrappingKeySpec::Rsa4096];
const BATCH: i64 = 100;

/// What GetParametersForImport answers.
#[derive(Debug)]
pub struct Parameters {
    /// DER SubjectPublicKeyInfo of the wrapping key.
    pub public_key: Vec<u8>,
    /// 32 random bytes; the row holds their hash.
    pub import_token: [u8; 32],
    /// 24 hours from now.
    pub valid_to: Timestamp,
}

/// A live pair that an import token names.
#[derive(Clone, Debug)]
pub struct Pair {
    pub(crate) object: TokenObject,
    pub(crate) spec: WrappingKeySpec,
    pub(crate) algorithm: WrappingAlgorithm,
}

impl Pair {
    /// Whether the ciphertext can have come from this pair's algorithm, by its length.
    pub fn fits(&self, encrypted: &[u8]) -> bool {
        self.algorithm.fits_length(self.spec, encrypted.len())
    }
}

impl Keeper {
    /// Binds a pair of the pool to the key, or makes one now when the pool is empty: if `before_making` lets it. What that
    /// gives is held until a pair is bound, as another request may take the one that was made.
    ///
    /// # Errors
    /// `ThrottlingException` past [`LIVE_PAIRS_PER_ACCOUNT`]; those of `before_making`; the token or Postgres does not answer.
    pub fn wrapping_parameters<P>(
        &self,
        address: &KeyAddress,
        spec: WrappingKeySpec,
        algorithm: WrappingAlgorithm,
        before_making: impl Fn() -> Result<P, KmsError>,
    ) -> Result<Parameters, KmsError> {
        if !self.hsm.supports_wrapping(algorithm) {
            let text = format!("Wrapping algorithm {} is not supported by this token.", algorithm.name());
            return Err(KmsError::UnsupportedOperation(Some(text)));
        }
        let mut import_token = [0; 32];
        getrandom::fill(&mut import_token).map_err(KmsError::internal)?;
        let hash = sha256(&[&import_token]);
        let mut place = None;
        loop {
            let now = self.clock.now();
            let valid_to = kms_core::clock::to_millisecond(now + LIFETIME);
            let taken = self.metadata.write(|tx| {
                if tx.live_wrapping_keys(address.account, now)? >= LIVE_PAIRS_PER_ACCOUNT {
                    return Err(KmsError::Throttling);
                }
                Ok(tx.take_wrapping_key(&self.token, spec, algorithm, address, &hash, valid_to)?)
            })?;
            match taken {
                Some(WrappingKey { public_key, .. }) => return Ok(Parameters { public_key, import_token, valid_to }),
                None => {
                    if place.is_none() {
                        place = Some(before_making()?);
                    }
                    self.make_pair(spec, algorithm)?;
                }
            }
        }
    }

    /// The pair that an import token of this key names, with one attempt reserved before any use of it.
    ///
    /// # Errors
    /// `InvalidImportTokenException` for a token that is not one of this key; `ExpiredImportTokenException` past its 24
    /// hours or its attempts.
    pub fn redeem(&self, address: &KeyAddress, import_token: &[u8]) -> Result<Pair, KmsError> {
        let hash = sha256(&[import_token]);
        self.metadata.write(|tx| {
            let row = tx
                .find_wrapping_key(&hash)?
                .filter(|row| row.key == Some(*address))
                .ok_or(KmsError::InvalidImportToken)?;
            if row.expires_at.is_none_or(|expires_at| expires_at <= self.clock.now()) {
                return Err(KmsError::ExpiredImportToken);
            }
            tx.reserve_attempt(row.object_id, ATTEMPTS_PER_PAIR)?.ok_or(KmsError::ExpiredImportToken)?;
            Ok(Pair {
                object: TokenObject { id: row.object_id, label: row.label },
                spec: row.spec,
                algorithm: row.algorithm,
            })
        })
    }

    /// Makes the first pair that the pool lacks; `false` when nothing was lacking. Called again and again by a background
    /// task, so that it can stop between two pairs.
    ///
    /// # Errors
    /// The token or Postgres does not answer.
    pub fn fill_pool(&self) -> Result<bool, KmsError> {
        let depth = self.metadata.read(|tx| Ok::<_, KmsError>(tx.pool_depth(&self.token)?))?;
        let lacking = (1..=POOL_DEPTH)
            .flat_map(|wanted| SPECS.into_iter().map(move |spec| (wanted, spec)))
            .flat_map(|(wanted, spec)| ALGORITHMS.into_iter().map(move |algorithm| (wanted, spec, algorithm)))
            .filter(|(_, _, algorithm)| self.hsm.supports_wrapping(*algorithm))
            .find(|(wanted, spec, algorithm)| depth.get(&(*spec, *algorithm)).copied().unwrap_or(0) < *wanted);
        match lacking {
            Some((_, spec, algorithm)) => self.make_pair(spec, algorithm).map(|()| true),
            None => Ok(false),
        }
    }

    /// Destroys the pairs that expired or ran out of attempts, and forgets rows that are too old to tell anything.
    ///
    /// # Errors
    /// The token or Postgres does not answer; the reconciler finishes what is condemned.
    pub fn end_spent_pairs(&self) -> Result<usize, KmsError> {
        let now = self.clock.now();
        let spent = self
            .metadata
            .read(|tx| Ok::<_, KmsError>(tx.spent_wrapping_keys(&self.token, now, ATTEMPTS_PER_PAIR, BATCH)?))?;
        for id in &spent {
            self.metadata.write(|tx| tx.condemn(*id))?;
            self.finish(None, *id)?;
        }
        self.metadata.write(|tx| {
            tx.forget_import_mismatches(self.clock.real_now().date())?;
            tx.forget_wrapping_keys(now - MEMORY)
        })?;
        Ok(spent.len())
    }

    /// The same crash-safe order as for material: row `creating`, the row's lock as the claim, object, `present`.
    fn make_pair(&self, spec: WrappingKeySpec, algorithm: WrappingAlgorithm) -> Result<(), KmsError> {
        let id = ObjectId::random();
        let object = TokenObject::internal(id, "wrapping");
        self.announce_keyless(&object, ObjectKind::Wrapping)?;
        fail::fail_point!("material.pair.announced");
        let result = self.metadata.write(|tx| {
            claim_keyless(tx, id)?;
            let public_key = self.hsm.generate_wrapping_pair(&object, spec, algorithm, &mut || is_creating(tx, id))?;
            fail::fail_point!("material.pair.made");
            tx.insert_wrapping_key(id, spec, algorithm, &public_key)?;
            make_present(tx, id)?;
            Ok(())
        });
        self.settled(result, None, id)
    }
}
