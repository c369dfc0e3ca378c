//! `cargo xtask model FILE [--check]`: makes the shape table of `kms-model` from the published KMS service model.
//!
//! FILE is `botocore/data/kms/2014-11-01/service-2.json`, plain or gzipped. The file itself is not part of the
//! repository; only the facts drawn from it are.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the table comes from; change it together with the file that is read.
const SOURCE: &str = "the KMS service model 2014-11-01 of botocore 1.44.5 (`kms/2014-11-01/service-2.json`)";

/// Places where KMS answers otherwise than its model says.
const DEPARTURES: &[Departure] = &[
    Departure {
        shape: "KeyIdType",
        change: Change::Pattern(r"^\p{ASCII}+$"),
        source: "Not in the model: KMS also checks and prints this pattern (Floci tests, compared with AWS in 2026).",
    },
    Departure {
        shape: "DataKeySpec",
        change: Change::Printed(
            "RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521, \
             ECC_SECG_P256K1, ECC_NIST_EDWARDS25519, SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, \
             HMAC_384, HMAC_512, SM2, ML_DSA_44, ML_DSA_65, ML_DSA_87, ML_KEM_512, ML_KEM_768, \
             ML_KEM_1024",
        ),
        source: "KMS prints its key specs here, and still refuses them (Floci tests, compared with AWS in 2026; \
                 ML_KEM appended, as the model has had it since).",
    },
    Departure {
        shape: "MacAlgorithmSpec",
        change: Change::Printed("HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512"),
        source: "Printed order recorded from AWS (LocalStack snapshots).",
    },
    Departure {
        shape: "EncryptionAlgorithmSpec",
        change: Change::Printed("RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT"),
        source: "Printed order: Floci tests, compared with AWS in 2026.",
    },
    Departure {
        shape: "SigningAlgorithmSpec",
        change: Change::Printed(
            "RSASSA_PSS_SHA_256, RSASSA_PSS_SHA_384, RSASSA_PSS_SHA_512, \
             RSASSA_PKCS1_V1_5_SHA_256, RSASSA_PKCS1_V1_5_SHA_384, RSASSA_PKCS1_V1_5_SHA_512, \
             ECDSA_SHA_256, ECDSA_SHA_384, ECDSA_SHA_512, ED25519_SHA_512, ED25519_PH_SHA_512, \
             SM2DSA, ML_DSA_SHAKE_256",
        ),
        source: "Printed order: Floci tests, compared with AWS in 2026.",
    },
];

struct Departure {
    shape: &'static str,
    change: Change,
    source: &'static str,
}

enum Change {
    Pattern(&'static str),
    /// The printed values, separated by commas.
    Printed(&'static str),
}

/// Writes `crates/kms-model/src/generated.rs`, or with `--check` compares it.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let (file, check) = match args {
        [file] => (file, false),
        [file, flag] if flag == "--check" => (file, true),
        _ => return Err("usage: cargo xtask model FILE [--check]".to_owned()),
    };
    let model = parse(&read(Path::new(file))?)?;
    let generated = rustfmt(&table(&model)?)?;
    let target = target();
    if !check {
        return std::fs::write(&target, generated).map_err(|e| format!("{} cannot be written: {e}", target.display()));
    }
    let present = std::fs::read_to_string(&target).map_err(|e| format!("{} cannot be read: {e}", target.display()))?;
    if present == generated {
        return Ok(());
    }
    Err(format!("crates/kms-model/src/generated.rs differs from what {file} gives; run `cargo xtask model {file}`."))
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../kms-model/src/generated.rs")
}

fn read(file: &Path) -> Result<String, String> {
    let bytes = if file.extension().is_some_and(|extension| extension == "gz") {
        let run =
            Command::new("gzip").arg("-dc").arg(file).output().map_err(|e| format!("gzip does not start: {e}"))?;
        if !run.status.success() {
            return Err(format!("gzip refuses {}: {}", file.display(), String::from_utf8_lossy(&run.stderr).trim()));
        }
        run.stdout
    } else {
        std::fs::read(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))?
    };
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", file.display()))
}

