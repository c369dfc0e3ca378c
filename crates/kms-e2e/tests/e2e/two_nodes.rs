//! Two nodes of `strongroom serve` on one Postgres and one token: what one acknowledges is so on the other.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use kms_e2e::{NODE_ACCOUNT, NodeFiles, Server, ServerOptions, client};
use kms_local::{Durability, EphemeralFolder, Lifetime, PostgresOptions, PrivatePostgres, SoftHsmToken};

use crate::refusal::refused;
use crate::support::{REGION, new_alias, new_key};
use crate::tag_resource::{tag, tags};

const TOKEN_LABEL: &str = "two-nodes";

/// The nodes are dropped before what they stand on.
struct Pair {
    nodes: [Server; 2],
    _postgres: PrivatePostgres,
    _folder: EphemeralFolder,
}

impl Pair {
    fn start() -> Self {
        let folder = EphemeralFolder::new("strongroom-e2e-").unwrap();
        let token = SoftHsmToken::create_or_open(folder.path(), TOKEN_LABEL).unwrap();
        let options = PostgresOptions { durability: Durability::Volatile, lifetime: Lifetime::WithOwner };
        let postgres = PrivatePostgres::start(folder.path(), options).unwrap();
        let nodes = ["n1", "n2"].map(|name| {
            let files = NodeFiles::make(folder.path(), name, (&postgres, &token), "audit = 'write'").unwrap();
            Server::serve(&files.config, &files.data_dir, &token.config_file(), &ServerOptions::default()).unwrap()
        });
        Self { nodes, _postgres: postgres, _folder: folder }
    }

    fn clients(&self) -> [Client; 2] {
        self.nodes.each_ref().map(|node| client(node.endpoint(), NODE_ACCOUNT, REGION))
    }
}

async fn encrypt_by(client: &Client, name: &str) -> Option<String> {
    client.encrypt().key_id(name).plaintext(Blob::new("hello")).send().await.unwrap().key_id
}

#[tokio::test]
async fn a_change_that_one_node_acknowledges_is_so_on_the_other() {
    let pair = Pair::start();
    let nodes = pair.clients();
    let (a, b) = (new_key(&nodes[0]).await, new_key(&nodes[0]).await);
    let name = new_alias(&nodes[0], a.key_id()).await;
    for number in 0..12 {
        let (here, there) = (&nodes[number % 2], &nodes[1 - number % 2]);
        let key = if number % 4 < 2 { &b } else { &a };
        // Both hold the key that the alias leads to until now.
        assert_eq!(encrypt_by(here, &name).await, encrypt_by(there, &name).await);
        here.update_alias().alias_name(&name).target_key_id(key.key_id()).send().await.unwrap();
        assert_eq!(encrypt_by(there, &name).await.as_deref(), key.arn(), "change {number}");
    }
    nodes[0].tag_resource().key_id(a.key_id()).tags(tag("team", "ops")).send().await.unwrap();
    assert_eq!(tags(&nodes[1], a.key_id()).await, [("team".to_owned(), "ops".to_owned())]);
    nodes[0].delete_alias().alias_name(&name).send().await.unwrap();
    let call = nodes[1].encrypt().key_id(&name).plaintext(Blob::new("hello"));
    refused(call.send().await)
        .is("NotFoundException", format!("Alias arn:aws:kms:{REGION}:{NODE_ACCOUNT}:{name} is not found."));
    // A marker is no secret of the node that gave it.
    let marker = nodes[0].list_keys().limit(1).send().await.unwrap().next_marker;
    assert_eq!(nodes[1].list_keys().set_marker(marker).send().await.unwrap().keys().len(), 1);
}
