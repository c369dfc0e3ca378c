"""Branch keys in DynamoDB, wrapped by a key of ours, and the data keys that the Encryption SDK has beneath them.

The key store makes a branch key by GenerateDataKeyWithoutPlaintext and ReEncrypt, and opens it by Decrypt once for many files.
"""

import os

import aws_encryption_sdk
import boto3
import pytest
from aws_cryptographic_material_providers.keystore.client import KeyStore
from aws_cryptographic_material_providers.keystore.config import KeyStoreConfig
from aws_cryptographic_material_providers.keystore.models import (
    CreateKeyInput,
    CreateKeyStoreInput,
    GetActiveBranchKeyInput,
    KMSConfigurationKmsKeyArn,
    VersionKeyInput,
)
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import CreateAwsKmsHierarchicalKeyringInput
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError

LETTER = os.urandom(10_000)


@pytest.fixture
def key_store(store, account, kms):
    """Makes the store of branch keys under a key; those of one test share a table."""
    known = {"aws_access_key_id": "store", "aws_secret_access_key": "store", "region_name": "us-east-1"}
    table = f"branches-{account}"

    def make(key):
        return KeyStore(
            KeyStoreConfig(
                ddb_client=boto3.client("dynamodb", endpoint_url=store.endpoint, **known),
                ddb_table_name=table,
                logical_key_store_name=table,
                kms_configuration=KMSConfigurationKmsKeyArn(key),
                kms_client=kms,
            )
        )

    return make


def test_files_are_encrypted_beneath_a_branch_key_and_opened_beneath_its_next_version_too(key_store, key):
    branches = key_store(key)
    branches.create_key_store(CreateKeyStoreInput())
    branch = branches.create_key(CreateKeyInput()).branch_key_identifier
    encrypted = encrypt(keyring(branches, branch))
    assert decrypt(keyring(branches, branch), encrypted) == LETTER

    active = GetActiveBranchKeyInput(branch_key_identifier=branch)
    before = branches.get_active_branch_key(active).branch_key_materials
    branches.version_key(VersionKeyInput(branch_key_identifier=branch))
    after = branches.get_active_branch_key(active).branch_key_materials
    assert before.branch_key_version != after.branch_key_version and before.branch_key != after.branch_key
    assert decrypt(keyring(branches, branch), encrypted) == LETTER


def test_a_branch_opens_again_once_the_material_above_it_is_imported_again(
    key_store, kms, empty_key, import_material, refusals
):
    material = os.urandom(32)
    import_material(empty_key, material)
    branches = key_store(empty_key)
    branches.create_key_store(CreateKeyStoreInput())
    branch = branches.create_key(CreateKeyInput()).branch_key_identifier
    encrypted = encrypt(keyring(branches, branch))
    kms.delete_imported_key_material(KeyId=empty_key)
    with pytest.raises(AWSEncryptionSDKClientError) as refusal:
        decrypt(keyring(branches, branch), encrypted)
    assert "is pending import" in repr(refusal.value)
    with pytest.raises(Exception, match="is pending import"):
        branches.create_key(CreateKeyInput())
    assert refusals == ["KMSInvalidStateException"] * 2
    import_material(empty_key, material)
    assert decrypt(keyring(branches, branch), encrypted) == LETTER


def keyring(branches, branch):
    """A new keyring, which remembers no branch key."""
    providers = AwsCryptographicMaterialProviders(MaterialProvidersConfig())
    return providers.create_aws_kms_hierarchical_keyring(
        CreateAwsKmsHierarchicalKeyringInput(key_store=branches, branch_key_id=branch, ttl_seconds=60)
    )


def encrypt(keys):
    return aws_encryption_sdk.EncryptionSDKClient().encrypt(source=LETTER, keyring=keys)[0]


def decrypt(keys, encrypted):
    return aws_encryption_sdk.EncryptionSDKClient().decrypt(source=encrypted, keyring=keys)[0]
