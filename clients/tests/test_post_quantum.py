"""ML-DSA and ML-KEM in a second token, with boto3 and the AWS CLI, and `cryptography` on the other side of each use."""

import base64
import gzip
import hashlib
import pathlib

import botocore
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import mldsa

from tools import answered, refusal

MESSAGE = b"a message of some length"
# With the bytes of a public key as SubjectPublicKeyInfo, and of a signature.
LATTICES = {"ML_DSA_44": (1334, 2420), "ML_DSA_65": (1974, 3309), "ML_DSA_87": (2614, 4627)}
# With the bytes of a public key as SubjectPublicKeyInfo, and of a ciphertext.
KEMS = {"ML_KEM_512": (822, 768), "ML_KEM_768": (1206, 1088), "ML_KEM_1024": (1590, 1568)}
# `cryptography` has no ML-KEM-512.
SECOND_KEMS = ("ML_KEM_768", "ML_KEM_1024")
ALGORITHM = "ML_DSA_SHAKE_256"
LISTS = {"SIGN_VERIFY": {"SigningAlgorithms": [ALGORITHM]}, "ENCAPSULATE_DECAPSULATE": {"EncapsulationAlgorithms": ["ML_KEM"]}}


def new_key(kms, spec, usage):
    made = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    assert made == kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]
    assert (made["KeySpec"], made["CustomerMasterKeySpec"], made["KeyUsage"]) == (spec, spec, usage)
    assert (made["KeyState"], made["Origin"]) == ("Enabled", "AWS_KMS")
    lists = {name: made[name] for name in made if name.endswith("Algorithms")}
    assert lists == LISTS[usage]
    return made["Arn"]


def public_key_of(kms, key, length):
    encoded = kms.get_public_key(KeyId=key)["PublicKey"]
    assert len(encoded) == length
    return encoded


def mu_of(encoded, message):
    """The external mu of FIPS 204: what SHAKE256 makes of public key and message, with the empty context."""
    raw = serialization.load_der_public_key(encoded).public_bytes_raw()
    return hashlib.shake_256(hashlib.shake_256(raw).digest(64) + b"\0\0" + message).digest(64)


@pytest.mark.parametrize("spec", LATTICES)
def test_what_a_lattice_key_signs_another_implementation_verifies(kms, spec):
    spki_bytes, signature_bytes = LATTICES[spec]
    key = new_key(kms, spec, "SIGN_VERIFY")
    encoded = public_key_of(kms, key, spki_bytes)
    public = serialization.load_der_public_key(encoded)
    assert isinstance(public, getattr(mldsa, spec.replace("_", "") + "PublicKey"))
    by = {"KeyId": key, "SigningAlgorithm": ALGORITHM}
    for message in (b"x", MESSAGE, bytes(4096)):
        answer = answered(kms.sign(Message=message, **by))
        signature = answer.pop("Signature")
        assert (answer, len(signature)) == (by, signature_bytes)
        public.verify(signature, message)
        assert answered(kms.verify(Message=message, Signature=signature, **by)) == by | {"SignatureValid": True}
        external = {"Message": mu_of(encoded, message), "MessageType": "EXTERNAL_MU"}
        assert kms.verify(Signature=signature, **external, **by)["SignatureValid"]
        wrong = {"Message": mu_of(encoded, message + b"!"), "MessageType": "EXTERNAL_MU"}
        assert refusal(kms.verify, Signature=signature, **wrong, **by) == ("KMSInvalidSignatureException", "")
        for bad in (signature[1:], signature + b"\0", bytes([signature[0] ^ 1]) + signature[1:], b"x"):
            assert refusal(kms.verify, Message=message, Signature=bad, **by) == ("KMSInvalidSignatureException", "")


@pytest.mark.parametrize("spec", KEMS)
def test_both_sides_of_an_encapsulation_have_the_secret(kms, spec):
    spki_bytes, ciphertext_bytes = KEMS[spec]
    key = new_key(kms, spec, "ENCAPSULATE_DECAPSULATE")
    encoded = public_key_of(kms, key, spki_bytes)
    by = {"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}
    made = answered(kms.encapsulate(**by))
    secret, blob = made.pop("SharedSecret"), made.pop("SharedSecretCiphertextBlob")
    assert (made, len(secret), len(blob)) == (by, 32, ciphertext_bytes)
    assert answered(kms.decapsulate(SharedSecretCiphertextBlob=blob, **by)) == by | {"SharedSecret": secret}
    if spec in SECOND_KEMS:
        for _ in range(8):
            secret, blob = serialization.load_der_public_key(encoded).encapsulate()
            assert kms.decapsulate(SharedSecretCiphertextBlob=blob, **by)["SharedSecret"] == secret
    altered = bytes([blob[0] ^ 1]) + blob[1:]
    opened = [kms.decapsulate(SharedSecretCiphertextBlob=altered, **by)["SharedSecret"] for _ in range(2)]
    assert opened[0] == opened[1] != secret
    for wrong in (blob[1:], blob + b"\0", b"x"):
        answer = refusal(kms.decapsulate, SharedSecretCiphertextBlob=wrong, **by)
        assert answer == ("InvalidCiphertextException", "")


def give_model(cli):
    """The model that boto3 has, in the place where `aws configure add-model` puts one: that of the AWS CLI is older."""
    version = "kms/2014-11-01"
    model = pathlib.Path(botocore.__file__).parent / "data" / version / "service-2.json.gz"
    place = cli.folder / ".aws/models" / version
    place.mkdir(parents=True)
    (place / "service-2.json").write_bytes(gzip.decompress(model.read_bytes()))


def test_the_aws_cli_signs_and_opens(kms, cli):
    give_model(cli)
    key = new_key(kms, "ML_DSA_65", "SIGN_VERIFY")
    (cli.folder / "message").write_bytes(MESSAGE)
    signed = cli(f"sign --key-id {key} --signing-algorithm {ALGORITHM} --message fileb://message")
    public = serialization.load_der_public_key(public_key_of(kms, key, LATTICES["ML_DSA_65"][0]))
    public.verify(base64.b64decode(signed["Signature"]), MESSAGE)
    key = new_key(kms, "ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
    by = f"--key-id {key} --encapsulation-algorithm ML_KEM"
    made = cli(f"encapsulate {by}")
    blob = base64.b64decode(made["SharedSecretCiphertextBlob"])
    (cli.folder / "blob").write_bytes(blob)
    opened = cli(f"decapsulate {by} --shared-secret-ciphertext-blob fileb://blob")
    assert opened["SharedSecret"] == made["SharedSecret"]
    (cli.folder / "blob").write_bytes(blob[1:])
    said = cli.refusal(f"decapsulate {by} --shared-secret-ciphertext-blob fileb://blob")
    assert "(InvalidCiphertextException) when calling the Decapsulate operation" in said


@pytest.mark.parametrize("spec", [*LATTICES, *KEMS])
def test_material_of_a_post_quantum_key_cannot_be_imported(kms, spec):
    usage = "SIGN_VERIFY" if spec in LATTICES else "ENCAPSULATE_DECAPSULATE"
    answer = refusal(kms.create_key, KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")
    assert answer == ("UnsupportedOperationException", f"Key material of KeySpec {spec} cannot be imported.")
