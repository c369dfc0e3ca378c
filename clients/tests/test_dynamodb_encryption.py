"""Items in DynamoDB, encrypted and signed before they leave by the DynamoDB Encryption Client under a key of ours."""

import os

import boto3
import botocore.session
import pytest
from dynamodb_encryption_sdk.encrypted.table import EncryptedTable
from dynamodb_encryption_sdk.exceptions import SignatureVerificationError, UnwrappingError, WrappingError
from dynamodb_encryption_sdk.identifiers import CryptoAction
from dynamodb_encryption_sdk.material_providers.aws_kms import AwsKmsCryptographicMaterialsProvider
from dynamodb_encryption_sdk.structures import AttributeActions

NAME = {"owner": "Eve"}
ITEM = NAME | {"letter": "meet me at the mill", "pages": {1, 2}, "stamp": "paid"}
ACTIONS = AttributeActions(
    default_action=CryptoAction.ENCRYPT_AND_SIGN, attribute_actions={"stamp": CryptoAction.SIGN_ONLY}
)


@pytest.fixture
def table(store, account, environment):
    """A plain table: what whoever keeps the items sees."""
    known = {"aws_access_key_id": "store", "aws_secret_access_key": "store", "region_name": "us-east-1"}
    return boto3.resource("dynamodb", endpoint_url=store.endpoint, **known).create_table(
        TableName=f"letters-{account}",
        KeySchema=[{"AttributeName": "owner", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "owner", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def encrypting(table):
    """Makes the encrypting view of the table under a key; the library finds the server in the environment."""

    def make(key):
        provider = AwsKmsCryptographicMaterialsProvider(key_id=key, botocore_session=botocore.session.Session())
        return EncryptedTable(table=table, materials_provider=provider, attribute_actions=ACTIONS)

    return make


def test_an_item_is_encrypted_and_read(encrypting, table, key):
    encrypting(key).put_item(Item=ITEM)
    kept = table.get_item(Key=NAME)["Item"]
    assert kept["stamp"] == "paid"
    assert b"mill" not in bytes(kept["letter"])
    assert encrypting(key).get_item(Key=NAME)["Item"] == ITEM


def test_an_item_that_was_given_another_owner_is_refused_by_the_key(encrypting, table, key):
    encrypting(key).put_item(Item=ITEM)
    table.put_item(Item=table.get_item(Key=NAME)["Item"] | {"owner": "Mallory"})
    with pytest.raises(UnwrappingError) as refusal:
        encrypting(key).get_item(Key={"owner": "Mallory"})
    assert "InvalidCiphertextException" in str(refusal.value.__context__)


def test_an_item_whose_signed_attribute_was_changed_is_refused(encrypting, table, key):
    encrypting(key).put_item(Item=ITEM)
    table.put_item(Item=table.get_item(Key=NAME)["Item"] | {"stamp": "free"})
    with pytest.raises(SignatureVerificationError):
        encrypting(key).get_item(Key=NAME)


def test_an_item_opens_again_once_its_material_is_imported_again(encrypting, kms, empty_key, import_material):
    material = os.urandom(32)
    import_material(empty_key, material)
    encrypting(empty_key).put_item(Item=ITEM)
    kms.delete_imported_key_material(KeyId=empty_key)
    with pytest.raises(UnwrappingError) as refusal:
        encrypting(empty_key).get_item(Key=NAME)
    assert "KMSInvalidStateException" in str(refusal.value.__context__)
    with pytest.raises(WrappingError) as refusal:
        encrypting(empty_key).put_item(Item=ITEM)
    assert f"{empty_key} is pending import." in str(refusal.value.__context__)
    import_material(empty_key, material)
    assert encrypting(empty_key).get_item(Key=NAME)["Item"] == ITEM
