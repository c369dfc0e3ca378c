//! Keys that sign and make MACs, and loads on them.

use anyhow::Context;

use crate::connection::Connection;
use crate::load::Load;
use crate::servers::Node;

/// 32 bytes: a digest, or a message.
const DIGEST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// One key of each kind.
pub(crate) struct Pairs {
    p256: String,
    rsa: String,
    hmac: String,
}

impl Pairs {
    pub(crate) async fn create(node: &Node) -> anyhow::Result<Self> {
        let mut connection = Connection::open(node.server.address()).await?;
        let p256 = create(&mut connection, "ECC_NIST_P256", "SIGN_VERIFY").await?;
        let rsa = create(&mut connection, "RSA_2048", "SIGN_VERIFY").await?;
        let hmac = create(&mut connection, "HMAC_256", "GENERATE_VERIFY_MAC").await?;
        Ok(Self { p256, rsa, hmac })
    }

    pub(crate) fn sign_p256(&self) -> Load {
        Load::of("Sign", vec![sign(&self.p256, "ECDSA_SHA_256")])
    }

    pub(crate) fn sign_rsa(&self) -> Load {
        Load::of("Sign", vec![sign(&self.rsa, "RSASSA_PKCS1_V1_5_SHA_256")])
    }

    pub(crate) fn generate_mac(&self) -> Load {
        let key = &self.hmac;
        let body = format!(r#"{{"KeyId":"{key}","Message":"{DIGEST}","MacAlgorithm":"HMAC_SHA_256"}}"#);
        Load::of("GenerateMac", vec![body])
    }

    /// Verifies a signature that the server made.
    pub(crate) async fn verify(&self, node: &Node) -> anyhow::Result<Load> {
        let mut connection = Connection::open(node.server.address()).await?;
        let body = sign(&self.p256, "ECDSA_SHA_256");
        let answer = connection.json("Sign", &body).await?;
        let signature = answer["Signature"].as_str().context("no signature")?;
        let members = body.strip_suffix('}').context("no object")?;
        Ok(Load::of("Verify", vec![format!(r#"{members},"Signature":"{signature}"}}"#)]))
    }
}

async fn create(connection: &mut Connection, spec: &str, usage: &str) -> anyhow::Result<String> {
    let body = format!(r#"{{"KeySpec":"{spec}","KeyUsage":"{usage}"}}"#);
    let answer = connection.json("CreateKey", &body).await?;
    Ok(answer["KeyMetadata"]["KeyId"].as_str().context("a key without an id")?.to_owned())
}

fn sign(key: &str, algorithm: &str) -> String {
    format!(r#"{{"KeyId":"{key}","Message":"{DIGEST}","MessageType":"DIGEST","SigningAlgorithm":"{algorithm}"}}"#)
}
