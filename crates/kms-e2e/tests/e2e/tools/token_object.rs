//! A `token.object` that is whole but damaged, as runbook.md tells it.

use std::fs;

use kms_e2e::{Server, ServerOptions, client, fresh_account};
use kms_local::EphemeralFolder;

use super::support::{json, objects_folder};
use crate::support::{REGION, decrypt, encrypt, new_key};

#[tokio::test]
async fn a_damaged_master_key_never_enters_the_copy_from_which_it_is_restored() {
    let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let account = fresh_account();
    let mut server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    let kms = client(server.endpoint(), &account, REGION);
    let letter = encrypt(&kms, new_key(&kms).await.key_id()).await;
    server.stop().unwrap();

    let token_object = objects_folder(&data.join("token")).join("token.object");
    let good = fs::read(&token_object).unwrap();
    let copy = || fs::read(data.join("token-object.copy")).unwrap();
    let copied = copy();
    // The last bytes are of the master key wrapped under the user's PIN: another one is refused, or opens another key.
    for at in [1, 20, 40] {
        let mut damaged = good.clone();
        let at = damaged.len() - at;
        damaged[at] ^= 1;
        fs::write(&token_object, damaged).unwrap();
        let (status, report) = json(&["doctor"], &data);
        assert_eq!(status, 3, "{report}");
        assert!(Server::start_in(&data, &ServerOptions::default()).is_err());
        assert_eq!(copy(), copied, "byte {at}");
    }
    fs::write(&token_object, b"").unwrap();
    let server = Server::start_in(&data, &ServerOptions::default()).unwrap();
    assert!(server.log().contains("restored a torn token.object"), "{}", server.log());
    assert_eq!(decrypt(&client(server.endpoint(), &account, REGION), &letter).await, b"hello");
}
