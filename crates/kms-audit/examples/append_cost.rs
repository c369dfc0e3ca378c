//! CPU per record, rendering, chaining and writing included: `cargo run --release -p kms-audit --example append_cost`.
#![expect(clippy::print_stdout, reason = "printing the figures is what it is for")]

use kms_audit::{AuditError, AuditLog, Durability, Event, Fragment, Resource, verify};
use rustix::time::{ClockId, clock_gettime};

const RECORDS: usize = 400_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = serde_json::json!({"keyId": "alias/app", "encryptionContext": {"app": "load", "tenant": "1234"}});
    let parameters = Fragment::from(context);
    let event = event(&parameters);
    println!("record {} B", event.render().len());
    let before = cpu_us();
    for _ in 0..RECORDS {
        std::hint::black_box(event.render());
    }
    println!("render         {:.2} us", (cpu_us() - before) / RECORDS as f64);
    for durability in [Durability::Write, Durability::Durable] {
        for batch in [1, 4, 8, 16] {
            println!("{durability:?} by {batch:>2}   {:.2} us", append(&event, durability, batch)?);
        }
    }
    Ok(())
}

/// CPU time per record in microseconds, rendering included.
fn append(event: &Event<'_>, durability: Durability, batch: usize) -> Result<f64, AuditError> {
    let dir = std::env::temp_dir().join(format!("append-cost-{}", std::process::id()));
    let log = AuditLog::open(&dir, "node", durability)?;
    let before = cpu_us();
    for _ in 0..count(durability) / batch {
        let records: Vec<_> = (0..batch).map(|_| event.render()).collect();
        log.append(&records)?;
    }
    let spent = cpu_us() - before;
    drop(log);
    assert_eq!(verify(&dir)?.first_break, None);
    std::fs::remove_dir_all(&dir).map_err(|source| AuditError::File { path: dir, source: source.into() })?;
    Ok(spent / count(durability) as f64)
}

/// Records to append: fewer where each write waits for the disk.
const fn count(durability: Durability) -> usize {
    match durability {
        Durability::Write => RECORDS,
        Durability::Durable => RECORDS / 20,
    }
}

fn event(parameters: &Fragment) -> Event<'_> {
    Event {
        request_id: "5a1ce4a3-5d7c-4f0e-9b7c-2a8f7f5a3b11",
        event_id: uuid::Uuid::from_u128(0x5a1c_e4a3_5d7c_4f0e_9b7c_2a8f_7f5a_3b11),
        event_time: time::OffsetDateTime::UNIX_EPOCH,
        event_name: "Encrypt",
        region: "eu-central-1",
        account: "111122223333",
        caller_arn: "arn:aws:iam::111122223333:root",
        access_key_id: "111122223333",
        source_ip: "127.0.0.1",
        user_agent: "aws-sdk-rust/1.3.3 os/linux lang/rust/1.95.0",
        tls: None,
        failure: None,
        request_parameters: Some(parameters),
        response_elements: None,
        additional_event_data: None,
        read_only: true,
        resources: &[Resource {
            account: "111122223333",
            arn: "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        }],
        recipient_account: "111122223333",
    }
}

fn cpu_us() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 * 1e6 + spent.tv_nsec as f64 / 1e3
}
