//! What the machine gives: folders, room on their disks, the recovery file.

use std::path::Path;

use rustix::fs::Access;

use super::{Findings, causes};
use crate::place::Place;
use crate::recovery;

const MEBIBYTE: u64 = 1 << 20;
/// With less room the next change or record may fail.
const LEAST_ROOM: u64 = 16 * MEBIBYTE;
/// With less room it is time to think of it: a day of records at 10 requests a second.
const GOOD_ROOM: u64 = 1_024 * MEBIBYTE;

pub(super) fn look(findings: &mut Findings, place: &Place) {
    let audit = place.data_dir.join("audit");
    // The first start makes it.
    let has_audit = audit.exists();
    folder(findings, "audit folder", if has_audit { &audit } else { &place.data_dir });
    if has_audit {
        audit_files(findings, &audit);
    }
    for (index, token) in place.tokens.iter().enumerate() {
        let Ok(token) = token else { continue };
        let label = if index == 0 { String::new() } else { format!("{}: ", token.token_label) };
        if let Some(token_folder) = &token.softhsm_folder {
            folder(findings, &format!("{label}token folder"), token_folder);
        }
    }
    recovery_file(findings, place);
}

/// The folder is there, this user may write in it, and there is room.
fn folder(findings: &mut Findings, name: &str, path: &Path) {
    let shown = path.display();
    if let Err(error) = rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK) {
        return findings.wrong(name, format!("{shown} cannot be written: {error}"));
    }
    match rustix::fs::statvfs(path) {
        Err(error) => findings.wrong(name, format!("{shown}: {error}")),
        Ok(disk) => {
            let room = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{shown}, {} MiB free", room / MEBIBYTE);
            match room {
                ..LEAST_ROOM => findings.wrong(name, text),
                LEAST_ROOM..GOOD_ROOM => findings.note(name, text),
                GOOD_ROOM.. => findings.ok(name, text),
            }
        }
    }
}

/// Whether a start would refuse the newest audit file. The whole chain is for `strongroom audit verify`.
fn audit_files(findings: &mut Findings, dir: &Path) {
    const NAME: &str = "audit files";
    match kms_audit::find_damaged(dir) {
        Ok(damaged) if damaged.is_empty() => {
            findings.ok(NAME, "the newest is whole, or torn by a kill at its end only")
        }
        Ok(damaged) => damaged.into_iter().for_each(|error| findings.wrong(NAME, causes(error))),
        Err(error) => findings.wrong(NAME, causes(error)),
    }
}

/// Whether there is a way back to the salts when the token is lost.
fn recovery_file(findings: &mut Findings, place: &Place) {
    const NAME: &str = "recovery file";
    let Some(config) = &place.config else {
        return findings.note(NAME, "dev keeps none: whoever loses this token loses its keys");
    };
    match &config.recovery_file {
        None => findings.note(NAME, "not configured: whoever loses the token loses every key, imported ones too"),
        Some(path) => match recovery::deployment_of(path) {
            Ok(deployment) => findings.ok(NAME, format!("{} of deployment {deployment}", path.display())),
            Err(error) => findings.note(NAME, format!("{}; it must be kept somewhere", causes(error))),
        },
    }
}
