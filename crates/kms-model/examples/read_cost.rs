//! Prints what reading an Encrypt body of 150 bytes costs: `cargo run --release -p kms-model --example read_cost`.
#![expect(clippy::print_stdout, reason = "printing is the purpose")]

use kms_model::{Blob, operation, read};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "only read to be measured")]
struct Encrypt {
    key_id: String,
    plaintext: Blob,
    #[serde(default)]
    encryption_context: BTreeMap<String, String>,
}

const ROUNDS: u32 = 200_000;

fn main() {
    let body: &[u8] = br#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Plaintext":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","EncryptionContext":{"purpose":"test-data"}}"#;
    let encrypt = operation("Encrypt").expect("Encrypt is an operation of KMS");
    println!("body of {} bytes", body.len());
    measure("read", || drop(black_box(read(encrypt, black_box(body)))));
    measure("read and into_input", || {
        drop(black_box(read(encrypt, black_box(body)).and_then(|request| request.into_input::<Encrypt>())));
    });
    measure("serde_json into a tree", || {
        drop(black_box(serde_json::from_slice::<serde_json::Value>(black_box(body))));
    });
}

fn measure(what: &str, mut work: impl FnMut()) {
    let start = Instant::now();
    (0..ROUNDS).for_each(|_| work());
    println!("{what}: {} ns", (start.elapsed() / ROUNDS).as_nanos());
}
