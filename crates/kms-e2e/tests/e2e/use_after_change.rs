//! A change of a key and its use at once: the node hears of its own change too, and must not take that for the end of its
//! lease. The audit is on a real disk with `durable`, so that the moment between the token call and the answer is long.

use kms_e2e::{Server, ServerOptions, client, fresh_account};

use crate::support::{REGION, encrypt, new_key};

#[tokio::test]
async fn a_key_works_at_once_after_each_change() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let arguments = ["--audit", "durable"].map(str::to_owned).to_vec();
    let options = ServerOptions { arguments, ..ServerOptions::default() };
    let server = Server::start_in(&folder.path().join("data"), &options).unwrap();
    let client = client(server.endpoint(), &fresh_account(), REGION);
    let key = new_key(&client).await;
    for number in 0..60 {
        client.update_key_description().key_id(key.key_id()).description(number.to_string()).send().await.unwrap();
        encrypt(&client, key.key_id()).await;
    }
}
