//! What the other processes of a test do.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};
use std::time::Duration;

use kms_core::Hsm;
use kms_core::hsm::{KeyKind, TokenObject};
use kms_core::ids::ObjectId;
use kms_core::key_spec::WrappingKeySpec;
use kms_core::wrapping::WrappingAlgorithm;
use kms_hsm::Token;
use kms_hsm::scan::independent_count;
use uuid::Uuid;

use crate::conformance::wrapping::Pair;
use crate::failpoints::lose_folder_at;
use crate::place::{Place, SENTINEL, root};

/// Not a test of its own: tests start this binary again with the words of the work to do.
#[test]
#[ignore = "the work of other processes, started by tests"]
fn works() {
    let place = Place::of_worker();
    let words = std::env::var("KMS_HSM_TEST_WORDS").unwrap();
    match words.as_str() {
        "log-in" => drop(Token::open(place.config()).unwrap()),
        "obey" => obey(&place, Token::open(place.config()).unwrap()),
        "establish-and-obey" => obey(&place, place.token()),
        "count" => answer(&format!("{:?}", independent_count(place.config()).unwrap())),
        "exit-at-work" => exit_at_work(&place.token()),
        other => panic!("unknown work: {other}"),
    }
}

/// The status with which [`exit_at_work`] ends the process.
pub(crate) const EXIT_STATUS: i32 = 7;

/// Ends the process while its threads are in the library.
fn exit_at_work(token: &Token) {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| while token.mac(&root(), &[0; 55]).is_ok() {});
            scope.spawn(|| {
                loop {
                    Pair::generate(token, WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaesOaepSha1);
                }
            });
        }
        std::thread::sleep(Duration::from_millis(50));
        std::process::exit(EXIT_STATUS);
    });
}

/// Another process with the token open, which does what it is told line by line.
pub(crate) struct Worker {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn start(place: &Place) -> Self {
        Self::run(place, "obey")
    }

    /// The same on a token that is still empty.
    pub(crate) fn start_after_establishing(place: &Place) -> Self {
        Self::run(place, "establish-and-obey")
    }

    fn run(place: &Place, word: &str) -> Self {
        let mut child = place.spawn(word);
        let (orders, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut worker = Self { child, orders, answers };
        assert_eq!(worker.next_answer(), "ready");
        worker
    }

    /// One order and its answer.
    pub(crate) fn tell(&mut self, verb: &str, object: &TokenObject) -> String {
        self.order(verb, object);
        self.next_answer()
    }

    /// An order whose answer is fetched later.
    pub(crate) fn order(&mut self, verb: &str, object: &TokenObject) {
        writeln!(self.orders, "{verb} {} {}", object.id, object.label).unwrap();
    }

    pub(crate) fn next_answer(&mut self) -> String {
        next_answer(&mut self.answers)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The next line that a worker meant as an answer.
pub(crate) fn next_answer(answers: &mut impl BufRead) -> String {
    let mut line = String::new();
    while answers.read_line(&mut line).unwrap() > 0 {
        if let Some((_, answer)) = line.split_once("answer: ") {
            return answer.trim_end().to_owned();
        }
        line.clear();
    }
    panic!("the worker ended without an answer");
}

fn obey(place: &Place, token: Token) {
    token.attach(SENTINEL).unwrap();
    answer("ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let object = TokenObject { id: ObjectId(Uuid::parse_str(words[1]).unwrap()), label: words[2].to_owned() };
        let done = match words[0] {
            "make" => token.generate_key(&object, KeyKind::SYMMETRIC, &mut || true).map(drop),
            "use" => token.mac(&object, &[0; 55]).map(drop),
            "destroy" => token.destroy(object.id),
            "list" => token.list().map(drop),
            "check" => token.check(),
            verb => {
                let failpoint = verb.strip_prefix("destroy-without-folder-at-").expect("a known order");
                lose_folder_at(place, failpoint);
                token.destroy(object.id)
            }
        };
        answer(&format!("{done:?}"));
    }
}

fn answer(text: &str) {
    println!("answer: {text}");
    std::io::stdout().flush().unwrap();
}
