"""Each kind of key made in the token and used with boto3, and `cryptography` on the other side of each use."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, utils

from kinds import (
    AGREEING,
    CURVES,
    ED25519,
    ENCRYPTION,
    RSA_BITS,
    SIGNING,
    TAG_BYTES,
    algorithms_of,
    altered,
    check_described,
    digest,
    new_private_key,
    oaep,
    read_public_key,
    scheme,
    spki,
)
from tools import answered, patiently, refusal

MESSAGE = b"a message of some length"
ORDERS = {
    "ECC_NIST_P256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ECC_SECG_P256K1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
# The package has no ML-KEM-512. Each with the bytes of its public key as SubjectPublicKeyInfo.
KEMS = {
    "ML_KEM_512": (None, 822),
    "ML_KEM_768": (mlkem.MLKEM768PrivateKey, 1206),
    "ML_KEM_1024": (mlkem.MLKEM1024PrivateKey, 1590),
}
MOST_BYTES = {
    ("RSA_2048", "RSAES_OAEP_SHA_1"): 214,
    ("RSA_2048", "RSAES_OAEP_SHA_256"): 190,
    ("RSA_3072", "RSAES_OAEP_SHA_1"): 342,
    ("RSA_3072", "RSAES_OAEP_SHA_256"): 318,
    ("RSA_4096", "RSAES_OAEP_SHA_1"): 470,
    ("RSA_4096", "RSAES_OAEP_SHA_256"): 446,
}


def new_key(kms, spec, usage):
    """ARN of a new key, which is described as its kind is."""
    made = patiently(kms.create_key, KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    assert made == kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]
    check_described(made, spec, usage)
    assert (made["KeyState"], made["Enabled"], made["Origin"]) == ("Enabled", True, "AWS_KMS")
    assert "CurrentKeyMaterialId" not in made
    return made["Arn"]


@pytest.mark.parametrize("spec", SIGNING)
def test_what_a_key_signs_another_implementation_verifies(kms, spec):
    key = new_key(kms, spec, "SIGN_VERIFY")
    public = read_public_key(kms, key, spec, "SIGN_VERIFY")
    for algorithm in SIGNING[spec]:
        by = {"KeyId": key, "SigningAlgorithm": algorithm}
        signed = answered(kms.sign(Message=MESSAGE, **by))
        signature = signed.pop("Signature")
        assert signed == by
        public.verify(signature, MESSAGE, *scheme(algorithm))
        verified = answered(kms.verify(Message=MESSAGE, Signature=signature, **by))
        assert verified == by | {"SignatureValid": True}
        for wrong in altered(signature):
            assert refusal(kms.verify, Message=MESSAGE, Signature=wrong, **by) == ("KMSInvalidSignatureException", "")
        other = refusal(kms.verify, Message=MESSAGE + b"!", Signature=signature, **by)
        assert other == ("KMSInvalidSignatureException", "")
        longest = bytes(4096)
        public.verify(kms.sign(Message=longest, **by)["Signature"], longest, *scheme(algorithm))
    if spec in RSA_BITS:
        assert len(signature) == RSA_BITS[spec] // 8
        other = refusal(kms.verify, KeyId=key, Message=MESSAGE, Signature=signature, SigningAlgorithm=SIGNING[spec][0])
        assert other == ("KMSInvalidSignatureException", "")


@pytest.mark.parametrize("spec", ["RSA_2048", *CURVES])
def test_a_digest_stands_for_its_message(kms, spec):
    key = new_key(kms, spec, "SIGN_VERIFY")
    public = read_public_key(kms, key, spec, "SIGN_VERIFY")
    for algorithm in SIGNING[spec]:
        raw = {"KeyId": key, "SigningAlgorithm": algorithm, "Message": MESSAGE, "MessageType": "RAW"}
        hashed = raw | {"Message": digest(algorithm, MESSAGE), "MessageType": "DIGEST"}
        signature = kms.sign(**hashed)["Signature"]
        public.verify(signature, hashed["Message"], *scheme(algorithm, is_digest=True))
        assert kms.verify(Signature=signature, **raw)["SignatureValid"]
        assert kms.verify(Signature=kms.sign(**raw)["Signature"], **hashed)["SignatureValid"]


@pytest.mark.parametrize("spec", ORDERS)
def test_both_signatures_of_an_ecdsa_pair_are_valid(kms, spec):
    """KMS does not ask for the lower s, as some libraries do."""
    by = {"KeyId": new_key(kms, spec, "SIGN_VERIFY"), "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    r, s = utils.decode_dss_signature(kms.sign(**by)["Signature"])
    assert kms.verify(Signature=utils.encode_dss_signature(r, ORDERS[spec] - s), **by)["SignatureValid"]


@pytest.mark.parametrize("spec", RSA_BITS)
def test_what_another_implementation_encrypts_the_key_decrypts(kms, spec):
    key = new_key(kms, spec, "ENCRYPT_DECRYPT")
    public = read_public_key(kms, key, spec, "ENCRYPT_DECRYPT")
    for algorithm, other in (ENCRYPTION, reversed(ENCRYPTION)):
        by, most = {"KeyId": key, "EncryptionAlgorithm": algorithm}, MOST_BYTES[spec, algorithm]
        longest = bytes(range(256)) * 2
        sealed = public.encrypt(longest[:most], oaep(algorithm))
        assert answered(kms.decrypt(CiphertextBlob=sealed, **by)) == by | {"Plaintext": longest[:most]}
        answer = answered(kms.encrypt(Plaintext=longest[:most], EncryptionContext={}, **by))
        blob = answer.pop("CiphertextBlob")
        assert (answer, len(blob)) == (by, RSA_BITS[spec] // 8)
        assert kms.decrypt(CiphertextBlob=blob, **by)["Plaintext"] == longest[:most]
        assert refusal(kms.encrypt, Plaintext=longest[: most + 1], **by) == (
            "ValidationException",
            f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes.",
        )
        for wrong in (*altered(blob), public.encrypt(MESSAGE, oaep(other)), b"\xff" * len(blob)):
            assert refusal(kms.decrypt, CiphertextBlob=wrong, **by) == ("InvalidCiphertextException", "")


@pytest.mark.parametrize("spec", TAG_BYTES)
def test_a_mac_is_verified_for_its_message_alone(kms, spec):
    key = new_key(kms, spec, "GENERATE_VERIFY_MAC")
    by = {"KeyId": key, "MacAlgorithm": algorithms_of(spec, "GENERATE_VERIFY_MAC")[0]}
    for message in (MESSAGE, b"x", bytes(4096)):
        answer = answered(kms.generate_mac(Message=message, **by))
        mac = answer.pop("Mac")
        assert (answer, len(mac)) == (by, TAG_BYTES[spec])
        assert answered(kms.verify_mac(Message=message, Mac=mac, **by)) == by | {"MacValid": True}
        for wrong in altered(mac):
            assert refusal(kms.verify_mac, Message=message, Mac=wrong, **by) == ("KMSInvalidMacException", "")
        assert refusal(kms.verify_mac, Message=b"other", Mac=mac, **by) == ("KMSInvalidMacException", "")
    twin = new_key(kms, spec, "GENERATE_VERIFY_MAC")
    assert refusal(kms.verify_mac, Message=message, Mac=mac, **by | {"KeyId": twin}) == ("KMSInvalidMacException", "")


@pytest.mark.parametrize("spec", AGREEING)
def test_both_sides_agree_on_a_secret(kms, spec):
    key = new_key(kms, spec, "KEY_AGREEMENT")
    public = read_public_key(kms, key, spec, "KEY_AGREEMENT")
    by = {"KeyId": key, "KeyAgreementAlgorithm": "ECDH"}
    for _ in range(8):  # A secret may begin with a zero, which counts.
        mine = new_private_key(spec)
        answer = answered(kms.derive_shared_secret(PublicKey=spki(mine.public_key()), **by))
        assert answer == by | {"SharedSecret": mine.exchange(ec.ECDH(), public), "KeyOrigin": "AWS_KMS"}
    good = spki(mine.public_key())
    foreign = [spki(new_private_key(other).public_key()) for other in (*CURVES, ED25519, "RSA_2048") if other != spec]
    for peer in (*foreign, *altered(good), good[:-4] + b"\xff" * 4, b"no key at all"):
        assert refusal(kms.derive_shared_secret, PublicKey=peer, **by) == ("ValidationException", "")


@pytest.mark.parametrize("spec", ["RSA_2048", "RSA_3072", *CURVES, ED25519, *KEMS])
def test_a_data_key_pair_is_a_pair_of_its_spec(kms, key, spec):
    context = {"purpose": "test"}
    current = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    named = {"KeyId": key, "KeyPairSpec": spec, "KeyMaterialId": current}
    full = answered(kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec, EncryptionContext=context))
    sealed, public = full.pop("PrivateKeyCiphertextBlob"), full.pop("PublicKey")
    assert full == named | {"PrivateKeyPlaintext": full["PrivateKeyPlaintext"]}
    opened = kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"]
    assert opened == full["PrivateKeyPlaintext"]
    assert refusal(kms.decrypt, CiphertextBlob=sealed) == ("InvalidCiphertextException", "")
    check_pair(spec, opened, public)

    half = kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec=spec, EncryptionContext=context)
    half = answered(half)
    sealed, public = half.pop("PrivateKeyCiphertextBlob"), half.pop("PublicKey")
    assert half == named
    check_pair(spec, kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"], public)


def check_pair(spec, private, public):
    """Private key and public key are of this spec and belong together."""
    if spec in KEMS:
        return check_kem_pair(*KEMS[spec], private, public)
    private = serialization.load_der_private_key(private, None)
    assert spki(private.public_key()) == public
    algorithm = SIGNING[spec][0]
    signature = private.sign(MESSAGE, *scheme(algorithm))
    serialization.load_der_public_key(public).verify(signature, MESSAGE, *scheme(algorithm))
    if spec in CURVES:
        assert private.curve.name == CURVES[spec].name
    if spec in RSA_BITS:
        assert private.key_size == RSA_BITS[spec]


def check_kem_pair(kind, length, private, public):
    """The same for a key that decapsulates, which comes as its seed."""
    assert (len(private), len(public)) == (86, length)
    if kind is not None:
        private = serialization.load_der_private_key(private, None)
        assert (type(private).__name__, spki(private.public_key())) == (kind.__name__, public)
        secret, blob = serialization.load_der_public_key(public).encapsulate()
        assert private.decapsulate(blob) == secret


def test_a_plaintext_goes_from_a_symmetric_key_to_an_rsa_key_and_back(kms, key):
    material = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    pair = new_key(kms, "RSA_2048", "ENCRYPT_DECRYPT")
    blob = kms.encrypt(KeyId=key, Plaintext=MESSAGE)["CiphertextBlob"]
    oaep_256 = "RSAES_OAEP_SHA_256"
    there = answered(
        kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=pair, DestinationEncryptionAlgorithm=oaep_256)
    )
    blob = there.pop("CiphertextBlob")
    assert there == {
        "SourceKeyId": key,
        "KeyId": pair,
        "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "DestinationEncryptionAlgorithm": oaep_256,
        "SourceKeyMaterialId": material,
    }
    source = {"SourceKeyId": pair, "SourceEncryptionAlgorithm": oaep_256}
    back = answered(kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key, **source))
    assert kms.decrypt(CiphertextBlob=back.pop("CiphertextBlob"))["Plaintext"] == MESSAGE
    assert back == source | {
        "KeyId": key,
        "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "DestinationKeyMaterialId": material,
    }
    for wrong in altered(blob):
        again = refusal(kms.re_encrypt, CiphertextBlob=wrong, DestinationKeyId=key, **source)
        assert again == ("InvalidCiphertextException", "")
    long = kms.encrypt(KeyId=key, Plaintext=bytes(191))["CiphertextBlob"]
    assert refusal(
        kms.re_encrypt, CiphertextBlob=long, DestinationKeyId=pair, DestinationEncryptionAlgorithm=oaep_256
    ) == (
        "ValidationException",
        "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.",
    )
