//! Every exception that the model declares for a served operation has a test that sees it, or a reason why nobody can.

mod table;

use std::collections::BTreeSet;
use std::path::PathBuf;

use kms_core::Operation;
use table::{Row, Sight};

const HEAD: &str = "# Errors\n\n\
    For each operation that is served: the exceptions that the KMS model declares for it, and where they are seen through an\n\
    SDK with their exact text, or why they cannot occur. Common exceptions (`ValidationException`, `AccessDeniedException`,\n\
    `ThrottlingException`, `SerializationException` and those of the signature) are declared nowhere and belong to all.\n\n\
    Made from `crates/kms-e2e/tests/e2e/errors/table.rs`, whose test fails when this page is out of date. To write it anew:\n\
    `STRONGROOM_WRITE_DOCS=1 cargo test -p kms-e2e --test e2e errors::`\n";

#[test]
fn every_declared_error_of_every_served_operation_has_exactly_one_row() {
    let declared: BTreeSet<(&str, &str)> = kms_service::SERVED
        .iter()
        .flat_map(|operation| {
            let shape = kms_model::operation(operation.name()).expect("every operation has a shape");
            shape.errors.iter().map(|error| (shape.name, error.name))
        })
        .collect();
    let mut rows = BTreeSet::new();
    for row in table::rows() {
        assert!(rows.insert((row.operation.name(), row.error)), "two rows for {} {}", row.operation, row.error);
    }
    let missing: Vec<_> = declared.difference(&rows).collect();
    let surplus: Vec<_> = rows.difference(&declared).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing: {missing:?}, declared nowhere: {surplus:?}");
}

#[test]
fn the_page_of_errors_is_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let page = page();
    if std::env::var_os("STRONGROOM_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/errors.md is out of date; its head says how it is written anew");
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let rows = table::rows();
    for operation in kms_service::SERVED {
        page.push_str(&format!("\n## {operation}\n\n| exception | |\n|---|---|\n"));
        let mut own: Vec<&Row> = rows.iter().filter(|row| row.operation == *operation).collect();
        own.sort_by_key(|row| row.error);
        for row in own {
            page.push_str(&format!("| {} | {} |\n", row.error, words(&row.sight, *operation)));
        }
    }
    page
}

fn words(sight: &Sight, operation: Operation) -> String {
    match sight {
        Sight::Seen { test, .. } => format!("seen by `{test}`"),
        Sight::Never(reason) => {
            assert!(reason.len() > 20, "{operation}: a reason is a sentence");
            format!("cannot occur: {reason}")
        }
    }
}
