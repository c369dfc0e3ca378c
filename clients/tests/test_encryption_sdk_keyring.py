"""Files encrypted by the AWS Encryption SDK for Python with the KMS keyrings of the Material Providers Library."""

import os

import aws_encryption_sdk
import pytest
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.errors import ComAmazonawsKms
from aws_cryptographic_material_providers.mpl.models import (
    CreateAwsKmsDiscoveryKeyringInput,
    CreateAwsKmsKeyringInput,
    CreateMultiKeyringInput,
    DiscoveryFilter,
)
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError

CONTEXT = {"file": "letter.txt", "purpose": "Prüfung ☂"}
LETTER = os.urandom(100_000)
PROVIDERS = AwsCryptographicMaterialProviders(MaterialProvidersConfig())


@pytest.fixture
def keyring(kms):
    """Makes the keyring of one key."""
    return lambda key: PROVIDERS.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=kms))


def test_a_file_is_encrypted_and_opened_with_its_encryption_context(keyring, key):
    encrypted = encrypt(keyring(key))
    assert LETTER[:64] not in encrypted
    plaintext, header = decrypt(keyring(key), encrypted)
    assert plaintext == LETTER
    assert CONTEXT.items() <= header.encryption_context.items()


def test_an_encryption_context_that_was_changed_in_the_file_is_refused_by_the_key(keyring, key, refusals):
    encrypted = encrypt(keyring(key))
    assert encrypted.count(b"letter.txt") == 1
    with pytest.raises(AWSEncryptionSDKClientError):
        decrypt(keyring(key), encrypted.replace(b"letter.txt", b"better.txt"))
    assert refusals == ["InvalidCiphertextException"]


def test_whoever_knows_no_key_discovers_those_of_the_accounts_he_trusts(keyring, kms, key, account):
    def discovery(trusted):
        trust = DiscoveryFilter(account_ids=[trusted], partition="aws")
        return PROVIDERS.create_aws_kms_discovery_keyring(
            CreateAwsKmsDiscoveryKeyringInput(kms_client=kms, discovery_filter=trust)
        )

    encrypted = encrypt(keyring(key))
    assert decrypt(discovery(account), encrypted)[0] == LETTER
    with pytest.raises(AWSEncryptionSDKClientError):
        decrypt(discovery("111122223333"), encrypted)


def test_a_file_for_two_keys_is_opened_by_the_one_that_is_left(keyring, kms):
    keys = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    generator, child = map(keyring, keys)
    both = PROVIDERS.create_multi_keyring(CreateMultiKeyringInput(generator=generator, child_keyrings=[child]))
    encrypted = encrypt(both)
    kms.disable_key(KeyId=keys[0])
    assert decrypt(both, encrypted)[0] == LETTER
    with pytest.raises(AWSEncryptionSDKClientError) as refusal:
        decrypt(keyring(keys[0]), encrypted)
    assert f"{keys[0]} is disabled." in repr(refusal.value)


def test_a_file_opens_again_once_its_material_is_imported_again(keyring, kms, empty_key, import_material, refusals):
    material = os.urandom(32)
    import_material(empty_key, material)
    encrypted = encrypt(keyring(empty_key))
    kms.delete_imported_key_material(KeyId=empty_key)
    with pytest.raises(AWSEncryptionSDKClientError) as refusal:
        decrypt(keyring(empty_key), encrypted)
    assert f"{empty_key} is pending import." in repr(refusal.value)
    with pytest.raises(ComAmazonawsKms, match="is pending import"):
        encrypt(keyring(empty_key))
    assert refusals == ["KMSInvalidStateException"] * 2
    import_material(empty_key, material)
    assert decrypt(keyring(empty_key), encrypted)[0] == LETTER


def encrypt(keyring):
    client = aws_encryption_sdk.EncryptionSDKClient()
    return client.encrypt(source=LETTER, keyring=keyring, encryption_context=CONTEXT)[0]


def decrypt(keyring, encrypted):
    return aws_encryption_sdk.EncryptionSDKClient().decrypt(source=encrypted, keyring=keyring)
