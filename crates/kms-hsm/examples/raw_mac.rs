//! CPU per HMAC: `C_SignInit` and `C_Sign` called directly, through cryptoki, and through [`kms_hsm::Token`], in turn, on one
//! thread. Needs a token that was established (a `strongroom dev` data folder has one), and
//! `SOFTHSM2_CONF`, `PKCS11_MODULE`, `TOKEN_LABEL`, `PIN`, `SOFTHSM_FOLDER` in the environment.
//! It makes one secret and destroys it again.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for a person at a terminal")]

use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::Session;
use cryptoki_sys::{CK_FUNCTION_LIST, CK_MECHANISM, CKM_SHA256_HMAC, CKR_OK};
use kms_core::Hsm;
use kms_core::hsm::{KeyKind, TokenObject};
use kms_core::ids::ObjectId;
use kms_core::secret::SecretBytes;
use kms_hsm::{Token, TokenConfig};

const CALLS: u32 = 20_000;
const ROUNDS: usize = 7;

fn main() {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let config = TokenConfig {
        module: variable("PKCS11_MODULE").into(),
        token_label: variable("TOKEN_LABEL"),
        pin: SecretBytes::new(variable("PIN").into_bytes()),
        softhsm_folder: std::env::var_os("SOFTHSM_FOLDER").map(Into::into),
        sessions: 2,
    };
    let (module, label) = (config.module.clone(), config.token_label.clone());
    let token = Token::open(config).unwrap();
    let deployments = token.find_deployments().unwrap();
    let (sentinel, _) = deployments.first().expect("the token was established");
    token.attach(*sentinel).unwrap();
    let object = TokenObject::internal(ObjectId::random(), "benchmark");
    token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).unwrap();
    let session = second_session(&module, &label);
    let id = Attribute::Id(object.id.as_bytes().to_vec());
    let handle = session.find_objects(&[id]).unwrap()[0];
    let raw = RawCalls::load(&module);

    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        costs[0].push(cpu_per_call(|| raw.sign(&session, handle, &[7; 55])));
        costs[1].push(cpu_per_call(|| session.sign(&Mechanism::Sha256Hmac, handle, &[7; 55]).map(drop).unwrap()));
        costs[2].push(cpu_per_call(|| token.mac(&object, &[7; 55]).map(drop).unwrap()));
    }
    token.destroy(object.id).unwrap();
    for (name, mut figures) in ["C_SignInit + C_Sign", "cryptoki sign", "Token::mac"].into_iter().zip(costs) {
        figures.sort_by(f64::total_cmp);
        println!("{name:20} {:6.2} us CPU per call (median of {ROUNDS} rounds of {CALLS})", figures[ROUNDS / 2]);
    }
}

/// Microseconds of user and system time of the process per call.
fn cpu_per_call(mut call: impl FnMut()) -> f64 {
    let before = cpu_time();
    for _ in 0..CALLS {
        call();
    }
    (cpu_time() - before).as_secs_f64() * 1e6 / f64::from(CALLS)
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// A session of the benchmark itself; the process is logged in already.
fn second_session(module: &std::path::Path, label: &str) -> Session {
    let module = Pkcs11::new(module).unwrap();
    // The token has initialised the library.
    let _already = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    let mut slots = module.get_slots_with_token().unwrap();
    slots.retain(|slot| module.get_token_info(*slot).is_ok_and(|info| info.label() == label));
    module.open_rw_session(slots[0]).unwrap()
}

/// The two functions without anything around them.
struct RawCalls(CK_FUNCTION_LIST, #[expect(dead_code, reason = "keeps the library mapped")] cryptoki_sys::Pkcs11);

impl RawCalls {
    #[expect(unsafe_code, reason = "the baseline is the bare C call")]
    fn load(path: &std::path::Path) -> Self {
        // SAFETY: the library is loaded and initialised already; this counts one more user of it.
        let module = unsafe { cryptoki_sys::Pkcs11::new(path) }.unwrap();
        let mut list = std::ptr::null_mut();
        // SAFETY: the argument is a valid place for one pointer; after CKR_OK it names a table that lives as long as the
        // library is mapped, which is copied while it is.
        let table = unsafe {
            assert_eq!(module.C_GetFunctionList(&raw mut list), CKR_OK);
            *list
        };
        Self(table, module)
    }

    #[expect(unsafe_code, reason = "the baseline is the bare C call")]
    fn sign(&self, session: &Session, key: ObjectHandle, input: &[u8; 55]) {
        let mut mechanism =
            CK_MECHANISM { mechanism: CKM_SHA256_HMAC, pParameter: std::ptr::null_mut(), ulParameterLen: 0 };
        let (mut mac, mut length) = ([0_u8; 32], 32);
        // SAFETY: the mechanism outlives the call and has no parameter; handles are numbers that the module checks.
        let begun = unsafe { self.0.C_SignInit.unwrap()(session.handle(), &raw mut mechanism, key.handle()) };
        assert_eq!(begun, CKR_OK);
        // SAFETY: the input is readable for 55 bytes and not written; the output is writable for the 32 bytes stated.
        let signed = unsafe {
            let (input, output) = (input.as_ptr().cast_mut(), mac.as_mut_ptr());
            self.0.C_Sign.unwrap()(session.handle(), input, 55, output, &raw mut length)
        };
        assert_eq!((signed, length), (CKR_OK, 32));
    }
}
