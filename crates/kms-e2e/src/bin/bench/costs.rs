//! Processor time of the server per request, by turns with the bare call of the token.

use anyhow::{Context, bail};

use crate::Options;
use crate::load::{Load, median};
use crate::pairs::Pairs;
use crate::process::{self, say};
use crate::raw_token::{RawCost, RawToken};
use crate::servers::{FEW_KEYS, Node, Servers};
use crate::table::{Bar, Table};

/// Bars, as multiples of the bare call of the same algorithm. Source: design.md 11 and the issues.
const SYMMETRIC: Option<Bar> = Some(Bar { most: 2.2, unit: "x raw" });
const DURABLE: Option<Bar> = Some(Bar { most: 2.6, unit: "x raw" });
const SIGN_P256: Option<Bar> = Some(Bar { most: 1.7, unit: "x raw" });
const SIGN_RSA: Option<Bar> = Some(Bar { most: 1.1, unit: "x raw" });
const MAC: Option<Bar> = Some(Bar { most: 3.0, unit: "x raw" });
const MANY_KEYS: Option<Bar> = Some(Bar { most: 1.2, unit: "x few keys" });
const BAD_SIGNATURE: Bar = Bar { most: 14.0, unit: "us" };

const FEW: &str = "Encrypt";
const MANY: &str = "Encrypt, many keys";
const BAD: &str = "bad signature";

/// The loads, with the figures of each round.
struct Cases<'a> {
    all: Vec<Case<'a>>,
}

struct Case<'a> {
    name: String,
    node: &'a Node,
    load: Load,
    bar: Option<Bar>,
    /// What it is set against.
    raw: fn(&RawCost) -> f64,
    cpu: Vec<f64>,
}

/// Fills the rows of cost.
pub(crate) async fn measure(options: &Options, servers: &Servers, table: &mut Table) -> anyhow::Result<()> {
    let mut token = RawToken::start(options.keys)?;
    let mut cases = Cases::of_small(&servers.small).await?;
    cases.add(MANY, &servers.large, servers.large.encrypt(), MANY_KEYS);
    cases.add("Encrypt, audit durable", &servers.durable, servers.durable.encrypt(), DURABLE);
    cases.warm_up(options).await?;
    let mut raw = Vec::new();
    for round in 1..=options.rounds {
        let cost = token.measure()?;
        say(&format!("bench: round {round} of {}, bare token call {:.1} us", options.rounds, cost.bare));
        raw.push(cost);
        for case in &mut cases.all {
            case.run(options).await?;
        }
    }
    let of = |figure: fn(&RawCost) -> f64| raw.iter().map(figure).collect::<Vec<_>>();
    let bare = of(|raw| raw.bare);
    let many = format!("Token::mac, {} objects by turns", options.keys);
    for (name, figures) in [
        ("C_SignInit + C_Sign, one thread (raw)", &bare),
        ("the same through Token::mac", &of(|raw| raw.token)),
        (&many, &of(|raw| raw.many)),
    ] {
        table.ratio(name, median(figures), ratio(figures, &bare), "x raw", None);
    }
    for (name, figures) in [
        ("Token::sign, ECC_NIST_P256 (raw)", of(|raw| raw.sign_p256)),
        ("Token::sign, RSA_2048, PKCS #1 (raw)", of(|raw| raw.sign_rsa)),
        ("Token::hmac, HMAC_256 (raw)", of(|raw| raw.hmac)),
    ] {
        table.note(name, median(&figures), "us");
    }
    cases.report(options, &raw, table)
}

/// Nothing but load on one operation of a small server, by turns with other builds of it; a profiler finds the servers by
/// the printed ids.
pub(crate) async fn load_one(options: &Options, name: &str) -> anyhow::Result<()> {
    let mut nodes = vec![Node::in_memory(FEW_KEYS).await?];
    for program in &options.beside {
        nodes.push(Node::of_program(program, FEW_KEYS).await?);
    }
    let mut cases = Vec::new();
    for node in &nodes {
        node.settle().await?;
        let case = Cases::of_small(node).await?.named(name)?;
        say(&format!("bench: process {} serves {}", node.server.pid(), case.name));
        cases.push(case);
    }
    let mut token = RawToken::start(FEW_KEYS)?;
    let mut bare = Vec::new();
    for round in 0..options.rounds as usize {
        bare.push(token.measure()?.bare);
        // Who goes first changes: the figures of one place in the round would not be those of another.
        for turn in 0..cases.len() {
            let number = (round + turn) % cases.len();
            cases[number].run(options).await?;
        }
    }
    let programs = std::iter::once(String::new()).chain(options.beside.iter().map(|path| path.display().to_string()));
    for (case, program) in cases.iter().zip(programs) {
        let (cpu, of_first) = (median(&case.cpu), ratio(&case.cpu, &cases[0].cpu));
        say(&format!("bench: {cpu:.1} us, {:.2} x raw, {of_first:.3} x first {program}", ratio(&case.cpu, &bare)));
    }
    Ok(())
}

