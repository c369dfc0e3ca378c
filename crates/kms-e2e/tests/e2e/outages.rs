//! When Postgres or the token fails, every operation says so in the words of KMS, and works again afterwards.

use std::path::Path;
use std::process::Command;

use kms_core::Operation;
use kms_e2e::{Server, client, fresh_account, material};
use kms_local::PostgresAddress;

use crate::calls::{Subject, call};
use crate::support::{REGION, encrypt, eventually, imported_key, new_alias, new_external_key, parameters, timed};

const TIMEOUT: &str = "The system timed out while trying to fulfill the request.";
const INTERNAL: &str = "The request was rejected because an internal exception occurred.";

/// All served operations that ask Postgres for something.
fn operations_with_rows() -> impl Iterator<Item = Operation> {
    kms_service::SERVED.iter().copied().filter(|operation| *operation != Operation::GenerateRandom)
}

async fn subject(client: &aws_sdk_kms::Client) -> Subject {
    let key = imported_key(client, 1).await;
    let parameters = parameters(client, key.key_id()).await;
    let ciphertext = encrypt(client, key.key_id()).await;
    let alias = new_alias(client, key.key_id()).await;
    Subject { key_id: key.key_id, alias, ciphertext, wrapped: parameters.wrap(&material(1)), token: parameters.token }
}

