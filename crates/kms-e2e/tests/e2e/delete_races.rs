//! DeleteImportedKeyMaterial against itself, against use and against import: no wrong answer, no survivor.

use std::time::{Duration, Instant};

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{ExpirationModelType, KeyState};
use kms_e2e::{Server, import, material, objects_of_key};

use crate::import_key_material::import_of;
use crate::refusal::outcome;
use crate::support::{arn, encrypt, fresh, imported_key, parameters, state};

/// What a loser of a race may be told: the state it lost to, or to come again.
const LOST: [&str; 2] = ["KMSInvalidStateException", "DependencyTimeoutException"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_deletes_at_once_both_succeed_or_one_is_told_to_come_again() {
    let client = fresh();
    for round in 0..5 {
        let key = imported_key(&client, round).await;
        let delete = || outcome_of_delete(client.clone(), key.key_id.clone());
        let (one, other) = tokio::join!(tokio::spawn(delete()), tokio::spawn(delete()));
        let outcomes = [one.unwrap(), other.unwrap()];
        assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
        for outcome in &outcomes {
            assert!(outcome.as_ref().err().is_none_or(|code| code == "DependencyTimeoutException"), "{outcomes:?}");
        }
        assert_eq!(state(&client, key.key_id()).await, KeyState::PendingImport);
        assert_eq!(objects_of_key(Server::shared().data_dir(), key.key_id()).unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_encrypt_or_decrypt_that_began_after_the_answer_of_a_delete_succeeds() {
    let client = fresh();
    let key = imported_key(&client, 40).await;
    let ciphertext = encrypt(&client, key.key_id()).await;
    for _ in 0..5 {
        let users: Vec<_> = (0..4)
            .map(|which| {
                tokio::spawn(use_until_refused(
                    client.clone(),
                    arn(&key).to_owned(),
                    ciphertext.clone(),
                    which % 2 == 0,
                ))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(50)).await;
        outcome_of_delete(client.clone(), key.key_id.clone()).await.unwrap();
        let deleted = Instant::now();
        for user in users {
            let last_success_began = user.await.unwrap();
            assert!(last_success_began < deleted, "a use that began after the delete was answered succeeded");
        }
        assert_eq!(objects_of_key(Server::shared().data_dir(), key.key_id()).unwrap(), 0);
        import(&client, key.key_id(), &material(40)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_imports_and_deletes_at_once_state_and_token_agree() {
    let client = fresh();
    let key = imported_key(&client, 41).await;
    let ciphertext = encrypt(&client, key.key_id()).await;
    let parameters = parameters(&client, key.key_id()).await;
    for _ in 0..8 {
        let imports = (0..2).map(|_| {
            let call = import_of(&client, key.key_id(), &parameters, &material(41));
            let call = call.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire);
            tokio::spawn(async move { outcome(call.send().await).map(drop).map_err(|refusal| refusal.code) })
        });
        let delete = tokio::spawn(outcome_of_delete(client.clone(), key.key_id.clone()));
        for task in imports.collect::<Vec<_>>().into_iter().chain([delete]) {
            let outcome = task.await.unwrap();
            assert!(outcome.as_ref().err().is_none_or(|code| LOST.contains(&code.as_str())), "{outcome:?}");
        }
        let objects = objects_of_key(Server::shared().data_dir(), key.key_id()).unwrap();
        match state(&client, key.key_id()).await {
            KeyState::Enabled => assert_eq!(objects, 1, "an enabled key has one object"),
            KeyState::PendingImport => assert_eq!(objects, 0, "a key that waits for its material has none"),
            other => panic!("{other:?}"),
        }
    }
    import(&client, key.key_id(), &material(41)).await.unwrap();
    assert_eq!(crate::support::decrypt(&client, &ciphertext).await, b"hello");
    outcome_of_delete(client.clone(), key.key_id.clone()).await.unwrap();
    assert_eq!(objects_of_key(Server::shared().data_dir(), key.key_id()).unwrap(), 0);
}

async fn outcome_of_delete(client: Client, key_id: String) -> Result<(), String> {
    let result = client.delete_imported_key_material().key_id(key_id).send().await;
    outcome(result).map(drop).map_err(|refusal| refusal.code)
}

/// Uses the key until it is refused; gives when the last call that succeeded began.
async fn use_until_refused(client: Client, key_arn: String, ciphertext: Blob, encrypts: bool) -> Instant {
    let mut last = Instant::now();
    let patience = last + Duration::from_secs(20);
    loop {
        let began = Instant::now();
        assert!(began < patience, "the key was never refused");
        let refusal = if encrypts {
            outcome(client.encrypt().key_id(&key_arn).plaintext(Blob::new("x")).send().await).err()
        } else {
            let answer = outcome(client.decrypt().ciphertext_blob(ciphertext.clone()).send().await);
            if let Ok(answer) = &answer {
                assert_eq!(answer.plaintext().unwrap().as_ref(), b"hello");
            }
            answer.err()
        };
        match refusal {
            None => last = began,
            Some(refusal) if refusal.code == "DependencyTimeoutException" => {}
            Some(refusal) => {
                refusal.is("KMSInvalidStateException", format!("{key_arn} is pending import."));
                return last;
            }
        }
    }
}
