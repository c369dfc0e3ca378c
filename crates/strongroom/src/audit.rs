//! `strongroom audit`: the chain over all files of a folder, in words, and the next file after a damaged one.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use kms_audit::{Fault, NodeReport, Report};

use crate::process;

/// The chain is broken.
const BROKEN: u8 = 1;
/// The files cannot be read, so nothing is known.
const UNREADABLE: u8 = 2;

/// Checks a folder, and prints what was found: to standard output, a failure to standard error.
pub(crate) fn verify(dir: &Path) -> ExitCode {
    match kms_audit::verify(dir) {
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            process::say(&format!("strongroom: {error}: {cause}"));
            ExitCode::from(UNREADABLE)
        }
        Ok(report) if report.nodes.is_empty() => {
            process::say(&format!("strongroom: {} holds no audit file", dir.display()));
            ExitCode::from(UNREADABLE)
        }
        Ok(report) => {
            lines(&report).iter().for_each(|line| process::print(line));
            if report.first_break.is_some() { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS }
        }
    }
}

/// Begins the next file after each newest one that a start refuses.
pub(crate) fn begin_next_file(dir: &Path) -> anyhow::Result<()> {
    let begun = kms_audit::begin_next_file(dir)?;
    if begun.is_empty() {
        bail!("no file in {} is damaged so that a node would refuse it; nothing was changed", dir.display());
    }
    for damaged in begun {
        let (path, next) = (damaged.path.display(), damaged.next.display());
        process::print(&format!("{path}, line {}: {}; it stays as it is", damaged.line, damaged.fault));
        process::print(&format!("{next} is begun, and its first line names the damage; start the node"));
    }
    Ok(())
}

/// What a report says.
fn lines(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.nodes.iter().flat_map(of_node).collect();
    if report.late > 0 {
        lines.push(format!("{} records were appended late, after their node had died or could not write", report.late));
    }
    if report.doubles > 0 {
        lines.push(format!("{} of them tell of an event that another line tells of too", report.doubles));
    }
    lines.push(match &report.first_break {
        None => "whole: no line was altered, removed or moved".to_owned(),
        Some(found) => {
            let place = format!("{}, line {} (counted from 0)", found.path.display(), found.line);
            let hint = match found.fault {
                Fault::Torn | Fault::NotARecord => {
                    " (a node that was killed in the middle of a write ends so; its next start names what is torn)"
                }
                _ => "",
            };
            format!("BROKEN at {place}: {}{hint}; nothing after it was read", found.fault)
        }
    });
    lines
}

fn of_node(node: &NodeReport) -> Vec<String> {
    let mut lines =
        vec![format!("node {}: {} files from number {}, {} lines", node.node, node.files, node.first_file, node.lines)];
    if node.first_file > 1 {
        lines.push(format!("  files before number {} were moved away and are not vouched for", node.first_file));
    }
    if node.unanswered > 0 {
        lines.push(format!("  {} lines could not be made durable and were never answered", node.unanswered));
    }
    if node.torn > 0 {
        lines.push(format!("  {} torn ends, each named by the file after it", node.torn));
    }
    if let Some(head) = &node.head {
        lines.push(format!("  last line: file {}, line {}, SHA-256 {}", head.file, head.seq, head.hash));
        lines.push(
            "  compare it with one noted elsewhere: a chain alone cannot show that its end was cut off".to_owned(),
        );
    }
    lines
}