fn postgres_pid(data_dir: &Path) -> rustix::process::Pid {
    let text = std::fs::read_to_string(data_dir.join("postgres/postmaster.pid")).unwrap();
    let pid = text.lines().next().unwrap().parse().unwrap();
    rustix::process::Pid::from_raw(pid).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
pub(crate) async fn while_postgres_stands_still_every_operation_times_out() {
    let server = Server::start().unwrap();
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let subject = subject(&client).await;
    let stopped = stop_postgres(server.data_dir());
    // Past the lease nothing is answered from the cache any more.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    let calls: Vec<_> = operations_with_rows()
        .map(|operation| {
            let (client, subject) = (client.clone(), subject.clone());
            tokio::spawn(async move { (operation, call(&client, operation, &subject).await) })
        })
        .collect();
    for task in calls {
        let (operation, outcome) = task.await.unwrap();
        let refusal = outcome.err().unwrap_or_else(|| panic!("{operation} worked without Postgres"));
        match declares(operation, "DependencyTimeoutException") {
            true => refusal.is("DependencyTimeoutException", TIMEOUT),
            false => refusal.is_undeclared("DependencyTimeoutException", TIMEOUT),
        }
    }
    call(&client, Operation::GenerateRandom, &subject).await.expect("random bytes need no rows");
    drop(stopped);
    eventually("it works again", async || call(&client, Operation::CreateKey, &subject).await.is_ok()).await;
    // What was given up may have happened all the same, and have left the first key disabled or about to be deleted.
    let fresh = self::subject(&client).await;
    for operation in [Operation::Encrypt, Operation::DescribeKey, Operation::Decrypt] {
        call(&client, operation, &fresh).await.unwrap();
    }
}

/// Whether the model declares this exception for the operation, so that an SDK has a type for it.
fn declares(operation: Operation, exception: &str) -> bool {
    kms_model::operation(operation.name()).unwrap().errors.iter().any(|error| error.name == exception)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cached_key_is_used_within_the_lease_without_asking_postgres() {
    let server = Server::start().unwrap();
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let subject = subject(&client).await;
    client.create_alias().alias_name("alias/cached").target_key_id(&subject.key_id).send().await.unwrap();
    let by_alias = Subject { key_id: "alias/cached".to_owned(), ..subject.clone() };
    let hot = [
        Operation::Encrypt,
        Operation::Decrypt,
        Operation::GenerateDataKey,
        Operation::GenerateDataKeyWithoutPlaintext,
    ];
    // A node hears of its own changes too, a moment later, and drops the record once more.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    for named in [&by_alias, &subject] {
        call(&client, Operation::ReEncrypt, named).await.unwrap();
    }
    let stopped = stop_postgres(server.data_dir());
    for operation in hot.into_iter().chain([Operation::ReEncrypt]) {
        for named in [&subject, &by_alias] {
            call(&client, operation, named).await.unwrap_or_else(|refusal| panic!("{operation}: {refusal:?}"));
        }
    }
    drop(stopped);
}

/// Stops every process of the server's Postgres; they go on when the value is dropped.
fn stop_postgres(data_dir: &Path) -> impl Drop {
    struct Stopped(Vec<rustix::process::Pid>);
    impl Drop for Stopped {
        fn drop(&mut self) {
            for pid in &self.0 {
                let _ended_meanwhile = rustix::process::kill_process(*pid, rustix::process::Signal::CONT);
            }
        }
    }
    let postmaster = postgres_pid(data_dir);
    let parent = postmaster.as_raw_nonzero().get();
    rustix::process::kill_process(postmaster, rustix::process::Signal::STOP).unwrap();
    let mut pids = vec![postmaster];
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    for child in children.split_whitespace() {
        let pid = rustix::process::Pid::from_raw(child.parse().unwrap()).unwrap();
        let _ended_meanwhile = rustix::process::kill_process(pid, rustix::process::Signal::STOP);
        pids.push(pid);
    }
    Stopped(pids)
}

#[tokio::test]
pub(crate) async fn rows_that_cannot_be_read_are_an_internal_error_of_every_operation() {
    let server = timed().await;
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let subject = subject(&client).await;
    let postgres = PostgresAddress::new(server.data_dir().join("postgres-run"));
    let sql = |text: &str| {
        postgres.execute("strongroom", text, std::time::Duration::from_secs(10)).unwrap();
    };
    // Cached records would go on answering: this is what makes the rows be read anew.
    client.update_key_description().key_id(&subject.key_id).description("x").send().await.unwrap();
    sql("ALTER TABLE keys RENAME TO keys_away");
    let mut outcomes = Vec::new();
    for operation in operations_with_rows() {
        outcomes.push((operation, call(&client, operation, &subject).await));
    }
    sql("ALTER TABLE keys_away RENAME TO keys");
    for (operation, outcome) in outcomes {
        let refusal = outcome.err().unwrap_or_else(|| panic!("{operation} worked without rows"));
        refusal.is("KMSInternalException", INTERNAL);
    }
    for operation in [Operation::Encrypt, Operation::ListKeys, Operation::CreateKey] {
        call(&client, operation, &subject).await.unwrap();
    }
    // Raw, and as the request carried it.
    for plaintext in ["hello", "aGVsbG8="] {
        assert!(!server.log().contains(plaintext), "the log shows no plaintext");
    }
}

#[tokio::test]
async fn an_object_that_somebody_else_deleted_is_an_internal_error_and_never_made_anew() {
    let server = timed().await;
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let (key, other) = (imported_key(&client, 2).await, new_external_key(&client).await);
    let ciphertext = encrypt(&client, key.key_id()).await;
    delete_object(server.data_dir(), key.key_id());
    client.update_key_description().key_id(key.key_id()).description("read anew").send().await.unwrap();
    let refusal = crate::refusal::refused(client.decrypt().ciphertext_blob(ciphertext).send().await);
    refusal.is("KMSInternalException", INTERNAL);
    kms_e2e::import(&client, other.key_id(), &material(3)).await.expect("other keys are not concerned");
    encrypt(&client, other.key_id()).await;
    client.delete_imported_key_material().key_id(key.key_id()).send().await.expect("the key can still be emptied");
    kms_e2e::import(&client, key.key_id(), &material(2)).await.expect("and filled again");
}

/// Deletes the key's object with `pkcs11-tool`.
fn delete_object(data_dir: &Path, key_id: &str) {
    let script = r#". "$1/token.env" && exec pkcs11-tool --module "$PKCS11_MODULE" --token-label "$TOKEN_LABEL" --login --pin "$PIN" --delete-object --type secrkey --label "$2""#;
    let label = format!("{REGION}/{key_id}");
    let status = Command::new("sh").args(["-c", script, "delete"]).arg(data_dir).arg(label).status().unwrap();
    assert!(status.success());
}