impl<'a> Cases<'a> {
    async fn of_small(node: &'a Node) -> anyhow::Result<Self> {
        let live = Load { operation: None, bodies: Vec::new(), is_bad: false, status: 200 };
        let bad = Load { is_bad: true, status: 400, ..node.encrypt() };
        let random = Load::of("GenerateRandom", vec![r#"{"NumberOfBytes":32}"#.to_owned()]);
        let pairs = Pairs::create(node).await?;
        let mut cases = Self { all: Vec::new() };
        cases.add("GET /health/live, an empty answer", node, live, None);
        cases.add(BAD, node, bad, None);
        cases.add("GenerateRandom: all but the keyed call", node, random, None);
        cases.add(FEW, node, node.encrypt(), SYMMETRIC);
        cases.add("Decrypt", node, node.decrypt().await?, SYMMETRIC);
        cases.add("GenerateDataKey", node, node.generate_data_key(), SYMMETRIC);
        cases.add_of("Sign, ECC_NIST_P256", node, pairs.sign_p256(), SIGN_P256, |raw| raw.sign_p256);
        cases.add_of("Sign, RSA_2048", node, pairs.sign_rsa(), SIGN_RSA, |raw| raw.sign_rsa);
        cases.add_of("GenerateMac, HMAC_256", node, pairs.generate_mac(), MAC, |raw| raw.hmac);
        cases.add("Verify, ECC_NIST_P256: no token call", node, pairs.verify(node).await?, None);
        Ok(cases)
    }

    fn named(self, name: &str) -> anyhow::Result<Case<'a>> {
        let names: Vec<String> = self.all.iter().map(|case| case.name.clone()).collect();
        let found = self.all.into_iter().find(|case| case.name.contains(name));
        found.with_context(|| format!("no load has {name:?} in its name; there are {names:?}"))
    }

    fn add(&mut self, name: &str, node: &'a Node, load: Load, bar: Option<Bar>) {
        self.add_of(name, node, load, bar, |raw| raw.bare);
    }

    fn add_of(&mut self, name: &str, node: &'a Node, load: Load, bar: Option<Bar>, raw: fn(&RawCost) -> f64) {
        self.all.push(Case { name: name.to_owned(), node, load, bar, raw, cpu: Vec::new() });
    }

    /// Every record gets into the cache before anything is measured.
    async fn warm_up(&mut self, options: &Options) -> anyhow::Result<()> {
        for case in &mut self.all {
            case.run(options).await?;
            case.cpu.clear();
        }
        Ok(())
    }

    fn report(&self, options: &Options, raw: &[RawCost], table: &mut Table) -> anyhow::Result<()> {
        let few_keys = self.cpu_of(FEW)?;
        for case in &self.all {
            let cpu = median(&case.cpu);
            let name = format!("{}, {} connections", case.name, options.connections);
            match case.name.as_str() {
                BAD => table.figure(&name, cpu, BAD_SIGNATURE),
                MANY => {
                    let name = format!("Encrypt, {} keys instead of {FEW_KEYS}", options.keys);
                    table.ratio(&name, cpu, ratio(&case.cpu, few_keys), "x few keys", case.bar);
                }
                _ => {
                    let of = raw.iter().map(case.raw).collect::<Vec<_>>();
                    table.ratio(&name, cpu, ratio(&case.cpu, &of), "x raw", case.bar);
                }
            }
        }
        Ok(())
    }

    fn cpu_of(&self, name: &str) -> anyhow::Result<&[f64]> {
        match self.all.iter().find(|case| case.name == name) {
            Some(case) => Ok(&case.cpu),
            None => bail!("there is no load {name}"),
        }
    }
}

impl Case<'_> {
    async fn run(&mut self, options: &Options) -> anyhow::Result<()> {
        let server = &self.node.server;
        let outcome = self.load.run(server.address(), server.pid(), options.connections, options.slice()).await?;
        process::say(&format!("bench:   {:40} {:6.1} us, {} requests", self.name, outcome.cpu, outcome.requests));
        self.cpu.push(outcome.cpu);
        Ok(())
    }
}

/// The median over the rounds of one figure by the other of the same round: both saw the same noise.
fn ratio(figures: &[f64], of: &[f64]) -> f64 {
    median(&figures.iter().zip(of).map(|(figure, of)| figure / of).collect::<Vec<_>>())
}