fn rustfmt(source: &str) -> Result<String, String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rustfmt.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("rustfmt does not start: {e}"))?;
    let mut stdin = child.stdin.take().ok_or("rustfmt has no input")?;
    stdin.write_all(source.as_bytes()).map_err(|e| format!("rustfmt does not read: {e}"))?;
    drop(stdin);
    let output = child.wait_with_output().map_err(|e| format!("rustfmt does not end: {e}"))?;
    if !output.status.success() {
        return Err("rustfmt refuses the generated text".to_owned());
    }
    String::from_utf8(output.stdout).map_err(|_| "rustfmt answers no UTF-8".to_owned())
}

/// The whole generated file, before formatting.
fn table(model: &Json) -> Result<String, String> {
    let shapes = model.get("shapes")?;
    let operations = model.get("operations")?.members()?;
    let mut used = BTreeSet::new();
    let mut rows = String::new();
    for (name, operation) in operations {
        let input = operation.get("input")?.get("shape")?.text()?;
        reach(shapes, input, &mut used)?;
        let output = match operation.find("output") {
            None => "None".to_owned(),
            Some(output) => {
                let output = output.get("shape")?.text()?;
                reach(shapes, output, &mut used)?;
                format!("Some(&{})", screaming(output))
            }
        };
        let mut errors = String::new();
        for error in operation.get("errors")?.elements()? {
            let _ = write!(errors, "&{}, ", screaming(error.get("shape")?.text()?));
        }
        let input = screaming(input);
        let _ = writeln!(
            rows,
            "OperationShape {{ name: {name:?}, input: &{input}, output: {output}, errors: &[{errors}] }},"
        );
    }
    if let Some(departure) = DEPARTURES.iter().find(|departure| !used.contains(departure.shape)) {
        return Err(format!("the model has no shape {} to depart from", departure.shape));
    }
    let mut text = format!(
        "//! The shapes of all KMS operations.\n//!\n//! Generated by `cargo xtask model FILE` from {SOURCE}.\n\
         //! Do not edit: change the generator.\n\n\
         use crate::patterns;\nuse crate::shape::{{ExceptionShape, Kind, Length, Member, OperationShape, Shape, \
         StringRules}};\n\n\
         /// The operations of KMS, sorted by name.\npub static OPERATIONS: &[OperationShape] = &[\n{rows}];\n\n"
    );
    exceptions(shapes, &mut text)?;
    for (name, shape) in shapes.members()?.iter().filter(|(name, _)| used.contains(name.as_str())) {
        emit(name, shape, &mut text).map_err(|e| format!("shape {name}: {e}"))?;
    }
    Ok(text)
}

/// Collects `name` and every shape below it.
fn reach<'a>(shapes: &'a Json, name: &'a str, used: &mut BTreeSet<&'a str>) -> Result<(), String> {
    if !used.insert(name) {
        return Ok(());
    }
    let shape = shapes.get(name)?;
    if let Some(members) = shape.find("members") {
        for (_, member) in members.members()? {
            reach(shapes, member.get("shape")?.text()?, used)?;
        }
    }
    for part in ["member", "key", "value"] {
        if let Some(part) = shape.find(part) {
            reach(shapes, part.get("shape")?.text()?, used)?;
        }
    }
    Ok(())
}

fn exceptions(shapes: &Json, text: &mut String) -> Result<(), String> {
    let mut all = String::new();
    let mut each = String::new();
    for (name, shape) in shapes.members()?.iter().filter(|(_, shape)| shape.find("exception").is_some()) {
        let [(message, _)] = shape.get("members")?.members()? else {
            return Err(format!("{name} has other members than one message"));
        };
        if message != "message" {
            return Err(format!("{name} has a member {message}"));
        }
        let fault = shape.find("fault").is_some();
        let constant = screaming(name);
        let _ = write!(all, "&{constant}, ");
        let _ =
            writeln!(each, "static {constant}: ExceptionShape = ExceptionShape {{ name: {name:?}, fault: {fault} }};");
    }
    let _ = writeln!(
        text,
        "/// Every exception that some operation declares, sorted by name.\n\
         pub static EXCEPTIONS: &[&ExceptionShape] = &[{all}];\n\n{each}"
    );
    Ok(())
}

