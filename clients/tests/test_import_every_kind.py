"""Material of every kind, made by `cryptography`, imported, and used together with the original."""

import os

import pytest
from cryptography.hazmat.primitives import serialization

from importing import Importer, wrapped
from kinds import (
    CURVES,
    ED25519,
    RSA_BITS,
    SIGNING,
    TAG_BYTES,
    check_described,
    new_private_key,
    pkcs8,
    spki,
)
from tools import answered, refusal, token_objects
from uses import check_use, new_material

OAEP = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
KEY_WRAP = ["RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]
INCORRECT = (
    "IncorrectKeyMaterialException",
    "The key material in the request is not the same key material that was previously imported into this KMS key.",
)

# Spec, usage, and how the material is wrapped: by every algorithm under the smallest key that takes it, and by some under
# larger ones. The making of wrapping keys of 4096 bits is what costs time here.
KINDS = [
    *((spec, "GENERATE_VERIFY_MAC", [(way, "RSA_2048") for way in OAEP]) for spec in TAG_BYTES),
    ("RSA_2048", "SIGN_VERIFY", [(way, "RSA_2048") for way in KEY_WRAP]),
    ("RSA_2048", "ENCRYPT_DECRYPT", [(KEY_WRAP[1], "RSA_4096")]),
    ("RSA_3072", "SIGN_VERIFY", [(KEY_WRAP[1], "RSA_3072")]),
    ("RSA_3072", "ENCRYPT_DECRYPT", [(KEY_WRAP[0], "RSA_3072")]),
    ("RSA_4096", "SIGN_VERIFY", [(KEY_WRAP[0], "RSA_2048")]),
    ("RSA_4096", "ENCRYPT_DECRYPT", [(KEY_WRAP[1], "RSA_2048")]),
    ("ECC_NIST_P256", "SIGN_VERIFY", [(way, "RSA_2048") for way in OAEP + KEY_WRAP]),
    ("ECC_NIST_P256", "KEY_AGREEMENT", [(OAEP[0], "RSA_3072"), (KEY_WRAP[1], "RSA_3072")]),
    ("ECC_NIST_P384", "SIGN_VERIFY", [(way, "RSA_2048") for way in OAEP + KEY_WRAP]),
    ("ECC_NIST_P384", "KEY_AGREEMENT", [(OAEP[1], "RSA_2048")]),
    ("ECC_NIST_P521", "SIGN_VERIFY", [*((way, "RSA_3072") for way in OAEP), *((way, "RSA_2048") for way in KEY_WRAP)]),
    ("ECC_NIST_P521", "KEY_AGREEMENT", [(KEY_WRAP[0], "RSA_3072")]),
    ("ECC_SECG_P256K1", "SIGN_VERIFY", [(way, "RSA_2048") for way in OAEP + KEY_WRAP]),
    (ED25519, "SIGN_VERIFY", [(way, "RSA_2048") for way in OAEP + KEY_WRAP]),
]
IDS = [f"{spec}-{usage}" for spec, usage, _ in KINDS]


def empty_key_of(kms, spec, usage):
    made = kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")["KeyMetadata"]
    check_described(made, spec, usage)
    assert (made["KeyState"], made["Enabled"], "ExpirationModel" in made) == ("PendingImport", False, False)
    return made["Arn"]


@pytest.mark.parametrize("spec, usage, ways", KINDS, ids=IDS)
def test_imported_material_is_the_original_comes_goes_and_comes_back(kms, server, spec, usage, ways):
    key = empty_key_of(kms, spec, usage)
    material, original = new_material(spec)
    ids = set()
    for way in ways:
        importer = Importer(kms, key, *way)
        imported = answered(importer(material))
        assert (imported["KeyId"], len(imported["KeyMaterialId"])) == (key, 64)
        ids.add(imported["KeyMaterialId"])
        metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
        check_described(metadata, spec, usage)
        assert (metadata["KeyState"], metadata["ExpirationModel"]) == ("Enabled", "KEY_MATERIAL_DOES_NOT_EXPIRE")
        assert "CurrentKeyMaterialId" not in metadata
        check_use(kms, key, spec, usage, original)
        if way == ways[0]:
            check_life(kms, server, importer, material, new_material(spec)[0])
        kms.delete_imported_key_material(KeyId=key)
    assert len(ids) == 1
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (metadata["KeyState"], "ExpirationModel" in metadata) == ("PendingImport", False)


def check_life(kms, server, importer, material, other):
    """Material that is there is imported again, deleted and brought back, and no other takes its place."""
    key, key_id = importer.key, importer.key.rsplit("/")[-1]
    assert token_objects(server.data_dir, key_id) == 1
    again = answered(importer(material))
    assert refusal(kms.import_key_material, **importer.request(other)) == INCORRECT
    assert token_objects(server.data_dir, key_id) == 1
    deleted = answered(kms.delete_imported_key_material(KeyId=key))
    assert deleted == again
    assert token_objects(server.data_dir, key_id) == 0
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    assert refusal(kms.import_key_material, **importer.request(other)) == INCORRECT
    assert token_objects(server.data_dir, key_id) == 0
    assert answered(importer(material)) == again


@pytest.mark.parametrize("spec", TAG_BYTES)
@pytest.mark.parametrize("way", OAEP)
def test_a_secret_of_an_hmac_key_may_be_as_long_as_128_bytes(kms, spec, way):
    """Past the block of its hash, 64 or 128 bytes, it is hashed first."""
    for length in (65, 128):
        importer = Importer(kms, empty_key_of(kms, spec, "GENERATE_VERIFY_MAC"), way)
        secret = os.urandom(length)
        importer(secret)
        check_use(kms, importer.key, spec, "GENERATE_VERIFY_MAC", secret)


def wrong_materials(spec):
    """What is no material of this spec, each with a name."""
    if spec in TAG_BYTES:
        return {"short": os.urandom(TAG_BYTES[spec] - 1), "one byte": b"x", "long": os.urandom(129)}
    good = pkcs8(new_private_key(spec))
    wrong = {"garbage": os.urandom(len(good)), "cut": good[:-1], "32 bytes": os.urandom(32)}
    if spec not in RSA_BITS:
        others = (other for other in (*CURVES, ED25519) if other not in (spec, "ECC_NIST_P521"))
        wrong |= {f"a key of {other}": pkcs8(new_private_key(other)) for other in others}
    if spec in RSA_BITS:
        wrong["a key of another modulus"] = pkcs8(new_private_key("RSA_3072" if spec == "RSA_2048" else "RSA_2048"))
        wrong["a key on a curve"] = pkcs8(new_private_key("ECC_NIST_P256"))
        wrong["another modulus"] = with_a_turned_bit(good, 150)
    if spec in SIGNING and spec != ED25519:
        original = serialization.load_der_private_key(good, None)
        wrong["another encoding"] = original.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    return wrong | {"a public key": spki(serialization.load_der_private_key(good, None).public_key())}


def with_a_turned_bit(material, at):
    return material[:at] + bytes([material[at] ^ 1]) + material[at + 1 :]


@pytest.mark.parametrize(
    "spec, way",
    [*((spec, OAEP[1]) for spec in TAG_BYTES), *((spec, KEY_WRAP[0]) for spec in ("RSA_2048", *CURVES, ED25519))],
)
def test_what_is_no_material_of_the_spec_is_refused_and_leaves_nothing(kms, server, spec, way):
    usage = "GENERATE_VERIFY_MAC" if spec in TAG_BYTES else "SIGN_VERIFY"
    importer = Importer(kms, empty_key_of(kms, spec, usage), way)
    for name, material in wrong_materials(spec).items():
        outcome = refusal(kms.import_key_material, **importer.request(material))
        assert outcome == ("InvalidCiphertextException", ""), name
    assert kms.describe_key(KeyId=importer.key)["KeyMetadata"]["KeyState"] == "PendingImport"
    assert token_objects(server.data_dir, importer.key.rsplit("/")[-1]) == 0


@pytest.mark.parametrize("spec, at", [("RSA_2048", 400), ("RSA_2048", 600), ("RSA_2048", 1000), ("ECC_NIST_P256", None)])
def test_what_a_token_overlooks_makes_no_other_key(kms, spec, at):
    """SoftHSM reads private keys itself and does not hold all numbers of an RSA key against each other, nor minds what
    follows a key. Whether such bytes are taken is the token's affair; that they are the same key is ours."""
    material, original = new_material(spec)
    odd = with_a_turned_bit(material, at) if at else material + b"\0"
    importer = Importer(kms, empty_key_of(kms, spec, "SIGN_VERIFY"), KEY_WRAP[1])
    try:
        taken = importer(odd)["KeyMaterialId"]
    except kms.exceptions.InvalidCiphertextException:
        return
    check_use(kms, importer.key, spec, "SIGN_VERIFY", original)
    kms.delete_imported_key_material(KeyId=importer.key)
    assert importer(material)["KeyMaterialId"] == taken


REFUSED_WAYS = [
    *((spec, way, wrapping) for spec in RSA_BITS for way in OAEP for wrapping in RSA_BITS),
    *((spec, way, wrapping) for spec in TAG_BYTES for way in KEY_WRAP for wrapping in RSA_BITS),
    *(("ECC_NIST_P521", way, "RSA_2048") for way in OAEP),
]


def test_a_wrapping_that_cannot_carry_the_material_is_refused(kms):
    usages = {spec: "GENERATE_VERIFY_MAC" if spec in TAG_BYTES else "SIGN_VERIFY" for spec, _, _ in REFUSED_WAYS}
    keys = {spec: empty_key_of(kms, spec, usage) for spec, usage in usages.items()}
    for spec, way, wrapping in REFUSED_WAYS:
        by = {"KeyId": keys[spec], "WrappingAlgorithm": way, "WrappingKeySpec": wrapping}
        text = f"Wrapping algorithm {way} and wrapping key spec {wrapping} cannot be used to import a {spec} key."
        assert refusal(kms.get_parameters_for_import, **by) == ("ValidationException", text)
    for way, wrapping in (("RSAES_PKCS1_V1_5", "RSA_2048"), ("SM2PKE", "SM2"), ("SM2PKE", "RSA_2048"), (OAEP[0], "SM2")):
        by = {"KeyId": keys["HMAC_256"], "WrappingAlgorithm": way, "WrappingKeySpec": wrapping}
        text = f"Wrapping algorithm {way} with wrapping key spec {wrapping} is not supported."
        assert refusal(kms.get_parameters_for_import, **by) == ("UnsupportedOperationException", text)


def test_what_was_wrapped_has_the_length_of_its_wrapping_and_its_algorithm(kms):
    size = ("ValidationException", "Invalid encrypted key size.")
    for spec, usage, way in (("HMAC_256", "GENERATE_VERIFY_MAC", OAEP[1]), (ED25519, "SIGN_VERIFY", KEY_WRAP[1])):
        importer = Importer(kms, empty_key_of(kms, spec, usage), way)
        request = importer.request(new_material(spec)[0])
        encrypted = request["EncryptedKeyMaterial"]
        for wrong in (encrypted[:-1], encrypted + b"x", encrypted[:255]):
            assert refusal(kms.import_key_material, **request | {"EncryptedKeyMaterial": wrong}) == size
        # The other hash, and a turned bit in the part under RSA and at the end.
        other = way.replace("SHA_256", "SHA_1")
        for wrong in (
            wrapped(importer.public_key, new_material(spec)[0], other),
            with_a_turned_bit(encrypted, 128),
            with_a_turned_bit(encrypted, len(encrypted) - 1),
        ):
            outcome = refusal(kms.import_key_material, **request | {"EncryptedKeyMaterial": wrong})
            assert outcome == ("InvalidCiphertextException", "")


def test_the_members_of_symmetric_keys_are_refused_for_others(kms):
    importer = Importer(kms, empty_key_of(kms, "HMAC_256", "GENERATE_VERIFY_MAC"), OAEP[1])
    secret = os.urandom(32)
    for members in (
        {"ImportType": "NEW_KEY_MATERIAL"},
        {"ImportType": "EXISTING_KEY_MATERIAL"},
        {"KeyMaterialId": "0" * 64},
        {"KeyMaterialDescription": "mine"},
    ):
        expected = (
            "ValidationException",
            f"{[*members][0]} can be specified for symmetric encryption keys only.",
        )
        assert refusal(kms.import_key_material, **importer.request(secret, **members)) == expected
    importer(secret)
