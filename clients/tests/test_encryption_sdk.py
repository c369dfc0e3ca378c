"""Files encrypted by the AWS Encryption SDK for Python under a key of ours, with its older provider of master keys."""

import io
import os

import aws_encryption_sdk
import botocore.session
import pytest
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError, MasterKeyProviderError
from aws_encryption_sdk.key_providers.kms import DiscoveryAwsKmsMasterKeyProvider, StrictAwsKmsMasterKeyProvider

CONTEXT = {"file": "letter.txt", "purpose": "Prüfung ☂"}


@pytest.fixture
def session(environment):
    """A botocore session that finds the server and its credentials in the environment, as a user's program does."""
    return botocore.session.Session()


@pytest.fixture
def letter(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_bytes(os.urandom(300_000))
    return path


def test_a_file_is_encrypted_and_opened_with_its_encryption_context(session, key, letter):
    encrypted = encrypt(session, key, letter)
    assert letter.read_bytes()[:64] not in encrypted
    plaintext, header = decrypt(strict(session, key), encrypted)
    assert plaintext == letter.read_bytes()
    assert CONTEXT.items() <= header.encryption_context.items()


def test_whoever_knows_no_key_discovers_it_in_the_file(session, key, letter):
    plaintext, _ = decrypt(DiscoveryAwsKmsMasterKeyProvider(botocore_session=session), encrypt(session, key, letter))
    assert plaintext == letter.read_bytes()


def test_a_file_for_two_keys_is_opened_by_either(session, kms, letter):
    keys = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    encrypted = encrypt(session, keys[0], letter, keys[1])
    kms.disable_key(KeyId=keys[0])
    plaintext, _ = decrypt(strict(session, *keys), encrypted)
    assert plaintext == letter.read_bytes()


def test_a_changed_file_is_refused(session, key, letter):
    encrypted = bytearray(encrypt(session, key, letter))
    encrypted[len(encrypted) // 2] ^= 1
    with pytest.raises(Exception) as refusal:
        decrypt(strict(session, key), bytes(encrypted))
    assert type(refusal.value).__name__ == "InvalidTag"


def test_a_file_opens_again_once_its_material_is_imported_again(session, kms, empty_key, import_material, letter):
    material = os.urandom(32)
    import_material(empty_key, material)
    encrypted = encrypt(session, empty_key, letter)
    # New providers each time: none may remember a data key.
    assert decrypt(strict(session, empty_key), encrypted)[0] == letter.read_bytes()

    kms.delete_imported_key_material(KeyId=empty_key)
    with pytest.raises((MasterKeyProviderError, AWSEncryptionSDKClientError)):
        decrypt(strict(session, empty_key), encrypted)
    with pytest.raises((MasterKeyProviderError, AWSEncryptionSDKClientError)):
        encrypt(session, empty_key, letter)

    import_material(empty_key, material)
    assert decrypt(strict(session, empty_key), encrypted)[0] == letter.read_bytes()


def strict(session, *keys):
    return StrictAwsKmsMasterKeyProvider(key_ids=keys, botocore_session=session)


def encrypt(session, key, path, *more_keys):
    encrypted = io.BytesIO()
    client = aws_encryption_sdk.EncryptionSDKClient()
    with path.open("rb") as source, client.stream(
        mode="e", source=source, key_provider=strict(session, key, *more_keys), encryption_context=CONTEXT
    ) as stream:
        for chunk in stream:
            encrypted.write(chunk)
    return encrypted.getvalue()


def decrypt(provider, encrypted):
    return aws_encryption_sdk.EncryptionSDKClient().decrypt(source=encrypted, key_provider=provider)
