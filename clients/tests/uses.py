"""What a key of each kind does, held against `cryptography`."""

import os

from cryptography.hazmat.primitives.asymmetric import ec

from kinds import (
    TAG_BYTES,
    algorithms_of,
    mac_of,
    new_private_key,
    oaep,
    pkcs8,
    read_public_key,
    scheme,
    spki,
)

MESSAGE = b"a message of some length"
SYMMETRIC = "SYMMETRIC_DEFAULT"


def new_material(spec):
    """Something that can be imported, and the key that it is."""
    if spec in TAG_BYTES or spec == SYMMETRIC:
        material = os.urandom(TAG_BYTES.get(spec, 32))
        return material, material
    original = new_private_key(spec)
    return pkcs8(original), original


def check_use(kms, key, spec, usage, original=None):
    """The key and the original, where there is one, do the same, in both directions."""
    if spec == SYMMETRIC:
        check_round_trip(kms, key)
    elif usage == "GENERATE_VERIFY_MAC":
        check_mac(kms, key, algorithms_of(spec, usage)[0], original)
    else:
        public = read_public_key(kms, key, spec, usage)
        assert original is None or spki(public) == spki(original.public_key())
        check = {"KEY_AGREEMENT": check_agreement, "ENCRYPT_DECRYPT": check_encryption, "SIGN_VERIFY": check_signing}
        check[usage](kms, key, spec, public, original)


def check_round_trip(kms, key):
    by = {"KeyId": key, "EncryptionContext": {"purpose": "Prüfung ☂"}}
    blob = kms.encrypt(Plaintext=MESSAGE, **by)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, **by)["Plaintext"] == MESSAGE
    made = kms.generate_data_key(KeySpec="AES_256", **by)
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"], **by)["Plaintext"] == made["Plaintext"]


def check_mac(kms, key, algorithm, original):
    by = {"KeyId": key, "Message": MESSAGE, "MacAlgorithm": algorithm}
    mac = kms.generate_mac(**by)["Mac"]
    assert original is None or mac == mac_of(algorithm, original, MESSAGE)
    assert kms.verify_mac(Mac=mac, **by)["MacValid"]


def check_agreement(kms, key, spec, public, original):
    mine = new_private_key(spec)
    answer = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=spki(mine.public_key()))
    assert answer["SharedSecret"] == mine.exchange(ec.ECDH(), public)
    assert answer["KeyOrigin"] == ("EXTERNAL" if original else "AWS_KMS")


def check_encryption(kms, key, spec, public, original):
    for algorithm in algorithms_of(spec, "ENCRYPT_DECRYPT"):
        by = {"KeyId": key, "EncryptionAlgorithm": algorithm}
        blob = kms.encrypt(Plaintext=MESSAGE, **by)["CiphertextBlob"]
        if original:
            assert original.decrypt(blob, oaep(algorithm)) == MESSAGE
        for sealed in (blob, public.encrypt(MESSAGE, oaep(algorithm))):
            assert kms.decrypt(CiphertextBlob=sealed, **by)["Plaintext"] == MESSAGE


def check_signing(kms, key, spec, public, original):
    for algorithm in algorithms_of(spec, "SIGN_VERIFY"):
        by = {"KeyId": key, "Message": MESSAGE, "SigningAlgorithm": algorithm}
        signature = kms.sign(**by)["Signature"]
        public.verify(signature, MESSAGE, *scheme(algorithm))
        known = original.sign(MESSAGE, *scheme(algorithm)) if original else signature
        assert kms.verify(Signature=known, **by)["SignatureValid"]
