//! What the rest of the program takes for granted about the table.

use kms_model::{EXCEPTIONS, Kind, OPERATIONS, operation};

#[test]
fn the_table_has_the_56_operations_by_name() {
    assert_eq!(OPERATIONS.len(), 56);
    assert!(OPERATIONS.is_sorted_by(|one, next| one.name < next.name));
    for shape in OPERATIONS {
        assert!(std::ptr::eq(operation(shape.name).unwrap(), shape));
        assert!(!shape.errors.is_empty(), "{} declares no error", shape.name);
    }
    assert!(operation("encrypt").is_none());
    assert!(operation("").is_none());
}

#[test]
fn fourteen_operations_answer_nothing() {
    assert_eq!(OPERATIONS.iter().filter(|operation| operation.output.is_none()).count(), 14);
}

#[test]
fn three_exceptions_are_the_fault_of_the_service() {
    let faults: Vec<&str> = EXCEPTIONS.iter().filter(|exception| exception.fault).map(|fault| fault.name).collect();
    assert_eq!(faults, ["DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException"]);
    assert_eq!(EXCEPTIONS.len(), 48);
}

#[test]
fn the_keys_of_maps_have_no_rules_for_none_are_checked() {
    for place in crate::places::places() {
        if let Kind::Map { key, .. } = &place.shape.kind {
            let Kind::String(rules) = &key.kind else { panic!("{} is no string", key.name) };
            assert!(rules.length.is_none() && rules.pattern.is_none() && rules.values.is_none());
        }
    }
}

#[test]
fn no_structure_has_more_members_than_the_reader_can_mark() {
    for place in crate::places::places() {
        assert!(place.shape.members().len() < 64);
    }
    assert!(OPERATIONS.iter().all(|operation| operation.input.members().len() < 64));
}

#[test]
fn members_stand_in_the_order_of_the_model() {
    let names: Vec<&str> = operation("Encrypt").unwrap().input.members().iter().map(|member| member.name).collect();
    let expected = ["KeyId", "Plaintext", "EncryptionContext", "GrantTokens", "EncryptionAlgorithm", "DryRun"];
    assert_eq!(names, expected);
}