/// One `static` for one shape.
fn emit(name: &str, shape: &Json, text: &mut String) -> Result<(), String> {
    let kind = match shape.get("type")?.text()? {
        "string" => format!("Kind::String({})", string_rules(name, shape)?),
        "blob" => {
            let (min, max) = limits(shape)?.ok_or("has no length limits")?;
            format!("Kind::Blob(Length {{ min: {min}, max: {max} }})")
        }
        "integer" | "long" => {
            let (min, max) = limits(shape)?.ok_or("has no range")?;
            format!("Kind::Integer {{ min: {min}, max: {max} }}")
        }
        "boolean" => "Kind::Boolean".to_owned(),
        "timestamp" => "Kind::Timestamp".to_owned(),
        "list" => {
            let member = screaming(shape.get("member")?.get("shape")?.text()?);
            let length = limits(shape)?
                .map_or("None".to_owned(), |(min, max)| format!("Some(Length {{ min: {min}, max: {max} }})"));
            format!("Kind::List {{ member: &{member}, length: {length} }}")
        }
        "map" => {
            let key = screaming(shape.get("key")?.get("shape")?.text()?);
            let value = screaming(shape.get("value")?.get("shape")?.text()?);
            format!("Kind::Map {{ key: &{key}, value: &{value} }}")
        }
        "structure" => format!("Kind::Structure(&[{}])", structure_members(shape)?),
        other => return Err(format!("type {other} is unknown")),
    };
    for departure in DEPARTURES.iter().filter(|departure| departure.shape == name) {
        let _ = writeln!(text, "// {}", departure.source);
    }
    let sensitive = if shape.find("sensitive").is_some() { ".sensitive()" } else { "" };
    let _ = writeln!(text, "static {}: Shape = Shape::new({name:?}, {kind}){sensitive};", screaming(name));
    Ok(())
}

fn string_rules(name: &str, shape: &Json) -> Result<String, String> {
    let changes = || DEPARTURES.iter().filter(|departure| departure.shape == name).map(|departure| &departure.change);
    let mut rules = "StringRules::ANY".to_owned();
    if let Some((min, max)) = limits(shape)? {
        let _ = write!(rules, ".length({min}, {max})");
    }
    let departed = changes().find_map(|change| if let Change::Pattern(text) = change { Some(*text) } else { None });
    let modelled = shape.find("pattern").map(Json::text).transpose()?;
    if let Some(pattern) = departed.or(modelled) {
        if pattern.contains("\"#") {
            return Err(format!("pattern {pattern} does not fit a raw string"));
        }
        let quote = if pattern.contains('"') { "#" } else { "" };
        let matcher = screaming(name).to_lowercase();
        let _ = write!(rules, ".pattern(r{quote}\"{pattern}\"{quote}, patterns::{matcher})");
    }
    if let Some(values) = shape.find("enum") {
        let _ = write!(rules, ".one_of(&{:?})", values.texts()?);
    }
    for change in changes() {
        if let Change::Printed(printed) = change {
            let printed: Vec<&str> = printed.split(", ").collect();
            let _ = write!(rules, ".printed(&{printed:?})");
        }
    }
    Ok(rules)
}

fn structure_members(shape: &Json) -> Result<String, String> {
    let required = shape.find("required").map_or(Ok(Vec::new()), Json::texts)?;
    let mut text = String::new();
    for (name, member) in shape.get("members")?.members()? {
        let call = if required.contains(&name.as_str()) { "required" } else { "optional" };
        let _ = write!(text, "Member::{call}({name:?}, &{}), ", screaming(member.get("shape")?.text()?));
    }
    Ok(text)
}

/// `min` and `max`; the model always has both or none.
fn limits(shape: &Json) -> Result<Option<(i64, i64)>, String> {
    match (shape.find("min"), shape.find("max")) {
        (None, None) => Ok(None),
        (Some(min), Some(max)) => Ok(Some((min.number()?, max.number()?))),
        _ => Err("has only one of min and max".to_owned()),
    }
}

