//! Every served operation: how it is named, what is a body, how large that may be. Source: protocol.md 1, 5 and 8.

use crate::http::Answer;
use crate::places::good;
use crate::talk::{Talk, served};

const MIB: usize = 1 << 20;

#[track_caller]
fn is_another_protocol(answer: &Answer) {
    assert_eq!((answer.status, answer.text()), (404, "<UnknownOperationException/>\n"));
}

#[test]
fn an_operation_goes_by_its_exact_name_and_content_type() {
    let mut talk = Talk::new();
    for operation in served() {
        let name = operation.name;
        let request = talk.request(name, "[]");
        talk.send(&request).is_refusal("SerializationException", Some("Start of list found where not expected"));
        let lower = name.to_lowercase();
        for target in [
            format!("TrentService.{lower}"),
            format!("trentservice.{name}"),
            format!("TrentService.{name}X"),
            format!("TrentService{name}"),
            format!("TrentService..{name}"),
            format!("com.amazonaws.kms#TrentService.{name}"),
            name.to_owned(),
        ] {
            let answer = talk.send(&request.clone().header("x-amz-target", Some(&target)));
            answer.is_refusal("UnknownOperationException", None);
        }
        for content_type in [None, Some("application/x-amz-json-1.0"), Some("application/cbor")] {
            is_another_protocol(&talk.send(&request.clone().header("content-type", content_type)));
        }
        let accepted = request.clone().header("content-type", Some("application/x-amz-json-1.1; charset=utf-8"));
        assert_eq!(talk.send(&accepted).json()["__type"], "SerializationException");
    }
}

#[test]
fn what_is_no_json_object_has_no_text() {
    let mut talk = Talk::new();
    for operation in served() {
        let name = operation.name;
        let open = "{\"a\":";
        for body in
            ["", " ", "null", "true", "1", "\"x\"", "{", "}", "{}{}", "{\"a\":1,}", "{'a':1}", "{a:1}", "\u{FEFF}{}"]
        {
            talk.ask(name, body).is_refusal("SerializationException", None);
        }
        for rest in ["", "\"x", "\"x\"", "\"\\x\"}", "\"\\ud800\"}", "nul}", "\"\n\"}", "//\n1}"] {
            talk.ask(name, format!("{open}{rest}")).is_refusal("SerializationException", None);
        }
        let not_utf8 = [open.as_bytes(), b"\"\xff\"}"].concat();
        talk.ask(name, not_utf8).is_refusal("SerializationException", None);
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
        talk.ask(name, deep).is_refusal("SerializationException", None);
    }
}

#[test]
fn unknown_members_are_ignored_and_repeated_ones_refused() {
    let mut talk = Talk::new();
    for operation in served() {
        let member = &operation.input.members()[0];
        let known = format!("\"{}\":{}", member.name, good(member.shape));
        let repeated = format!("{{{known},{known}}}");
        talk.ask(operation.name, repeated).is_refusal("SerializationException", None);
        talk.ask(operation.name, "{\"x\":1,\"x\":1}").is_refusal("SerializationException", None);
        let unknown = "{\"Unknown\":{\"deep\":[1,\"x\",null,{}]},\"unknown\":null,\"\":0}";
        let (with, without) = (talk.ask(operation.name, unknown), talk.ask(operation.name, "{}"));
        if with.status != 200 {
            assert_eq!(with.text(), without.text(), "{}", operation.name);
        }
        assert_eq!(with.status, without.status, "{}", operation.name);
        // Names are exact: in another case they are other names.
        let lower = known.replace(member.name, &member.name.to_lowercase());
        let answer = talk.ask(operation.name, format!("{{{lower}}}"));
        assert_eq!(answer.status, without.status, "{}", operation.name);
    }
}

#[test]
fn a_body_of_1_mib_is_read_and_one_byte_more_is_refused() {
    let mut talk = Talk::new();
    for operation in served() {
        for (bytes, is_read) in [(MIB, true), (MIB + 1, false)] {
            let mut body = b"[]".to_vec();
            body.resize(bytes, b' ');
            let answer = talk.ask(operation.name, body);
            let expected =
                if is_read { (400, "SerializationException") } else { (413, "RequestEntityTooLargeException") };
            let kind = answer.json()["__type"].clone();
            assert_eq!((answer.status, kind.as_str().unwrap()), expected, "{}", operation.name);
        }
    }
}
