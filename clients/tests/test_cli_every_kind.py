"""Every kind of key with the AWS CLI: made or imported, used together with `cryptography`, and deleted."""

import botocore.exceptions
import pytest
from cryptography.hazmat.primitives import serialization

from kinds import SIGNING, TABLE, check_described, spki
from tools import import_command, patiently, token_objects
from uses import check_use, new_material

KINDS = [(spec, usage) for spec, row in TABLE.items() for usage in row["usages"]]
# RSA_4096 would cost more time here than it tells.
PAIRS = [spec for spec in SIGNING if spec != "RSA_4096"]


def is_refused(kms, key, spec, usage, why):
    """The key refuses the first thing that a key of its kind does."""
    with pytest.raises(botocore.exceptions.ClientError, match=f"KMSInvalidStateException.* {key} is pending {why}."):
        check_use(kms, key, spec, usage)


@pytest.mark.parametrize("spec, usage", KINDS)
def test_a_key_is_made_used_and_refuses_once_its_deletion_is_scheduled(kms_by_cli, spec, usage):
    made = patiently(kms_by_cli.create_key, KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    assert made == kms_by_cli.describe_key(KeyId=made["KeyId"])["KeyMetadata"]
    check_described(made, spec, usage)
    assert (made["KeyState"], made["Origin"]) == ("Enabled", "AWS_KMS")
    check_use(kms_by_cli, made["Arn"], spec, usage)
    scheduled = kms_by_cli.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)
    assert (scheduled["KeyId"], scheduled["KeyState"]) == (made["Arn"], "PendingDeletion")
    is_refused(kms_by_cli, made["Arn"], spec, usage, "deletion")


@pytest.mark.parametrize("spec, usage", KINDS)
def test_material_that_openssl_wrapped_is_imported_used_deleted_and_comes_back(kms_by_cli, server, spec, usage):
    material, original = new_material(spec)
    made = kms_by_cli.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")["KeyMetadata"]
    key, arn = made["KeyId"], made["Arn"]
    assert (made["KeyState"], made["Origin"]) == ("PendingImport", "EXTERNAL")
    cli = kms_by_cli.cli
    command = import_command(cli, key, material, *TABLE[spec]["wrapping"])
    imported = cli(command)
    assert (imported["KeyId"], token_objects(server.data_dir, key)) == (arn, 1)
    check_use(kms_by_cli, arn, spec, usage, original)

    deleted = kms_by_cli.delete_imported_key_material(KeyId=key)
    assert (deleted, token_objects(server.data_dir, key)) == (imported, 0)
    is_refused(kms_by_cli, arn, spec, usage, "import")
    assert (cli(command), token_objects(server.data_dir, key)) == (imported, 1)
    check_use(kms_by_cli, arn, spec, usage, original)


@pytest.mark.parametrize("spec", PAIRS)
def test_a_data_key_pair_is_a_pair_whose_private_key_the_key_opens(kms_by_cli, spec):
    key = kms_by_cli.create_key()["KeyMetadata"]["Arn"]
    by = {"KeyId": key, "KeyPairSpec": spec, "EncryptionContext": {"purpose": "test"}}
    full = kms_by_cli.generate_data_key_pair(**by)
    half = kms_by_cli.generate_data_key_pair_without_plaintext(**by)
    assert "PrivateKeyPlaintext" not in half
    for made in (full, half):
        blob = made["PrivateKeyCiphertextBlob"]
        opened = kms_by_cli.decrypt(CiphertextBlob=blob, EncryptionContext=by["EncryptionContext"])["Plaintext"]
        assert opened == made.get("PrivateKeyPlaintext", opened)
        private = serialization.load_der_private_key(opened, None)
        assert (made["KeyPairSpec"], spki(private.public_key())) == (spec, made["PublicKey"])
        with pytest.raises(botocore.exceptions.ClientError, match="InvalidCiphertextException"):
            kms_by_cli.decrypt(CiphertextBlob=blob)
