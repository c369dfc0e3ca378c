//! `strongroom operations`: what this version serves, from the code itself.

use kms_core::Operation;
use kms_service::is_served;

use crate::process::print;

const PAGE_HEAD: &str = "# Operations\n\n\
    Made by `strongroom operations --markdown`; the check fails when it is out of date. What is not served yet answers\n\
    `UnsupportedOperationException`.\n\n\
    | operation | |\n|---|---|";

/// Prints the list.
pub(crate) fn print_all(markdown: bool) {
    if markdown {
        print(PAGE_HEAD);
    }
    for operation in Operation::ALL {
        let word = if is_served(*operation) { "served" } else { "not yet" };
        if markdown {
            print(&format!("| {operation} | {word} |"));
        } else {
            print(&format!("{operation}\t{word}"));
        }
    }
    if markdown {
        let served = Operation::ALL.iter().filter(|operation| is_served(**operation)).count();
        print(&format!("\n{served} of {} are served.", Operation::ALL.len()));
    }
}
