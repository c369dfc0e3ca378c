//! Writes the first inputs of the fuzz targets: keys, signatures and blobs that are right, for the fuzzer to spoil.
//! `cargo xtask fuzz` calls it with the folder of the corpora.

use std::error::Error;
use std::path::{Path, PathBuf};

use kms_core::algorithm::DataKeyPairSpec;
use kms_core::ciphertext_blob::Envelope;
use kms_core::key_spec::KeySpec;
use kms_core::secret::SecretKey;
use kms_core::{KeyId, KeyMaterialId};
use kms_keypair::{EcCurve, ecdsa_to_der, generate_data_key_pair};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: fuzz_seeds FOLDER")?);
    for spec in DataKeyPairSpec::ALL.iter().filter(|spec| **spec != DataKeyPairSpec::Sm2) {
        let pair = generate_data_key_pair(*spec)?;
        write(&folder, "pkcs8", spec.name(), &[&[index(spec.key_spec())], &pair.private_key_pkcs8])?;
        write(&folder, "spki", spec.name(), &[&[index(spec.key_spec())], &pair.public_key_spki])?;
    }
    for curve in EcCurve::ALL {
        // Below the order of each curve.
        let raw = vec![1; 2 * curve.field_bytes()];
        let (name, der) = (curve.key_spec().name(), ecdsa_to_der(curve, &raw)?);
        write(&folder, "ecdsa_der", name, &[&[index(curve.key_spec())], &der])?;
        // The target holds fourteen keys, of which the first byte chooses one.
        for key in 0..14 {
            write(&folder, "verify", &format!("{name}-{key}"), &[&[key], &der])?;
        }
    }
    let envelope = Envelope::new(KeyId::random(), KeyMaterialId([1; 32]), vec![0; 4])?;
    write(&folder, "ciphertext_blob", "blob", &[&envelope.seal(&SecretKey::new([2; 32]), b"plaintext")])?;
    for operation in 0..56_u8 {
        let body = br#"{"KeyId":"alias/a","Plaintext":"AAAA","EncryptionContext":{"a":"b"},"Limit":1,"DryRun":true}"#;
        write(&folder, "request_body", &operation.to_string(), &[&[operation], body])?;
    }
    write(
        &folder,
        "key_ref",
        "arn",
        &[b"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
    )?;
    write(&folder, "key_ref", "alias", &[b"alias/some/name"])?;
    Ok(())
}

fn index(spec: KeySpec) -> u8 {
    KeySpec::ALL.iter().take_while(|other| **other != spec).count() as u8
}

fn write(folder: &Path, target: &str, name: &str, parts: &[&[u8]]) -> std::io::Result<()> {
    let folder = folder.join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("seed-{name}")), parts.concat())
}
