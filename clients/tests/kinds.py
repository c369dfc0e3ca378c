"""The kinds of keys, and the package `cryptography` as the second implementation of those beside the symmetric one."""

import json
import pathlib

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

RSA_BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
CURVES = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}
ED25519 = "ECC_NIST_EDWARDS25519"
TAG_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}

# What the server has with SoftHSM, which knows no Ed25519ph, and one way to wrap material of each spec: its algorithm and the
# spec of the wrapping key. The tests in JavaScript read the same table.
TABLE = json.loads((pathlib.Path(__file__).parents[1] / "kinds.json").read_text())
SIGNING = {spec: row["usages"]["SIGN_VERIFY"] for spec, row in TABLE.items() if "SIGN_VERIFY" in row["usages"]}
RSA_SIGNING = SIGNING["RSA_2048"]
AGREEING = [spec for spec, row in TABLE.items() if "KEY_AGREEMENT" in row["usages"]]
ENCRYPTION = TABLE["RSA_2048"]["usages"]["ENCRYPT_DECRYPT"]

# The list of algorithms that the metadata of a key and its public key have, by its usage.
LISTS = {
    "ENCRYPT_DECRYPT": "EncryptionAlgorithms",
    "SIGN_VERIFY": "SigningAlgorithms",
    "GENERATE_VERIFY_MAC": "MacAlgorithms",
    "KEY_AGREEMENT": "KeyAgreementAlgorithms",
}
HASHES = {
    "SHA_1": hashes.SHA1(),
    "SHA_224": hashes.SHA224(),
    "SHA_256": hashes.SHA256(),
    "SHA_384": hashes.SHA384(),
    "SHA_512": hashes.SHA512(),
}


def algorithms_of(spec, usage):
    """What a key of this kind lists."""
    return TABLE[spec]["usages"][usage]


def hash_of(algorithm):
    """The hash that an algorithm is named after."""
    return HASHES[algorithm[algorithm.index("SHA_") :]]


def digest(algorithm, message):
    running = hashes.Hash(hash_of(algorithm))
    running.update(message)
    return running.finalize()


def scheme(algorithm, is_digest=False):
    """What `sign` and `verify` of a key take after the message, which may be its digest, for a signing algorithm."""
    named = hash_of(algorithm)
    prepared = utils.Prehashed(named) if is_digest else named
    if algorithm.startswith("RSASSA_PSS"):
        return padding.PSS(padding.MGF1(named), named.digest_size), prepared
    if algorithm.startswith("RSASSA_PKCS1"):
        return padding.PKCS1v15(), prepared
    return (ec.ECDSA(prepared),) if algorithm.startswith("ECDSA") else ()


def oaep(algorithm):
    """The padding of an encryption or wrapping algorithm."""
    named = hash_of(algorithm)
    return padding.OAEP(padding.MGF1(named), named, None)


def mac_of(algorithm, secret, message):
    running = hmac.HMAC(secret, hash_of(algorithm))
    running.update(message)
    return running.finalize()


def spki(public_key):
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def pkcs8(private_key):
    return private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def new_private_key(spec):
    """A private key of this spec, made here."""
    if spec in RSA_BITS:
        return rsa.generate_private_key(65537, RSA_BITS[spec])
    return ed25519.Ed25519PrivateKey.generate() if spec == ED25519 else ec.generate_private_key(CURVES[spec])


def check_described(made, spec, usage):
    """What metadata and public key say of a kind alike."""
    assert (made["KeySpec"], made["CustomerMasterKeySpec"], made["KeyUsage"]) == (spec, spec, usage)
    lists = {name: made[name] for name in made if name.endswith("Algorithms")}
    assert lists == {LISTS[usage]: algorithms_of(spec, usage)}


def read_public_key(kms, key, spec, usage):
    """The public half that the service gives, as the second implementation reads and writes it."""
    answer = kms.get_public_key(KeyId=key)
    check_described(answer, spec, usage)
    public = serialization.load_der_public_key(answer["PublicKey"])
    assert (answer["KeyId"], answer["PublicKey"]) == (key, spki(public))
    if spec in RSA_BITS:
        assert (public.key_size, public.public_numbers().e) == (RSA_BITS[spec], 65537)
    elif spec in CURVES:
        assert public.curve.name == CURVES[spec].name
    else:
        assert isinstance(public, ed25519.Ed25519PublicKey)
    return public


def altered(value):
    """The same with its last bit turned, cut, longer, and none at all."""
    return value[:-1] + bytes([value[-1] ^ 1]), value[:-1], value + b"\0", b"x"
