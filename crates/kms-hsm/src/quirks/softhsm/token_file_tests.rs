use super::*;

fn whole(label: &str) -> Vec<u8> {
    let number = |n: u64| n.to_be_bytes().to_vec();
    let text = |attribute: u64, value: &[u8]| {
        [number(attribute), number(3), number(value.len() as u64), value.to_vec()].concat()
    };
    [
        number(9),
        text(0x8000_5349, format!("{label:32}").as_bytes()),
        text(0x8000_534a, b"0123456789abcdef"),
        [number(0x8000_534b), number(2), number(0x42d)].concat(),
        text(0x8000_534c, &[1; 72]),
        text(0x8000_534d, &[2; 72]),
    ]
    .concat()
}

fn token_folder() -> (tempfile::TempDir, PathBuf, TokenFile) {
    let place = tempfile::tempdir_in("/dev/shm").unwrap();
    let folder = place.path().join("tokens");
    fs::create_dir_all(folder.join("slot-a")).unwrap();
    fs::write(folder.join("slot-a/token.object"), whole("ours")).unwrap();
    let guard = TokenFile::new(&folder, "ours");
    (place, folder.join("slot-a/token.object"), guard)
}

#[test]
fn a_file_cut_at_any_length_or_lengthened_is_torn() {
    let bytes = whole("ours");
    assert_eq!(bytes.len(), 320);
    assert_eq!(label_of(&bytes).as_deref(), Some("ours"));
    for length in 0..bytes.len() {
        assert_eq!(label_of(&bytes[..length]), None, "{length}");
    }
    assert_eq!(label_of(&[bytes, vec![0]].concat()), None);
    assert_eq!(label_of(&[0xa5; 320]), None);
}

#[test]
fn a_torn_file_is_restored_and_a_healthy_one_is_left_alone() {
    let (_place, path, guard) = token_folder();
    guard.renew_unproved().unwrap();
    fs::write(&path, &whole("ours")[..100]).unwrap();
    assert!(matches!(guard.refuse_torn(), Err(OpenError::NotRestored(_))));
    assert_eq!(fs::read(&path).unwrap().len(), 100, "a look restores nothing");
    guard.check().unwrap();
    guard.refuse_torn().unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole("ours"));

    let mut newer = whole("ours");
    newer[7] = 10;
    fs::write(&path, &newer).unwrap();
    guard.check().unwrap();
    assert_eq!(fs::read(&path).unwrap(), newer);
}

#[test]
fn the_state_names_file_and_copy() {
    let (_place, path, guard) = token_folder();
    let state = || token_file_state(&guard.folder, "ours").unwrap();
    assert_eq!(state(), TokenFileState::NoCopy);
    guard.renew_unproved().unwrap();
    assert_eq!(state(), TokenFileState::Copied);
    let mut newer = whole("ours");
    newer[7] = 10;
    fs::write(&path, &newer).unwrap();
    assert_eq!(state(), TokenFileState::OlderCopy);
    fs::write(&path, b"").unwrap();
    assert_eq!(state(), TokenFileState::TornButCopied);
    fs::remove_file(guard.folder.with_file_name("token-object.copy")).unwrap();
    assert_eq!(state(), TokenFileState::Torn);
}

#[test]
fn a_torn_file_is_never_copied() {
    let (_place, path, guard) = token_folder();
    guard.renew_unproved().unwrap();
    fs::write(&path, b"").unwrap();
    guard.renew_unproved().unwrap();
    guard.check().unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole("ours"));
}

#[test]
fn keys_that_are_not_proved_never_replace_those_of_the_copy() {
    let (_place, path, mut guard) = token_folder();
    let folder = guard.folder.clone();
    let copied = || TokenCopy::load(&folder).unwrap().of(path.parent().unwrap()).unwrap().bytes.clone();
    let flags = whole("ours").windows(8).position(|bytes| bytes == FLAGS.to_be_bytes()).unwrap() + 16;
    guard.renew_unproved().unwrap();
    assert_eq!(copied(), whole("ours"));

    let mut after_a_failed_login = whole("ours");
    after_a_failed_login[7] += 1;
    // CKF_USER_PIN_COUNT_LOW.
    after_a_failed_login[flags + 5] ^= 1;
    fs::write(&path, &after_a_failed_login).unwrap();
    assert_eq!(guard.state().unwrap(), TokenFileState::OlderCopy);
    guard.renew_unproved().unwrap();
    assert_eq!(copied(), after_a_failed_login);

    // A wrapped key, and CKF_USER_PIN_INITIALIZED.
    for (at, bit) in [(319, 1), (flags + 7, 8)] {
        let mut damaged = after_a_failed_login.clone();
        damaged[at] ^= bit;
        fs::write(&path, &damaged).unwrap();
        assert_eq!(guard.state().unwrap(), TokenFileState::OtherKeys);
        guard.renew_unproved().unwrap();
        guard.renew().unwrap();
        assert_eq!(copied(), after_a_failed_login, "the library has not read it");
    }
    let mut proved = after_a_failed_login;
    proved[319] ^= 1;
    fs::write(&path, &proved).unwrap();
    guard.see().unwrap();
    guard.renew().unwrap();
    assert_eq!(copied(), proved);
}

#[test]
fn a_torn_file_without_a_copy_is_refused() {
    let (_place, path, guard) = token_folder();
    fs::write(&path, b"").unwrap();
    assert!(matches!(guard.check(), Err(OpenError::TokenTorn(_))));
    assert!(matches!(guard.refuse_torn(), Err(OpenError::TokenTorn(_))));
}

#[test]
fn a_missing_slot_folder_is_never_made_anew() {
    let (_place, path, guard) = token_folder();
    guard.renew_unproved().unwrap();
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    assert!(matches!(guard.check(), Err(OpenError::TokenMissing(_))));
    assert!(!path.exists());
}

#[test]
fn a_copy_that_is_itself_damaged_restores_nothing() {
    let (_place, path, guard) = token_folder();
    guard.renew_unproved().unwrap();
    let copy = guard.folder.with_file_name("token-object.copy");
    let mut bytes = fs::read(&copy).unwrap();
    bytes[100] ^= 1;
    fs::write(&copy, bytes).unwrap();
    fs::write(&path, b"").unwrap();
    assert!(matches!(guard.check(), Err(OpenError::TokenTorn(_))));
    assert_eq!(fs::read(&path).unwrap(), b"");
}
