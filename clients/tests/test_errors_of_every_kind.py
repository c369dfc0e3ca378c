"""Refusals by keys of every kind as boto3 sees them: the type and the exact text of each."""

import pytest

from kinds import ED25519, ENCRYPTION, RSA_SIGNING, SIGNING, TAG_BYTES, new_private_key, spki
from tools import refusal

MESSAGE = b"a message"
ECDSA = {"Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
HMAC = {"Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
PAIR = {"KeyPairSpec": "ECC_NIST_P256"}
OAEP = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
PEER = {"KeyAgreementAlgorithm": "ECDH", "PublicKey": spki(new_private_key("ECC_NIST_P256").public_key())}

# Each operation with the kind of key that it wants, and a request that would succeed if it can.
REQUESTS = {
    "Sign": ("SIGN_VERIFY", ECDSA),
    "Verify": ("SIGN_VERIFY", ECDSA | {"Signature": b"x"}),
    "GenerateMac": ("GENERATE_VERIFY_MAC", HMAC),
    "VerifyMac": ("GENERATE_VERIFY_MAC", HMAC | {"Mac": b"x"}),
    "DeriveSharedSecret": ("KEY_AGREEMENT", PEER),
    "GenerateDataKeyPair": ("SYMMETRIC", PAIR),
    "GenerateDataKeyPairWithoutPlaintext": ("SYMMETRIC", PAIR),
    "GenerateDataKey": ("SYMMETRIC", {"KeySpec": "AES_256"}),
    "GenerateDataKeyWithoutPlaintext": ("SYMMETRIC", {"NumberOfBytes": 64}),
    "Encrypt": ("ENCRYPT_DECRYPT", OAEP | {"Plaintext": MESSAGE}),
    "Decrypt": ("ENCRYPT_DECRYPT", OAEP | {"CiphertextBlob": b"x"}),
}
# The same of keys that need a second token; what is refused here needs none.
KEM = {"EncapsulationAlgorithm": "ML_KEM"}
KEM_REQUESTS = {
    "Encapsulate": ("ENCAPSULATE_DECAPSULATE", KEM),
    "Decapsulate": ("ENCAPSULATE_DECAPSULATE", KEM | {"SharedSecretCiphertextBlob": b"x"}),
}
KINDS = {
    "SIGN_VERIFY": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    "GENERATE_VERIFY_MAC": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    "KEY_AGREEMENT": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
    "ENCRYPT_DECRYPT": {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
    "SYMMETRIC": {},
}
DRY_RUN = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")


def call(kms, name):
    return getattr(kms, "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_"))


@pytest.fixture
def keys(kms):
    """Makes the key of a kind when it is asked for: `keys("SIGN_VERIFY")` is its ARN."""
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = kms.create_key(**KINDS[kind])["KeyMetadata"]["Arn"]
        return made[kind]

    return get


@pytest.mark.parametrize("name", [*REQUESTS, *KEM_REQUESTS])
def test_a_key_does_what_its_usage_says_and_nothing_else(kms, keys, name):
    wanted, members = (REQUESTS | KEM_REQUESTS)[name]
    for kind in ("SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT", "SYMMETRIC"):
        if kind == wanted or {kind, wanted} == {"SYMMETRIC", "ENCRYPT_DECRYPT"}:
            continue
        key, usage = keys(kind), kind.replace("SYMMETRIC", "ENCRYPT_DECRYPT")
        text = f"{key} key usage is {usage} which is not valid for {name}."
        assert refusal(call(kms, name), KeyId=key, **members) == ("InvalidKeyUsageException", text)
        kms.disable_key(KeyId=key)
        assert refusal(call(kms, name), KeyId=key, **members) == ("InvalidKeyUsageException", text)


def test_both_keys_of_a_re_encryption_are_for_encryption(kms, keys):
    signer = keys("SIGN_VERIFY")
    text = f"{signer} key usage is SIGN_VERIFY which is not valid for ReEncrypt."
    blob = kms.encrypt(KeyId=keys("SYMMETRIC"), Plaintext=MESSAGE)["CiphertextBlob"]
    source = {"SourceKeyId": signer, "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_1"}
    for members in ({"DestinationKeyId": signer}, {"DestinationKeyId": keys("SYMMETRIC"), **source}):
        assert refusal(kms.re_encrypt, CiphertextBlob=blob, **members) == ("InvalidKeyUsageException", text)


@pytest.mark.parametrize("name", [*REQUESTS, "GetPublicKey"])
def test_a_key_is_refused_by_its_state_before_its_algorithm(kms, keys, name):
    """The algorithms here are of no key that is used, which is found out after its state only."""
    kind, members = REQUESTS.get(name, ("KEY_AGREEMENT", {}))
    foreign = {"SigningAlgorithm": "RSASSA_PSS_SHA_256", "MacAlgorithm": "HMAC_SHA_512", "EncryptionAlgorithm": "SM2PKE"}
    members = members | {member: foreign[member] for member in foreign if member in members}
    key = keys(kind)
    kms.disable_key(KeyId=key)
    assert refusal(call(kms, name), KeyId=key, **members) == ("DisabledException", f"{key} is disabled.")
    kms.schedule_key_deletion(KeyId=key)
    pending = ("KMSInvalidStateException", f"{key} is pending deletion.")
    assert refusal(call(kms, name), KeyId=key, **members) == pending
    empty = kms.create_key(Origin="EXTERNAL", **KINDS[kind])["KeyMetadata"]["Arn"]
    pending = ("KMSInvalidStateException", f"{empty} is pending import.")
    assert refusal(call(kms, name), KeyId=empty, **members) == pending


@pytest.mark.parametrize("name", [name for name in REQUESTS if name != "Decrypt"])
def test_a_dry_run_ends_before_the_act_and_a_foreign_grant_token_before_that(kms, keys, name):
    kind, members = REQUESTS[name]
    assert refusal(call(kms, name), KeyId=keys(kind), DryRun=True, **members) == DRY_RUN
    foreign = refusal(call(kms, name), KeyId=keys(kind), GrantTokens=["x"], **members)
    assert foreign == ("InvalidGrantTokenException", "The grant token is not valid.")


def test_a_dry_run_decrypts_to_know_whether_it_would_succeed(kms, keys):
    by = OAEP | {"KeyId": keys("ENCRYPT_DECRYPT"), "DryRun": True}
    blob = kms.encrypt(Plaintext=MESSAGE, **by | {"DryRun": False})["CiphertextBlob"]
    assert refusal(kms.decrypt, CiphertextBlob=blob, **by) == DRY_RUN
    assert refusal(kms.decrypt, CiphertextBlob=blob[:-1], **by) == ("InvalidCiphertextException", "")
    assert refusal(kms.decrypt, DryRunModifiers=["IGNORE_CIPHERTEXT"], **by) == DRY_RUN
    foreign = refusal(kms.decrypt, CiphertextBlob=blob, GrantTokens=["x"], **by)
    assert foreign == ("InvalidGrantTokenException", "The grant token is not valid.")
    foreign = refusal(kms.get_public_key, KeyId=by["KeyId"], GrantTokens=["x"])
    assert foreign == ("InvalidGrantTokenException", "The grant token is not valid.")


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P384", ED25519])
def test_a_key_signs_with_its_own_algorithms_alone(kms, spec):
    key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    every = kms.meta.service_model.shape_for("SigningAlgorithmSpec").enum
    for algorithm in set(every) - set(SIGNING[spec]) - {"ED25519_PH_SHA_512"}:
        expected = ("InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {spec}.")
        by = {"KeyId": key, "Message": MESSAGE, "MessageType": "DIGEST", "SigningAlgorithm": algorithm}
        assert refusal(kms.sign, **by) == expected
        assert refusal(kms.verify, Signature=b"x", **by) == expected


@pytest.mark.parametrize("spec", TAG_BYTES)
def test_a_key_authenticates_with_its_own_algorithm_alone(kms, spec):
    key = kms.create_key(KeySpec=spec, KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    for other in TAG_BYTES.keys() - {spec}:
        algorithm = other.replace("HMAC_", "HMAC_SHA_")
        expected = ("InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {spec}.")
        by = {"KeyId": key, "Message": MESSAGE, "MacAlgorithm": algorithm}
        assert refusal(kms.generate_mac, **by) == expected
        assert refusal(kms.verify_mac, Mac=b"x", **by) == expected


def test_an_rsa_key_encrypts_with_oaep_alone_and_without_a_context(kms, keys):
    pair, symmetric = keys("ENCRYPT_DECRYPT"), keys("SYMMETRIC")
    blob = kms.encrypt(KeyId=pair, Plaintext=MESSAGE, **OAEP)["CiphertextBlob"]
    text = "Algorithm {} is incompatible with key spec RSA_2048."
    for algorithm, members in (("SYMMETRIC_DEFAULT", {}), ("SM2PKE", {"EncryptionAlgorithm": "SM2PKE"})):
        expected = ("InvalidKeyUsageException", text.format(algorithm))
        assert refusal(kms.encrypt, KeyId=pair, Plaintext=MESSAGE, **members) == expected
    assert refusal(kms.decrypt, KeyId=pair, CiphertextBlob=blob, EncryptionAlgorithm="SM2PKE") == expected
    # With the algorithm of symmetric keys the ciphertext is read first.
    assert refusal(kms.decrypt, KeyId=pair, CiphertextBlob=blob) == ("InvalidCiphertextException", "")
    ours = kms.encrypt(KeyId=symmetric, Plaintext=MESSAGE)["CiphertextBlob"]
    assert refusal(kms.decrypt, KeyId=pair, CiphertextBlob=ours)[0] == "IncorrectKeyException"
    for algorithm in ENCRYPTION:
        expected = ("InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT.")
        assert refusal(kms.decrypt, KeyId=symmetric, CiphertextBlob=blob, EncryptionAlgorithm=algorithm) == expected
    code, text = refusal(kms.decrypt, CiphertextBlob=blob, **OAEP)
    assert (code, "Value null at 'keyId'" in text) == ("ValidationException", True)

    context = {"EncryptionContext": {"a": "1"}}
    expected = (
        "ValidationException",
        "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.",
    )
    assert refusal(kms.encrypt, KeyId=pair, Plaintext=MESSAGE, **OAEP, **context) == expected
    assert refusal(kms.decrypt, KeyId=pair, CiphertextBlob=blob, **OAEP, **context) == expected
    there = {"DestinationKeyId": pair, "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert refusal(kms.re_encrypt, CiphertextBlob=ours, DestinationEncryptionContext={"a": "1"}, **there) == expected
    back = {"SourceKeyId": pair, "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "DestinationKeyId": symmetric}
    assert refusal(kms.re_encrypt, CiphertextBlob=blob, SourceEncryptionContext={"a": "1"}, **back) == expected


def test_no_data_key_is_made_under_an_rsa_key(kms, keys):
    for name, (kind, members) in REQUESTS.items():
        if kind == "SYMMETRIC":
            assert refusal(call(kms, name), KeyId=keys("ENCRYPT_DECRYPT"), **members) == (
                "InvalidKeyUsageException",
                "You cannot generate a data key with an asymmetric CMK",
            )


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256"])
def test_a_digest_has_the_length_of_its_hash(kms, spec):
    key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    for algorithm in SIGNING[spec]:
        expected = ("ValidationException", f"Digest is invalid length for algorithm {algorithm}.")
        own = int(algorithm[-3:]) // 8
        for length in {1, 20, 32, 48, 64, own - 1, own + 1} - {own}:
            by = {"KeyId": key, "Message": bytes(length), "MessageType": "DIGEST", "SigningAlgorithm": algorithm}
            assert refusal(kms.sign, **by) == expected
            assert refusal(kms.verify, Signature=b"x", **by) == expected


def test_a_message_has_a_type_that_its_algorithm_takes(kms):
    specs = {"RSA_2048": RSA_SIGNING[0], "ECC_NIST_P256": "ECDSA_SHA_256", ED25519: "ED25519_SHA_512"}
    refused = [(spec, algorithm, "EXTERNAL_MU", f"key spec {spec}") for spec, algorithm in specs.items()]
    refused.append((ED25519, "ED25519_SHA_512", "DIGEST", "algorithm ED25519_SHA_512"))
    refused.append((ED25519, "ED25519_PH_SHA_512", "RAW", "algorithm ED25519_PH_SHA_512"))
    keys = {spec: kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"] for spec in specs}
    for spec, algorithm, message_type, rest in refused:
        by = {"KeyId": keys[spec], "Message": bytes(64), "MessageType": message_type, "SigningAlgorithm": algorithm}
        expected = ("ValidationException", f"Message type {message_type} is incompatible with {rest}.")
        assert refusal(kms.sign, **by) == expected
        assert refusal(kms.verify, Signature=b"x", **by) == expected
    # SoftHSM has no Ed25519ph; nothing else may sign in its name.
    by = {"KeyId": keys[ED25519], "Message": bytes(64), "MessageType": "DIGEST", "SigningAlgorithm": "ED25519_PH_SHA_512"}
    assert refusal(kms.sign, **by)[0] == "UnsupportedOperationException"


def test_a_mac_of_the_services_own_inputs_is_not_given(kms, keys):
    by = HMAC | {"KeyId": keys("GENERATE_VERIFY_MAC"), "Message": b"\0\0\0\x01strongroom/x"}
    expected = ("ValidationException", "The message begins with bytes that are reserved.")
    assert refusal(kms.generate_mac, **by) == expected
    assert refusal(kms.verify_mac, Mac=b"x", **by) == expected
    assert kms.generate_mac(**by | {"Message": b"\0\0\0\x01strongroom"})["Mac"]


def test_a_key_without_a_public_half_has_none_to_give(kms, keys):
    for kind in ("SYMMETRIC", "GENERATE_VERIFY_MAC"):
        assert refusal(kms.get_public_key, KeyId=keys(kind)) == ("UnsupportedOperationException", "")


def test_nobody_attests_to_be_a_recipient_yet(kms, keys):
    document = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    for name in ("DeriveSharedSecret", "GenerateDataKeyPair"):
        kind, members = REQUESTS[name]
        assert refusal(call(kms, name), KeyId=keys(kind), Recipient=document, **members) == (
            "UnsupportedOperationException",
            "Recipient is not served yet.",
        )


def test_a_spec_and_a_usage_go_together_or_no_key_is_made(kms):
    fits = {
        "ENCRYPT_DECRYPT": ("RSA_", "SM2"),
        "SIGN_VERIFY": ("RSA_", "ECC_", "ML_DSA_", "SM2"),
        "GENERATE_VERIFY_MAC": ("HMAC_",),
        "KEY_AGREEMENT": ("ECC_NIST_P", "SM2"),
        "ENCAPSULATE_DECAPSULATE": ("ML_KEM_",),
    }
    specs = set(kms.meta.service_model.shape_for("KeySpec").enum) - {"SYMMETRIC_DEFAULT"}
    assert (len(specs), fits.keys()) == (19, set(kms.meta.service_model.shape_for("KeyUsageType").enum))
    for spec in specs:
        assert refusal(kms.create_key, KeySpec=spec) == (
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        )
        for usage, beginnings in fits.items():
            if spec.startswith(beginnings):
                continue
            text = f"KeyUsage {usage} is not compatible with KeySpec {spec}"
            assert refusal(kms.create_key, KeySpec=spec, KeyUsage=usage) == ("ValidationException", text)
    assert kms.list_keys()["Keys"] == []


@pytest.mark.parametrize("origin", ["AWS_KMS", "EXTERNAL"])
def test_kinds_that_the_token_does_not_serve_are_not_made(kms, origin):
    """The reason stands in the text, which is ours."""
    kinds = [(f"ML_DSA_{size}", "SIGN_VERIFY") for size in (44, 65, 87)]
    kinds += [(f"ML_KEM_{size}", "ENCAPSULATE_DECAPSULATE") for size in (512, 768, 1024)]
    kinds += [("SM2", usage) for usage in ("ENCRYPT_DECRYPT", "SIGN_VERIFY", "KEY_AGREEMENT")]
    for spec, usage in kinds:
        code, text = refusal(kms.create_key, KeySpec=spec, KeyUsage=usage, Origin=origin)
        assert (code, bool(text)) == ("UnsupportedOperationException", True)
    assert kms.list_keys()["Keys"] == []


def test_no_data_key_pair_is_made_for_the_regions_in_china(kms, keys):
    for name in ("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"):
        assert refusal(call(kms, name), KeyId=keys("SYMMETRIC"), KeyPairSpec="SM2") == (
            "UnsupportedOperationException",
            "SM2 is served in China Regions only.",
        )


@pytest.mark.parametrize(
    "name, members, text",
    [
        ("Sign", {"Message": b""}, "Value at 'message' failed to satisfy constraint: Member must have length greater"),
        ("Sign", {"Message": bytes(4097)}, "Value at 'message' failed to satisfy constraint: Member must have length less"),
        ("Sign", {"SigningAlgorithm": "X"}, "Value 'X' at 'signingAlgorithm' failed to satisfy constraint: Member must"),
        ("Sign", {"MessageType": "X"}, "Value 'X' at 'messageType' failed to satisfy constraint: Member must satisfy"),
        ("Verify", {"Signature": b""}, "Value at 'signature' failed to satisfy constraint: Member must have length greater"),
        ("GenerateMac", {"MacAlgorithm": "X"}, "Value 'X' at 'macAlgorithm' failed to satisfy constraint: Member must"),
        ("VerifyMac", {"Mac": bytes(6145)}, "Value at 'mac' failed to satisfy constraint: Member must have length less"),
        (
            "DeriveSharedSecret",
            {"KeyAgreementAlgorithm": "X"},
            "Value 'X' at 'keyAgreementAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [ECDH]",
        ),
        (
            "Encapsulate",
            {"EncapsulationAlgorithm": "X"},
            "Value 'X' at 'encapsulationAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [ML_KEM]",
        ),
        (
            "Decapsulate",
            {"SharedSecretCiphertextBlob": bytes(6145)},
            "Value at 'sharedSecretCiphertextBlob' failed to satisfy constraint: Member must have length less",
        ),
        ("GenerateDataKeyPair", {"KeyPairSpec": "X"}, "Value 'X' at 'keyPairSpec' failed to satisfy constraint: Member"),
    ],
)
def test_what_the_model_forbids_is_refused_before_any_key_is_looked_up(careless_kms, name, members, text):
    members = {"KeyId": "alias/nobody"} | (REQUESTS | KEM_REQUESTS)[name][1] | members
    code, found = refusal(call(careless_kms, name), **members)
    assert (code, found[: len(text) + 29]) == ("ValidationException", f"1 validation error detected: {text}")
