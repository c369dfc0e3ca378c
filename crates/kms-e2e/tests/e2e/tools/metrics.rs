//! `/metrics` and docs/metrics.md say the same, and the figures tell what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use aws_sdk_kms::types::ExpirationModelType;
use kms_e2e::{Server, client, fresh_account, material};
use kms_service::METRICS;

use super::support::{get, put_key};
use crate::support::{REGION, encrypt, eventually, new_external_key, new_key, parameters, seconds_from_now};

const PAGE: &str = include_str!("../../../../../docs/metrics.md");

/// Each sample by its name and labels as they stand on the page.
fn samples(server: &Server) -> BTreeMap<String, f64> {
    let page = get(server.address(), "/metrics");
    let lines = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap())).unwrap())
        .collect()
}

fn value(server: &Server, sample: &str) -> f64 {
    let all = samples(server);
    *all.get(sample).unwrap_or_else(|| panic!("no {sample} in {all:?}"))
}

fn table() -> String {
    let mut table = "| metric | kind | labels | |\n|---|---|---|---|\n".to_owned();
    for metric in METRICS {
        let kind = if metric.is_counter { "counter" } else { "gauge" };
        let labels = metric.labels.join(", ");
        writeln!(table, "| `{}` | {kind} | {labels} | {} |", metric.name, metric.meaning).unwrap();
    }
    table
}

#[test]
fn the_page_of_metrics_is_the_list_of_the_code() {
    assert!(PAGE.contains(&table()), "the table of docs/metrics.md must be:\n\n{}", table());
}

#[tokio::test]
async fn the_server_gives_each_metric_of_the_page_and_no_other() {
    let server = Server::start().unwrap();
    new_key(&client(server.endpoint(), &fresh_account(), REGION)).await;
    let page = get(server.address(), "/metrics");
    let given: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let kind = |is_counter| if is_counter { "counter" } else { "gauge" };
    let listed: Vec<String> =
        METRICS.iter().map(|metric| format!("{} {}", metric.name, kind(metric.is_counter))).collect();
    assert_eq!(given, listed.iter().map(String::as_str).collect());
    for metric in METRICS {
        assert!(page.contains(&format!("# HELP {} {}\n", metric.name, metric.meaning)), "{}", metric.name);
        let sample = page.lines().find(|line| line.starts_with(metric.name)).unwrap();
        for label in metric.labels {
            assert!(sample.contains(&format!("{label}=\"")), "{sample} has no label {label}");
        }
        assert_eq!(sample.matches("=\"").count(), metric.labels.len(), "{sample}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_figures_tell_what_happens() {
    let server = Server::start().unwrap();
    let client = client(server.endpoint(), &fresh_account(), REGION);
    assert_eq!(value(&server, "strongroom_next_expiry_seconds"), f64::INFINITY);
    let key = new_external_key(&client).await;
    let refused = client.encrypt().key_id(key.key_id()).plaintext("x".as_bytes().into()).send().await;
    assert!(refused.is_err());
    let set = parameters(&client, key.key_id()).await;
    let import = client.import_key_material().key_id(key.key_id()).import_token(set.token.clone());
    let import = import.encrypted_key_material(set.wrap(&material(1))).valid_to(seconds_from_now(3_600));
    import.expiration_model(ExpirationModelType::KeyMaterialExpires).send().await.unwrap();
    encrypt(&client, key.key_id()).await;
    let nobody = kms_e2e::client(server.endpoint(), "nobody", REGION);
    assert!(nobody.list_keys().send().await.is_err());

    let all = samples(&server);
    assert_eq!(all[r#"strongroom_requests_total{operation="Encrypt",outcome="ok"}"#], 1.0);
    assert_eq!(all[r#"strongroom_requests_total{operation="Encrypt",outcome="refused"}"#], 1.0);
    assert_eq!(all[r#"strongroom_rejected_requests_total{reason="signature"}"#], 1.0);
    assert_eq!(all[r#"strongroom_queue_depth{queue="lane"}"#], 0.0);
    assert_eq!((all["strongroom_ready"], all["strongroom_unknown_objects"]), (1.0, 0.0));
    assert!((0.0..5.0).contains(&all["strongroom_lease_age_seconds"]), "{all:?}");
    assert!((0.0..60.0).contains(&all["strongroom_reconcile_age_seconds"]), "{all:?}");

    put_key(server.data_dir(), uuid::Uuid::new_v4(), &format!("{REGION}/{}", uuid::Uuid::new_v4()));
    eventually("what the rows say is measured", async || {
        let all = samples(&server);
        let next = all["strongroom_next_expiry_seconds"];
        let has_pairs = all.iter().any(|(name, depth)| name.contains("pool_depth") && *depth >= 1.0);
        (3_000.0..3_600.0).contains(&next) && all[r#"strongroom_expiring_materials{within="1d"}"#] == 1.0 && has_pairs
    })
    .await;
    for _ in 0..2 {
        if value(&server, "strongroom_unknown_objects") == 1.0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    }
    assert_eq!(value(&server, "strongroom_unknown_objects"), 1.0, "after two runs of the reconciler");
}
