//! `token.object` torn by a kill during a login (hsm-facts 0.1): the keys come back, and nothing healthy is touched.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use kms_core::hsm::KeyKind;
use kms_core::{Hsm, HsmError};
use kms_hsm::{OpenError, Token};

use crate::place::{Place, fresh, own_process, own_process_in};
use crate::worker::Worker;

#[test]
fn whatever_tears_the_file_the_keys_work_afterwards() {
    own_process(|place| {
        let object = fresh();
        let mut worker = Worker::start_after_establishing(place);
        assert_eq!(worker.tell("make", &object), "Ok(())");
        drop(worker);
        let whole = fs::read(place.token_object()).unwrap();
        let garbage = (0..whole.len()).map(|at| (at * 167 % 251) as u8).collect();
        let cuts = [0, 1, 7, 8, 24, 64, 95, 96, 102, 128, 200, 223, 224, 319].map(|length| whole[..length].to_vec());
        for torn in cuts.into_iter().chain([garbage]) {
            fs::write(place.token_object(), &torn).unwrap();
            assert_eq!(Worker::start(place).tell("use", &object), "Ok(())", "{} bytes", torn.len());
        }
    });
}

#[test]
fn a_torn_file_without_a_copy_is_named_and_left_as_it_is() {
    own_process(|place| {
        fs::write(place.token_object(), b"").unwrap();
        assert!(matches!(Token::open(place.config()), Err(OpenError::TokenTorn(_))));
        assert_eq!(fs::read(place.token_object()).unwrap(), b"");
    });
}

#[test]
fn a_wrong_pin_is_refused() {
    own_process(|place| {
        let config =
            kms_hsm::TokenConfig { pin: kms_core::secret::SecretBytes::new(b"0000".to_vec()), ..place.config() };
        assert!(matches!(Token::open(config), Err(OpenError::PinRefused)));
        Token::open(place.config()).unwrap();
    });
}

#[test]
fn processes_killed_during_their_login_on_a_disk_never_cost_the_token() {
    own_process_in(Path::new(env!("CARGO_TARGET_TMPDIR")), |place| {
        let object = fresh();
        let mut worker = Worker::start_after_establishing(place);
        assert_eq!(worker.tell("make", &object), "Ok(())");
        drop(worker);
        let (mut torn, mut early, kills) = (0, 0, 100);
        for round in 0..kills {
            let mut child = place.spawn("log-in");
            // The login falls into the first milliseconds of the process; the pauses sweep over it.
            std::thread::sleep(Duration::from_micros(2_000 + round * 337 % 30_000));
            early += u32::from(kill(&mut child));
            torn += u32::from(fs::read(place.token_object()).unwrap().len() < 320);
            if round % 25 == 24 {
                assert_eq!(Worker::start(place).tell("use", &object), "Ok(())", "after {round} kills");
            }
        }
        println!("{kills} kills, {early} before the process ended, {torn} left token.object torn");
        assert!(early > 30, "the kills come too late to prove anything: {early}");
        assert_eq!(Worker::start(place).tell("use", &object), "Ok(())");
    });
}

#[test]
fn half_a_copy_is_destroyed_by_its_id_and_by_the_next_start() {
    own_process(|place| {
        let token = place.token();
        let (by_id, by_start, whole) = (fresh(), fresh(), fresh());
        token.generate_key(&whole, KeyKind::SYMMETRIC, &mut || true).unwrap();
        let before = object_files(place);
        let mut worker = Worker::start(place);
        for object in [&by_id, &by_start] {
            assert_eq!(worker.tell("make", object), "Ok(())");
        }
        drop(worker);
        object_files(place).iter().filter(|path| !before.contains(path)).for_each(|path| halve(path));
        let with_halves = object_files(place).len();
        assert!(matches!(token.mac(&by_id, &[0; 55]), Err(HsmError::ObjectMissing)));
        token.destroy(by_id.id).unwrap();
        assert_eq!(object_files(place).len(), with_halves - 1);
        assert_eq!(Worker::start(place).tell("use", &whole), "Ok(())");
        assert_eq!(object_files(place).len(), with_halves - 2);
        token.mac(&whole, &[0; 55]).unwrap();
    });
}

/// Makes an object file as a kill in the middle of `C_CopyObject` leaves it: whole, but for `CKA_TOKEN` (attribute 1, kind
/// 1), which is false.
fn halve(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let is_token = [1_u64.to_be_bytes(), 1_u64.to_be_bytes()].concat();
    let at = bytes.windows(16).position(|window| window == is_token).unwrap() + 16;
    assert_ne!(bytes[at], 0);
    bytes[at] = 0;
    fs::write(path, bytes).unwrap();
}

fn object_files(place: &Place) -> Vec<std::path::PathBuf> {
    let list = fs::read_dir(place.token_object().parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    list.filter(|path| path.extension().is_some_and(|end| end == "object")).collect()
}

/// Whether the child was still running.
fn kill(child: &mut Child) -> bool {
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}
