//! The PIN is changed as runbook.md says.

use kms_e2e::{Server, ServerOptions, client, fresh_account};
use kms_local::EphemeralFolder;

use super::support::{json, objects_folder, pkcs11_tool};
use crate::support::{REGION, decrypt, encrypt, new_key};

#[tokio::test]
async fn after_a_change_of_the_pin_keys_work_and_the_copy_of_token_object_opens_with_the_new_one() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let account = fresh_account();
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let kms = client(server.endpoint(), &account, REGION);
    let letter = encrypt(&kms, new_key(&kms).await.key_id()).await;
    server.stop().unwrap();

    let changed = pkcs11_tool(&data, &["--change-pin", "--new-pin", "a-new-pin-4711"]);
    assert!(changed.status.success(), "{changed:?}");
    let (status, report) = json(&["doctor"], &data);
    assert!(status == 3 && report.to_string().contains("the token refused the PIN"), "{report}");
    assert!(!report.to_string().contains("4711"));
    std::fs::write(data.join("token.pin"), "a-new-pin-4711").unwrap();
    let (status, report) = json(&["doctor"], &data);
    assert_eq!(status, 0, "{report}");

    // A torn token.object comes back from the copy that doctor renewed: with an older one the new PIN would be refused.
    let token_object = objects_folder(&data.join("token")).join("token.object");
    std::fs::write(&token_object, b"").unwrap();
    let server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    assert!(server.log().contains("restored a torn token.object"), "{}", server.log());
    assert_eq!(decrypt(&client(server.endpoint(), &account, REGION), &letter).await, b"hello");
}