/// `KMSInternalException` becomes `KMS_INTERNAL_EXCEPTION`.
fn screaming(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut text = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_lower = at > 0 && !letters[at - 1].is_uppercase();
        let before_lower = at > 0 && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_lower || before_lower) {
            text.push('_');
        }
        text.extend(letter.to_uppercase());
    }
    text
}

/// JSON that keeps the order of members, which decides the order of violations.
enum Json {
    Object(Vec<(String, Json)>),
    List(Vec<Json>),
    Scalar(Value),
}

impl Json {
    fn find(&self, name: &str) -> Option<&Json> {
        self.members().ok()?.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    fn get(&self, name: &str) -> Result<&Json, String> {
        self.find(name).ok_or_else(|| format!("the model has no {name} where one is expected"))
    }

    fn members(&self) -> Result<&[(String, Json)], String> {
        if let Json::Object(members) = self { Ok(members) } else { Err("the model has no object here".to_owned()) }
    }

    fn elements(&self) -> Result<&[Json], String> {
        if let Json::List(elements) = self { Ok(elements) } else { Err("the model has no list here".to_owned()) }
    }

    fn text(&self) -> Result<&str, String> {
        if let Json::Scalar(Value::String(text)) = self { Ok(text) } else { Err("no text here".to_owned()) }
    }

    fn texts(&self) -> Result<Vec<&str>, String> {
        self.elements()?.iter().map(Json::text).collect()
    }

    fn number(&self) -> Result<i64, String> {
        if let Json::Scalar(value) = self { value.as_i64() } else { None }.ok_or("no whole number here".to_owned())
    }
}

/// Parses `text`; `serde_json` first proves that it is JSON, so the rest only looks for structure.
fn parse(text: &str) -> Result<Json, String> {
    serde_json::from_str::<Value>(text).map_err(|e| format!("the model is not JSON: {e}"))?;
    let mut rest = text;
    Ok(value(&mut rest))
}

fn value(rest: &mut &str) -> Json {
    const SEPARATORS: [char; 6] = [' ', '\n', '\r', '\t', ',', ':'];
    *rest = rest.trim_start_matches(SEPARATORS);
    if let Some(inner) = rest.strip_prefix('{') {
        *rest = inner.trim_start();
        let mut members = Vec::new();
        while !rest.starts_with('}') {
            if let Json::Scalar(Value::String(name)) = value(rest) {
                members.push((name, value(rest)));
            }
            *rest = rest.trim_start_matches(SEPARATORS);
        }
        *rest = &rest[1..];
        return Json::Object(members);
    }
    if let Some(inner) = rest.strip_prefix('[') {
        *rest = inner.trim_start();
        let mut elements = Vec::new();
        while !rest.starts_with(']') {
            elements.push(value(rest));
            *rest = rest.trim_start_matches(SEPARATORS);
        }
        *rest = &rest[1..];
        return Json::List(elements);
    }
    scalar(rest)
}

/// Takes one string, number, boolean or null.
fn scalar(rest: &mut &str) -> Json {
    let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let scalar = stream.next().and_then(Result::ok).unwrap_or(Value::Null);
    let taken = stream.byte_offset();
    *rest = &rest[taken.max(1)..];
    Json::Scalar(scalar)
}

#[cfg(test)]
mod tests {
    #[test]
    fn members_keep_the_order_of_the_model() {
        let json = super::parse(r#"{ "b" : [1, "x:{,"], "a\"": {"d": -2.5, "c": []} }"#).unwrap();
        let [(first, list), (second, _)] = json.members().unwrap() else { panic!("the text has two members") };
        assert_eq!((first.as_str(), second.as_str()), ("b", "a\""));
        assert_eq!(list.elements().unwrap()[1].text(), Ok("x:{,"));
        assert_eq!(super::screaming("KMSInvalidMacException"), "KMS_INVALID_MAC_EXCEPTION");
    }
}
