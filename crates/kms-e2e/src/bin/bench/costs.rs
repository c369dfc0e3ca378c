//! Processor time of the server per request, by turns with the bare call of the token.

use anyhow::{Context, bail};

use crate::Options;
use crate::load::{Load, median};
use crate::pairs::Pairs;
use crate::process::{self, say};
use crate::raw_token::{RawCall, RawToken};
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
    raw: RawCall,
    cpu: Vec<f64>,
    /// Of the same rounds.
    of_raw: Vec<f64>,
}

/// Fills the rows of cost.
pub(crate) async fn measure(options: &Options, servers: &Servers, table: &mut Table) -> anyhow::Result<()> {
    let mut token = RawToken::start(options.keys)?;
    let mut cases = Cases::of_small(&servers.small).await?;
    cases.add(MANY, &servers.large, servers.large.encrypt(), MANY_KEYS);
    let large = &servers.large;
    for load in [large.encrypt(), large.decrypt().await?, large.generate_data_key()] {
        let name = format!("{}, {} keys by Token::mac on as many", load.operation.unwrap_or_default(), options.keys);
        cases.add_of(&name, large, load, SYMMETRIC, RawCall::Many);
    }
    cases.add("Encrypt, audit durable", &servers.durable, servers.durable.encrypt(), DURABLE);
    cases.warm_up(options, &mut token).await?;
    let mut raw = RawCall::ALL.map(|call| (call, Vec::new()));
    for round in 1..=options.rounds {
        say(&format!("bench: round {round} of {}", options.rounds));
        for (call, figures) in &mut raw {
            figures.push(token.measure(*call)?);
        }
        for case in &mut cases.all {
            case.run(options, &mut token).await?;
        }
    }
    let bare = raw.iter().find(|(call, _)| *call == RawCall::Bare).map(|(_, figures)| figures.clone());
    let bare = bare.context("the bare call is not measured")?;
    for (call, figures) in &raw {
        let cost = median(figures);
        let mut of_bare = |name: &str| table.ratio(name, cost, ratio(figures, &bare), "x raw", None);
        match call {
            RawCall::Bare => of_bare("C_SignInit + C_Sign, one thread (raw)"),
            RawCall::Token => of_bare("the same through Token::mac"),
            RawCall::Many => of_bare(&format!("Token::mac, {} objects by turns", options.keys)),
            RawCall::SignP256 => table.note("Token::sign, ECC_NIST_P256 (raw)", cost, "us"),
            RawCall::SignRsa => table.note("Token::sign, RSA_2048, PKCS #1 (raw)", cost, "us"),
            RawCall::Hmac => table.note("Token::hmac, HMAC_256 (raw)", cost, "us"),
        }
    }
    cases.report(options, table)
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
    for round in 0..options.rounds as usize {
        // Who goes first changes: the figures of one place in the round would not be those of another.
        for turn in 0..cases.len() {
            let number = (round + turn) % cases.len();
            cases[number].run(options, &mut token).await?;
        }
    }
    let programs = std::iter::once(String::new()).chain(options.beside.iter().map(|path| path.display().to_string()));
    for (case, program) in cases.iter().zip(programs) {
        let (cpu, of_first) = (median(&case.cpu), ratio(&case.cpu, &cases[0].cpu));
        say(&format!("bench: {cpu:.1} us, {:.2} x raw, {of_first:.3} x first {program}", median(&case.of_raw)));
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
        cases.add("Decrypt", node, node.decrypt().await?, SYMMETRIC);
        cases.add("GenerateDataKey", node, node.generate_data_key(), SYMMETRIC);
        cases.add_of("Sign, ECC_NIST_P256", node, pairs.sign_p256(), SIGN_P256, RawCall::SignP256);
        cases.add_of("Sign, RSA_2048", node, pairs.sign_rsa(), SIGN_RSA, RawCall::SignRsa);
        cases.add_of("GenerateMac, HMAC_256", node, pairs.generate_mac(), MAC, RawCall::Hmac);
        cases.add("Verify, ECC_NIST_P256: no token call", node, pairs.verify(node).await?, None);
        // Last, beside those of the other servers that are set against it.
        cases.add(FEW, node, node.encrypt(), SYMMETRIC);
        Ok(cases)
    }

    fn named(self, name: &str) -> anyhow::Result<Case<'a>> {
        let names: Vec<String> = self.all.iter().map(|case| case.name.clone()).collect();
        let found = self.all.into_iter().find(|case| case.name.contains(name));
        found.with_context(|| format!("no load has {name:?} in its name; there are {names:?}"))
    }

    fn add(&mut self, name: &str, node: &'a Node, load: Load, bar: Option<Bar>) {
        self.add_of(name, node, load, bar, RawCall::Bare);
    }

    fn add_of(&mut self, name: &str, node: &'a Node, load: Load, bar: Option<Bar>, raw: RawCall) {
        let name = name.to_owned();
        self.all.push(Case { name, node, load, bar, raw, cpu: Vec::new(), of_raw: Vec::new() });
    }

    /// Every record gets into the cache before anything is measured.
    async fn warm_up(&mut self, options: &Options, token: &mut RawToken) -> anyhow::Result<()> {
        for case in &mut self.all {
            case.run(options, token).await?;
            (case.cpu, case.of_raw) = (Vec::new(), Vec::new());
        }
        Ok(())
    }

    fn report(&self, options: &Options, table: &mut Table) -> anyhow::Result<()> {
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
                _ => table.ratio(&name, cpu, median(&case.of_raw), "x raw", case.bar),
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
    /// One load, between two measurements of the call that it is set against: what slows the machine slows both.
    async fn run(&mut self, options: &Options, token: &mut RawToken) -> anyhow::Result<()> {
        let server = &self.node.server;
        let before = token.measure(self.raw)?;
        let outcome = self.load.run(server.address(), server.pid(), options.connections, options.slice()).await?;
        let raw = f64::midpoint(before, token.measure(self.raw)?);
        let (cpu, requests) = (outcome.cpu, outcome.requests);
        process::say(&format!("bench:   {:40} {cpu:6.1} us, raw {raw:6.1} us, {requests} requests", self.name));
        self.cpu.push(cpu);
        self.of_raw.push(cpu / raw);
        Ok(())
    }
}

/// The median over the rounds of one figure by the other of the same round: both saw the same noise.
fn ratio(figures: &[f64], of: &[f64]) -> f64 {
    median(&figures.iter().zip(of).map(|(figure, of)| figure / of).collect::<Vec<_>>())
}
