"""Keysets and data sealed by Tink for Python, with a key of ours as the key of keys."""

import os

import pytest
import tink
from tink import aead
from tink.integration import awskms

LETTER = os.urandom(100_000)


@pytest.fixture
def remote(kms):
    """Makes the primitive that has each call answered by a key."""
    aead.register()
    return lambda key: awskms.new_client(boto3_client=kms).get_aead(f"aws-kms://{key}")


def test_a_keyset_is_kept_encrypted_and_opens_what_it_sealed(remote, key):
    handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    sealed = handle.primitive(aead.Aead).encrypt(LETTER, b"letter")
    kept = tink.json_proto_keyset_format.serialize_encrypted(handle, remote(key), b"keyset")
    opened = tink.json_proto_keyset_format.parse_encrypted(kept, remote(key), b"keyset")
    assert opened.primitive(aead.Aead).decrypt(sealed, b"letter") == LETTER


def test_associated_data_is_the_encryption_context_and_must_match(remote, kms, key):
    sealed = remote(key).encrypt(b"a letter", b"for Eve")
    context = {"associatedData": b"for Eve".hex()}
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"] == b"a letter"
    with pytest.raises(tink.TinkError, match="InvalidCiphertextException"):
        remote(key).decrypt(sealed, b"for Mallory")


def test_an_envelope_opens_again_once_its_material_is_imported_again(remote, kms, empty_key, import_material):
    material = os.urandom(32)
    import_material(empty_key, material)
    envelope = aead.KmsEnvelopeAead(aead.aead_key_templates.AES256_GCM, remote(empty_key))
    sealed = envelope.encrypt(LETTER, b"letter")
    kms.delete_imported_key_material(KeyId=empty_key)
    for call in (lambda: envelope.decrypt(sealed, b"letter"), lambda: envelope.encrypt(LETTER, b"letter")):
        with pytest.raises(tink.TinkError, match=f"KMSInvalidStateException.*{empty_key} is pending import"):
            call()
    import_material(empty_key, material)
    assert envelope.decrypt(sealed, b"letter") == LETTER


def test_a_key_is_reached_by_its_uri_with_the_environment_alone(environment, key):
    client = awskms.AwsKmsClient(f"aws-kms://{key}", None)
    remote = client.get_aead(f"aws-kms://{key}")
    assert remote.decrypt(remote.encrypt(b"a letter", b""), b"") == b"a letter"
