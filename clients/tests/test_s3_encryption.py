"""Objects in S3, encrypted before they leave by the S3 Encryption Client for Python under a key of ours."""

import os

import boto3
import botocore.config
import pytest
from s3_encryption import S3EncryptionClient, S3EncryptionClientConfig
from s3_encryption.exceptions import S3EncryptionClientError
from s3_encryption.materials.kms_keyring import KmsKeyring

LETTER = os.urandom(100_000)


@pytest.fixture
def s3(store):
    """A plain client with a bucket: what whoever keeps the objects sees."""
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    known = {"aws_access_key_id": "store", "aws_secret_access_key": "store", "region_name": "us-east-1"}

    def make():
        return boto3.client("s3", endpoint_url=store.endpoint, config=config, **known)

    make().create_bucket(Bucket="letters")
    return make


@pytest.fixture
def encrypting(s3, kms):
    """Makes an encrypting client of a key."""
    return lambda key: S3EncryptionClient(s3(), S3EncryptionClientConfig(keyring=KmsKeyring(kms, key)))


def test_an_object_is_encrypted_and_read_with_its_encryption_context(encrypting, s3, key):
    put(encrypting(key), "letter", EncryptionContext={"for": "Eve"})
    kept = s3().get_object(Bucket="letters", Key="letter")
    assert LETTER[:64] not in kept["Body"].read()
    assert get(encrypting(key), "letter", EncryptionContext={"for": "Eve"}) == LETTER
    with pytest.raises(S3EncryptionClientError, match="encryption context"):
        get(encrypting(key), "letter", EncryptionContext={"for": "Mallory"})


def test_an_object_that_is_uploaded_in_parts_is_read_whole(encrypting, key):
    letter = os.urandom(11 * 1024 * 1024)
    client = encrypting(key)
    upload = client.create_multipart_upload(Bucket="letters", Key="long")["UploadId"]
    half = 6 * 1024 * 1024
    parts = []
    for number, body in ((1, letter[:half]), (2, letter[half:])):
        part = {"Bucket": "letters", "Key": "long", "UploadId": upload, "PartNumber": number}
        etag = client.upload_part(**part, Body=body, IsLastPart=number == 2)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    client.complete_multipart_upload(Bucket="letters", Key="long", UploadId=upload, MultipartUpload={"Parts": parts})
    assert get(encrypting(key), "long") == letter


def test_an_object_whose_context_was_changed_in_the_store_is_refused_by_the_key(encrypting, s3, key, kms):
    put(encrypting(key), "letter", EncryptionContext={"for": "Eve"})
    kept = s3().get_object(Bucket="letters", Key="letter")
    forged = {name: value.replace("Eve", "Bob") for name, value in kept["Metadata"].items()}
    assert forged != kept["Metadata"]
    s3().put_object(Bucket="letters", Key="letter", Body=kept["Body"].read(), Metadata=forged)
    with pytest.raises(Exception) as refusal:
        get(encrypting(key), "letter", EncryptionContext={"for": "Bob"})
    assert "InvalidCiphertextException" in str(refusal.value)


def test_an_object_opens_again_once_its_material_is_imported_again(encrypting, kms, empty_key, import_material):
    material = os.urandom(32)
    import_material(empty_key, material)
    put(encrypting(empty_key), "imported")
    kms.delete_imported_key_material(KeyId=empty_key)
    for call in (lambda: get(encrypting(empty_key), "imported"), lambda: put(encrypting(empty_key), "another")):
        with pytest.raises(Exception) as refusal:
            call()
        assert f"{empty_key} is pending import." in str(refusal.value)
    import_material(empty_key, material)
    assert get(encrypting(empty_key), "imported") == LETTER


def put(client, name, **members):
    client.put_object(Bucket="letters", Key=name, Body=LETTER, **members)


def get(client, name, **members):
    return client.get_object(Bucket="letters", Key=name, **members)["Body"].read()
