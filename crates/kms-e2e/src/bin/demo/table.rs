//! What the reader sees.

use std::io::Write;
use std::time::Duration;

use crate::answer::{Answer, Expected};

/// One step: what was done, and what must follow.
pub(crate) struct Step {
    /// The call, in the words of the API.
    pub(crate) call: &'static str,
    /// What it must come back with.
    pub(crate) answer: Expected,
    /// The state of the key after it.
    pub(crate) state: &'static str,
    /// The secret keys in the token after it.
    pub(crate) objects: usize,
}

/// The table, printed row by row.
pub(crate) struct Table {
    steps: usize,
    wrong: Vec<String>,
}

impl Table {
    /// Prints the head.
    pub(crate) fn new() -> Self {
        say(&row("", "step", "answer", "key state", "keys in token"));
        say(&row("", &"─".repeat(31), &"─".repeat(38), &"─".repeat(15), &"─".repeat(13)));
        Self { steps: 0, wrong: Vec::new() }
    }

    /// Prints a row and notes what is not as it must be.
    pub(crate) fn add(&mut self, step: &Step, answer: &Answer, state: &str, objects: usize) {
        self.steps += 1;
        let number = self.steps;
        let before = self.wrong.len();
        let mut note = |what: &str, found: &str, wanted: &str| {
            if found != wanted {
                self.wrong.push(format!("step {number}, {what}: {found}, not {wanted}"));
            }
        };
        if !answer.is(step.answer) {
            note("answer", &format!("{} {}", answer.text(), answer.message().unwrap_or_default()), &step.answer.text());
        }
        note("key state", state, step.state);
        note("keys in the token", &objects.to_string(), &step.objects.to_string());
        let mark = if self.wrong.len() == before { "✓" } else { "✗" };
        let told = match (answer.message(), step.answer) {
            (Some(message), Expected::Refused(_, end)) if !end.is_empty() => {
                format!("refused: “… {}”", last_words(message, 22))
            }
            _ => answer.text(),
        };
        say(&row(&number.to_string(), step.call, &told, state, &format!("{objects:>6}  {mark}")));
    }

    /// Prints the end; whether all was right.
    pub(crate) fn end(&self, time: Duration) -> bool {
        say("");
        if self.wrong.is_empty() {
            say(&format!("All {} steps were as they must be ({:.1} s).", self.steps, time.as_secs_f64()));
            return true;
        }
        say("Not as it must be:");
        for text in &self.wrong {
            say(&format!("  {text}"));
        }
        false
    }
}

/// Prints a line; a reader who went away is no error.
pub(crate) fn say(line: &str) {
    let _reader_gone = writeln!(std::io::stdout(), "{line}");
}

fn row(number: &str, call: &str, answer: &str, state: &str, objects: &str) -> String {
    format!("{number:>3}  {call:<31}  {answer:<38}  {state:<15}  {objects}").trim_end().to_owned()
}

/// The last words of a text, at most so many characters.
fn last_words(text: &str, most: usize) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut length = 0;
    for word in text.split_whitespace().rev() {
        length += word.chars().count() + 1;
        if length > most {
            break;
        }
        kept.push(word);
    }
    kept.reverse();
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_after(answer: &Answer, state: &str, objects: usize) -> bool {
        let mut table = Table::new();
        let expected = Expected::Refused("KMSInvalidStateException", "is pending import.");
        let step = Step { call: "Encrypt", answer: expected, state: "PendingImport", objects: 0 };
        table.add(&step, answer, state, objects);
        table.end(Duration::ZERO)
    }

    fn refused(code: &str, message: &str) -> Answer {
        Answer::Refused { code: code.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn the_end_is_good_only_if_answer_state_and_count_are() {
        let right = refused("KMSInvalidStateException", "the key is pending import.");
        assert!(end_after(&right, "PendingImport", 0));
        assert!(!end_after(&right, "PendingImport", 1));
        assert!(!end_after(&right, "Enabled", 0));
        assert!(!end_after(&refused("KMSInvalidStateException", "the key is disabled."), "PendingImport", 0));
        assert!(!end_after(&refused("NotFoundException", "is pending import."), "PendingImport", 0));
        assert!(!end_after(&Answer::Done("a ciphertext".to_owned()), "PendingImport", 0));
    }

    #[test]
    fn the_last_words_are_whole_words() {
        assert_eq!(last_words("arn:aws:kms:key/1 is pending import.", 22), "is pending import.");
    }
}
