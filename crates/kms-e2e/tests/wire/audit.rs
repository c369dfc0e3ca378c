//! The audit: one line for each answered request, an unbroken chain, and nothing secret in it or in the log.

use std::collections::HashMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kms_core::Operation;
use kms_core::ids::hex;
use kms_core::key_spec::KeyUsage;
use kms_e2e::{Server, fresh_account, material, wrap};
use serde_json::{Value, json};

use crate::http::{Answer, Connection};
use crate::signer::Request;

const PLAINTEXT: &str = "the plaintext of this test";

/// All records with a request id, by it.
pub(crate) fn records(data_dir: &Path) -> HashMap<String, Value> {
    let mut records = HashMap::new();
    for line in lines(data_dir).iter().filter(|line| line.contains("\"requestID\"")) {
        let record: Value = serde_json::from_str(line).unwrap();
        let id = record["requestID"].as_str().unwrap().to_owned();
        assert!(records.insert(id, record).is_none(), "two records of one request");
    }
    records
}

pub(crate) fn lines(data_dir: &Path) -> Vec<String> {
    let files = std::fs::read_dir(data_dir.join("audit")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files
        .flat_map(|path| std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// A server of its own, a conversation with it, and what must never be written down.
struct Conversation {
    server: Server,
    account: String,
    answers: Vec<(String, Answer)>,
    secrets: Vec<String>,
}

impl Conversation {
    fn call(&mut self, operation: &str, body: Value) -> Value {
        let request = Request::of_account(&self.account, operation, body);
        let mut connection = Connection::to(&self.server);
        connection.send(&request.bytes()).unwrap();
        let answer = connection.answer();
        let signature = request.authorization();
        self.secrets.push(signature.rsplit('=').next().unwrap().to_owned());
        let body = answer.json();
        for member in [
            "Plaintext",
            "CiphertextBlob",
            "ImportToken",
            "PublicKey",
            "Signature",
            "Mac",
            "SharedSecret",
            "SharedSecretCiphertextBlob",
            "PrivateKeyPlaintext",
            "PrivateKeyCiphertextBlob",
        ] {
            if let Some(text) = body[member].as_str() {
                self.hide(text);
            }
        }
        self.answers.push((operation.to_owned(), answer));
        body
    }

    /// Bytes by their base64, hidden in that form, in hex and as they are.
    fn hide(&mut self, base64: &str) {
        let bytes = STANDARD.decode(base64).unwrap();
        self.secrets.push(base64.trim_end_matches('=').to_owned());
        self.secrets.push(hex(&bytes));
    }

    /// Every served operation once with success, and several refusals.
    fn talk(&mut self) {
        let key = self.call("CreateKey", json!({"Description": "d"}))["KeyMetadata"]["KeyId"].clone();
        let plaintext = STANDARD.encode(PLAINTEXT);
        self.hide(&plaintext);
        self.secrets.push(PLAINTEXT.to_owned());
        let context = json!({"tenant": "größer"});
        let encrypt = json!({"KeyId": key, "Plaintext": plaintext, "EncryptionContext": context});
        let blob = self.call("Encrypt", encrypt)["CiphertextBlob"].clone();
        self.call("Decrypt", json!({"CiphertextBlob": blob, "EncryptionContext": context}));
        self.call("Decrypt", json!({"CiphertextBlob": blob}));
        let again = json!({"CiphertextBlob": blob, "SourceEncryptionContext": context, "DestinationKeyId": key});
        self.call("ReEncrypt", again);
        self.call("GenerateDataKey", json!({"KeyId": key, "KeySpec": "AES_256"}));
        self.call("GenerateDataKeyWithoutPlaintext", json!({"KeyId": key, "NumberOfBytes": 40}));
        self.call("GenerateRandom", json!({"NumberOfBytes": 32}));
        self.call(
            "Encrypt",
            json!({"KeyId": key, "Plaintext": plaintext, "GrantTokens": ["a-grant-token-that-is-secret"]}),
        );
        self.secrets.push("a-grant-token-that-is-secret".to_owned());
        for operation in
            ["DisableKey", "Encrypt", "EnableKey", "DescribeKey", "ScheduleKeyDeletion", "CancelKeyDeletion"]
        {
            self.call(operation, json!({"KeyId": key, "Plaintext": plaintext}));
        }
        self.call("UpdateKeyDescription", json!({"KeyId": key, "Description": "another"}));
        self.call("ListKeys", json!({}));
        self.name_and_tag(&key);
        self.use_other_kinds(&key);
        self.import();
        self.call("CreateGrant", json!({}));
        self.call("RotateKeyOnDemand", json!({"KeyId": key}));
        self.call("DescribeKey", json!({"KeyId": [1]}));
        self.call("Encrypt", json!({"KeyId": "foo", "Plaintext": STANDARD.encode(PLAINTEXT.repeat(200))}));
    }

    fn name_and_tag(&mut self, key: &Value) {
        for operation in ["CreateAlias", "UpdateAlias", "ListAliases", "DeleteAlias", "DeleteAlias"] {
            self.call(operation, json!({"AliasName": "alias/a", "TargetKeyId": key}));
        }
        let tags = json!({"KeyId": key, "Tags": [{"TagKey": "team", "TagValue": "ops"}], "TagKeys": ["team"]});
        for operation in ["TagResource", "ListResourceTags", "UntagResource", "GetKeyPolicy", "ListKeyPolicies"] {
            self.call(operation, tags.clone());
        }
    }

    fn use_other_kinds(&mut self, key: &Value) {
        // A deletion that was cancelled leaves a key disabled.
        self.call("EnableKey", json!({"KeyId": key}));
        let message = STANDARD.encode("the message of this test");
        self.hide(&message);
        let mut create = |spec: &str, usage: &str| {
            let made = self.call("CreateKey", json!({"KeySpec": spec, "KeyUsage": usage}));
            made["KeyMetadata"]["KeyId"].clone()
        };
        let [pair, mac, agree] = [
            create("ECC_NIST_P256", "SIGN_VERIFY"),
            create("HMAC_256", "GENERATE_VERIFY_MAC"),
            create("ECC_NIST_P256", "KEY_AGREEMENT"),
        ];
        let mut body = json!({"KeyId": pair, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256"});
        body["Signature"] = self.call("Sign", body.clone())["Signature"].clone();
        self.call("Verify", body);
        let public_key = self.call("GetPublicKey", json!({"KeyId": pair}))["PublicKey"].clone();
        let mut body = json!({"KeyId": mac, "Message": message, "MacAlgorithm": "HMAC_SHA_256"});
        body["Mac"] = self.call("GenerateMac", body.clone())["Mac"].clone();
        self.call("VerifyMac", body);
        let peer = json!({"KeyId": agree, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public_key});
        self.call("DeriveSharedSecret", peer);
        for operation in ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"] {
            self.call(operation, json!({"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"}));
        }
        if kms_e2e::pq_module().is_some() {
            self.use_the_second_token();
        }
    }

    fn use_the_second_token(&mut self) {
        let wish = json!({"KeySpec": "ML_KEM_512", "KeyUsage": "ENCAPSULATE_DECAPSULATE"});
        let key = self.call("CreateKey", wish)["KeyMetadata"]["KeyId"].clone();
        let mut body = json!({"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"});
        let member = "SharedSecretCiphertextBlob";
        body[member] = self.call("Encapsulate", body.clone())[member].clone();
        self.call("Decapsulate", body);
    }

    fn import(&mut self) {
        let key = self.call("CreateKey", json!({"Origin": "EXTERNAL"}))["KeyMetadata"]["KeyId"].clone();
        let ask = json!({"KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"});
        let parameters = self.call("GetParametersForImport", ask);
        let public_key = STANDARD.decode(parameters["PublicKey"].as_str().unwrap()).unwrap();
        let bytes = material(77);
        self.hide(&STANDARD.encode(bytes));
        let wrapped = wrap(&public_key, &aws_sdk_kms::types::AlgorithmSpec::RsaesOaepSha256, &bytes).unwrap();
        let wrapped = STANDARD.encode(wrapped);
        self.hide(&wrapped);
        let import = |token: &Value, wrapped: &str| {
            json!({"KeyId": key, "ImportToken": token, "EncryptedKeyMaterial": wrapped,
                   "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"})
        };
        let token = &parameters["ImportToken"];
        self.call("ImportKeyMaterial", import(token, &STANDARD.encode([1; 256])));
        self.call("ImportKeyMaterial", import(&json!("eA=="), &wrapped));
        self.call("ImportKeyMaterial", import(token, &wrapped));
        self.call("DeleteImportedKeyMaterial", json!({"KeyId": key}));
    }
}

#[test]
fn each_answered_request_has_one_record_and_no_secret_is_written_anywhere() {
    let server = Server::start().unwrap();
    let mut talk = Conversation { server, account: fresh_account(), answers: Vec::new(), secrets: Vec::new() };
    talk.talk();
    // Without a right signature nobody is known to have asked: the client is told, and nothing is recorded in a name.
    let mut unsigned = Connection::to(&talk.server);
    unsigned.send(&Request { secret: "wrong".to_owned(), ..Request::new("ListKeys", json!({})) }.bytes()).unwrap();
    let unsigned = unsigned.answer();
    let records = records(talk.server.data_dir());
    for (operation, answer) in &talk.answers {
        let record = records.get(answer.request_id()).unwrap_or_else(|| panic!("{operation} has no record"));
        assert_eq!(record["eventName"], operation.as_str());
        let body = answer.json();
        assert_eq!(record["errorCode"], body["__type"], "{operation}");
        assert_eq!(record["errorMessage"], body["message"], "{operation}");
    }
    assert_eq!(records.len(), talk.answers.len());
    assert!(!records.contains_key(unsigned.request_id()));
    let served =
        talk.answers.iter().filter(|(_, answer)| answer.status == 200).map(|(operation, _)| operation.as_str());
    let served: std::collections::HashSet<_> = served.collect();
    assert_eq!(served.len(), served_in_this_run().count(), "every served operation succeeded once: {served:?}");
    talk.server.stop().unwrap();
    no_secret_in(&talk.secrets, "the audit", &lines(talk.server.data_dir()).join("\n"));
    no_secret_in(&talk.secrets, "the log", &talk.server.log());
    let report = kms_audit::verify(&talk.server.data_dir().join("audit")).unwrap();
    assert_eq!(report.first_break, None);
    assert!(report.nodes[0].lines >= records.len() as u64);
}

#[test]
fn after_a_kill_every_answered_request_is_recorded_and_the_chain_holds() {
    let folder = kms_local::EphemeralFolder::new("strongroom-e2e-").unwrap();
    let data = folder.path().join("data");
    let start = || Server::start_in(&data, &kms_e2e::ServerOptions::default()).unwrap();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut server = start();
        let account = fresh_account();
        let mut connection = Connection::to(&server);
        for _ in 0..50 {
            connection
                .send(&Request::of_account(&account, "GenerateRandom", json!({"NumberOfBytes": 8})).bytes())
                .unwrap();
            ids.push(connection.answer().request_id().to_owned());
        }
        server.kill().unwrap();
    }
    let mut server = start();
    let records = records(&data);
    assert!(ids.iter().all(|id| records.contains_key(id)), "an answer without its record");
    server.stop().unwrap();
    assert_eq!(kms_audit::verify(&data.join("audit")).unwrap().first_break, None);
}

/// The served operations for which this run has a token.
pub(crate) fn served_in_this_run() -> impl Iterator<Item = Operation> {
    let has_kem = kms_e2e::pq_module().is_some();
    let is_kem = |operation: &Operation| operation.key_usage() == Some(KeyUsage::EncapsulateDecapsulate);
    kms_service::SERVED.iter().copied().filter(move |operation| has_kem || !is_kem(operation))
}

#[track_caller]
fn no_secret_in(secrets: &[String], what: &str, text: &str) {
    assert!(!text.is_empty() || what == "the log");
    for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
        assert!(!text.contains(secret.as_str()), "{what} holds {secret}");
    }
}
