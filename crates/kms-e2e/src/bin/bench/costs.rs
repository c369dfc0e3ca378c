//! Processor time of the server per request, by turns with the bare call of the token.

use anyhow::{Context, bail};

use crate::Options;
use crate::load::{Load, median};
use crate::process::{self, say};
use crate::raw_token::RawToken;
use crate::servers::{FEW_KEYS, Node, Servers};
use crate::table::{Bar, Table};

/// Bars of the keyed operations, as multiples of the bare call.
const KEYED: Option<Bar> = Some(Bar { most: 2.6, unit: "x raw" });
const MANY_KEYS: Option<Bar> = Some(Bar { most: 1.2, unit: "x few keys" });
const BAD_SIGNATURE: Bar = Bar { most: 15.0, unit: "us" };

/// The loads, with the figures of each round.
struct Cases<'a> {
    all: Vec<Case<'a>>,
}

struct Case<'a> {
    name: String,
    node: &'a Node,
    load: Load,
    cpu: Vec<f64>,
}

/// Fills the rows of cost.
pub(crate) async fn measure(options: &Options, servers: &Servers, table: &mut Table) -> anyhow::Result<()> {
    let mut token = RawToken::start(options.keys)?;
    let mut cases = Cases::of_small(&servers.small).await?;
    cases.add("Encrypt, many keys", &servers.large, servers.large.encrypt());
    cases.add("Encrypt, audit durable", &servers.durable, servers.durable.encrypt());
    cases.warm_up(options).await?;
    let (mut bare, mut through, mut many) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let raw = token.measure()?;
        bare.push(raw.bare);
        through.push(raw.token);
        many.push(raw.many);
        say(&format!("bench: round {round} of {}, bare token call {:.1} us", options.rounds, raw.bare));
        for case in &mut cases.all {
            case.run(options).await?;
        }
    }
    table.ratio("C_SignInit + C_Sign, one thread (raw)", median(&bare), 1.0, "x raw", None);
    table.ratio("the same through Token::mac", median(&through), ratio(&through, &bare), "x raw", None);
    let name = format!("Token::mac, {} objects by turns", options.keys);
    table.ratio(&name, median(&many), ratio(&many, &bare), "x raw", None);
    cases.report(options, &bare, table)
}

/// Nothing but load on one operation of a small server, by turns with other builds of it; a profiler finds the servers by
/// the printed ids.
pub(crate) async fn load_one(options: &Options, name: &str) -> anyhow::Result<()> {
    let mut nodes = vec![Node::in_memory(FEW_KEYS).await?];
    for program in &options.beside {
        nodes.push(Node::of_program(Some(program), FEW_KEYS).await?);
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
        let mut cases = Self { all: Vec::new() };
        cases.add("GET /health/live, an empty answer", node, live);
        cases.add("bad signature", node, bad);
        cases.add("GenerateRandom: all but the keyed call", node, random);
        cases.add("Encrypt", node, node.encrypt());
        cases.add("Decrypt", node, node.decrypt().await?);
        cases.add("GenerateDataKey", node, node.generate_data_key());
        Ok(cases)
    }

    fn named(self, name: &str) -> anyhow::Result<Case<'a>> {
        let names: Vec<String> = self.all.iter().map(|case| case.name.clone()).collect();
        let found = self.all.into_iter().find(|case| case.name.contains(name));
        found.with_context(|| format!("no load has {name:?} in its name; there are {names:?}"))
    }

    fn add(&mut self, name: &str, node: &'a Node, load: Load) {
        self.all.push(Case { name: name.to_owned(), node, load, cpu: Vec::new() });
    }

    /// Every record gets into the cache before anything is measured.
    async fn warm_up(&mut self, options: &Options) -> anyhow::Result<()> {
        for case in &mut self.all {
            case.run(options).await?;
            case.cpu.clear();
        }
        Ok(())
    }

    fn report(&self, options: &Options, bare: &[f64], table: &mut Table) -> anyhow::Result<()> {
        let few_keys = self.cpu_of("Encrypt")?;
        for case in &self.all {
            let cpu = median(&case.cpu);
            let against_bare = ratio(&case.cpu, bare);
            let name = format!("{}, {} connections", case.name, options.connections);
            match case.name.as_str() {
                "bad signature" => table.figure(&name, cpu, BAD_SIGNATURE),
                "Encrypt" | "Decrypt" | "Encrypt, audit durable" => {
                    table.ratio(&name, cpu, against_bare, "x raw", KEYED)
                }
                "Encrypt, many keys" => {
                    let name = format!("Encrypt, {} keys instead of {FEW_KEYS}", options.keys);
                    table.ratio(&name, cpu, ratio(&case.cpu, few_keys), "x few keys", MANY_KEYS);
                }
                _ => table.ratio(&name, cpu, against_bare, "x raw", None),
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
