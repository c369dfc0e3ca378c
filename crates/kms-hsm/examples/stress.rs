//! scratch
#![allow(clippy::all)]
use std::sync::atomic::*;
use kms_core::Hsm; use kms_core::hsm::TokenObject; use kms_core::ids::ObjectId; use kms_core::secret::*; use kms_hsm::*;
fn main() {
    let mode = std::env::args().nth(1).unwrap();
    let config = TokenConfig { module: "/usr/lib/softhsm/libsofthsm2.so".into(), token_label: "one".into(), pin: SecretBytes::new(b"5678".to_vec()), softhsm_folder: Some("/dev/shm/khsm/tokens".into()), sessions: 16 };
    let token = Token::open(config).unwrap();
    let root = TokenObject::internal(ObjectId(uuid::Uuid::from_u128(1)), "root");
    let s = ObjectId(uuid::Uuid::from_u128(2));
    token.establish(uuid::Uuid::from_u128(3), s, &root, &SecretKey::new([1;32])).unwrap();
    token.attach(s).unwrap();
    let (creates, fails, other, otherf) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let stop = AtomicBool::new(false);
    std::thread::scope(|sc| {
        for _ in 0..2 { sc.spawn(|| while !stop.load(Ordering::Relaxed) {
            let o = TokenObject::internal(ObjectId::random(), "t");
            match token.generate_secret(&o, &mut || true) { Ok(()) => { creates.fetch_add(1, Ordering::Relaxed); } Err(e) => { if fails.fetch_add(1, Ordering::Relaxed) < 3 { println!("create {e}"); } } }
            if mode.contains('u') { if let Err(e) = token.mac(&o, &[0;55]) { println!("use {e}"); } }
            if let Err(e) = token.destroy(o.id) { if fails.fetch_add(1, Ordering::Relaxed) < 6 { println!("destroy {e}"); } }
        }); }
        for _ in 0..6 { sc.spawn(|| while !stop.load(Ordering::Relaxed) {
            let r = if mode.contains('m') { token.mac(&root, &[0;55]).map(drop) } else if mode.contains('c') { token.check() } else if mode.contains('f') { match token.mac(&TokenObject::internal(ObjectId::random(), "x"), &[0;55]) { Err(kms_core::HsmError::ObjectMissing) => Ok(()), r => r.map(drop) } } else if mode.contains('l') { token.list().map(drop) } else { std::thread::sleep(std::time::Duration::from_millis(50)); Ok(()) };
            other.fetch_add(1, Ordering::Relaxed); if let Err(e) = r { if otherf.fetch_add(1, Ordering::Relaxed) < 3 { println!("other {e}"); } }
        }); }
        std::thread::sleep(std::time::Duration::from_secs(5)); stop.store(true, Ordering::Relaxed);
    });
    println!("{mode}: creates {creates:?} fails {fails:?} other {other:?} fails {otherf:?} left {}", token.list().unwrap().len());
}
