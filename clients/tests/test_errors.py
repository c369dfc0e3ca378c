"""Refusals as boto3 sees them: the typed exception and its exact text."""

import os

import botocore.exceptions
import pytest

from tools import token_objects, wait_until, wrap

ABSENT = "1234abcd-12ab-34cd-56ef-1234567890ab"
WRAPPING = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}


def message(refusal):
    return refusal.value.response["Error"].get("Message", "")


def status(refusal):
    return refusal.value.response["ResponseMetadata"]["HTTPStatusCode"]


def refused(code):
    """An error that has no class of its own in the service model; its code is checked by `code_of`."""
    return pytest.raises(botocore.exceptions.ClientError, match=code)


@pytest.mark.parametrize(
    "key_id, text",
    [
        (ABSENT, "Key 'arn:aws:kms:us-east-1:{account}:key/" + ABSENT + "' does not exist"),
        ("arn:aws:kms:us-east-1:{account}:key/" + ABSENT, "Key 'arn:aws:kms:us-east-1:{account}:key/" + ABSENT + "' does not exist"),
        ("foo", "Invalid keyId 'foo'"),
        ("arn:aws:kms:eu-west-1:{account}:key/" + ABSENT, "Invalid arn eu-west-1"),
        ("alias/nobody", "Alias arn:aws:kms:us-east-1:{account}:alias/nobody is not found."),
    ],
)
def test_a_key_that_is_not_there_is_not_found(kms, account, key_id, text):
    for call in (kms.describe_key, lambda **key: kms.encrypt(Plaintext=b"x", **key)):
        with pytest.raises(kms.exceptions.NotFoundException) as refusal:
            call(KeyId=key_id.format(account=account))
        assert (message(refusal), status(refusal)) == (text.format(account=account), 400)


def test_an_alias_is_no_key_id_for_management(kms):
    with pytest.raises(kms.exceptions.InvalidArnException) as refusal:
        kms.disable_key(KeyId="alias/any")
    assert message(refusal) == "Key Aliases are not supported for this operation."


def test_a_disabled_key_refuses_to_work(kms, key):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key)
    for call in (
        lambda: kms.encrypt(KeyId=key, Plaintext=b"x"),
        lambda: kms.decrypt(CiphertextBlob=blob),
        lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"),
        lambda: kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256"),
    ):
        with pytest.raises(kms.exceptions.DisabledException) as refusal:
            call()
        assert message(refusal) == f"{key} is disabled."


def test_a_key_that_awaits_its_deletion_refuses_to_work_and_to_change(kms, key):
    kms.schedule_key_deletion(KeyId=key)
    for call in (
        lambda: kms.encrypt(KeyId=key, Plaintext=b"x"),
        lambda: kms.enable_key(KeyId=key),
        lambda: kms.disable_key(KeyId=key),
        lambda: kms.update_key_description(KeyId=key, Description="x"),
        lambda: kms.schedule_key_deletion(KeyId=key),
    ):
        with pytest.raises(kms.exceptions.KMSInvalidStateException) as refusal:
            call()
        assert message(refusal) == f"{key} is pending deletion."


def test_a_key_whose_window_is_over_is_gone_with_its_material(kms, key, server, clock):
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    clock(8 * 86400)
    wait_until(lambda: kms.list_keys()["Keys"] == [])
    with pytest.raises(kms.exceptions.NotFoundException) as refusal:
        kms.describe_key(KeyId=key)
    assert message(refusal) == f"Key '{key}' does not exist"
    assert token_objects(server.data_dir, key.rsplit("/")[-1]) == 0


def test_a_key_without_material_refuses_to_work_and_to_be_switched(kms, empty_key):
    for call in (
        lambda: kms.encrypt(KeyId=empty_key, Plaintext=b"x"),
        lambda: kms.enable_key(KeyId=empty_key),
        lambda: kms.disable_key(KeyId=empty_key),
    ):
        with pytest.raises(kms.exceptions.KMSInvalidStateException) as refusal:
            call()
        assert message(refusal) == f"{empty_key} is pending import."


def test_a_deletion_that_is_not_scheduled_cannot_be_cancelled(kms, key):
    with pytest.raises(kms.exceptions.KMSInvalidStateException) as refusal:
        kms.cancel_key_deletion(KeyId=key)
    assert message(refusal) == f"{key} is not pending deletion."


def test_a_changed_ciphertext_and_a_wrong_context_are_invalid_and_say_no_more(kms, key):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1"})["CiphertextBlob"]
    changed = blob[:-1] + bytes([blob[-1] ^ 1])
    for members in (
        {"CiphertextBlob": blob},
        {"CiphertextBlob": blob, "EncryptionContext": {"a": "2"}},
        {"CiphertextBlob": blob, "EncryptionContext": {"A": "1"}},
        {"CiphertextBlob": changed, "EncryptionContext": {"a": "1"}},
        {"CiphertextBlob": blob + b"x", "EncryptionContext": {"a": "1"}},
        {"CiphertextBlob": b"no ciphertext at all"},
    ):
        with pytest.raises(kms.exceptions.InvalidCiphertextException) as refusal:
            kms.decrypt(**members)
        assert message(refusal) == ""


def test_a_ciphertext_of_another_key_names_the_wrong_key(kms, key):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=other, Plaintext=b"x")["CiphertextBlob"]
    with pytest.raises(kms.exceptions.IncorrectKeyException) as refusal:
        kms.decrypt(CiphertextBlob=blob, KeyId=key)
    assert message(refusal) == "The key ID in the request does not identify a CMK that can perform this operation."


def test_a_dry_run_ends_before_the_act(kms, key):
    for call in (
        lambda: kms.encrypt(KeyId=key, Plaintext=b"x", DryRun=True),
        lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256", DryRun=True),
    ):
        with pytest.raises(kms.exceptions.DryRunOperationException) as refusal:
            call()
        assert message(refusal) == "The request would have succeeded, but the DryRun option is set."


def test_a_symmetric_key_knows_one_algorithm(kms, key):
    with pytest.raises(kms.exceptions.InvalidKeyUsageException) as refusal:
        kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    assert message(refusal) == "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."


def test_a_grant_token_and_a_marker_that_we_never_gave_are_invalid(kms, key):
    with pytest.raises(kms.exceptions.InvalidGrantTokenException):
        kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=["no-token"])
    with pytest.raises(kms.exceptions.InvalidMarkerException):
        kms.list_keys(Marker="no-marker")


def test_a_policy_that_is_none_and_tags_that_may_not_be_are_refused(kms):
    with pytest.raises(kms.exceptions.MalformedPolicyDocumentException):
        kms.create_key(Policy="{")
    with pytest.raises(kms.exceptions.LimitExceededException):
        kms.create_key(Policy="x" * 32769)
    with pytest.raises(kms.exceptions.TagException) as refusal:
        kms.create_key(Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}])
    assert message(refusal) == "Duplicate tag keys"


def test_generated_material_can_neither_be_imported_nor_deleted(kms, key):
    for call in (
        lambda: kms.get_parameters_for_import(KeyId=key, **WRAPPING),
        lambda: kms.delete_imported_key_material(KeyId=key),
    ):
        with pytest.raises(kms.exceptions.UnsupportedOperationException) as refusal:
            call()
        assert message(refusal) == f"{key} origin is AWS_KMS which is not valid for this operation."


def test_an_import_token_serves_one_key_for_one_day(kms, empty_key, tmp_path, clock):
    parameters = kms.get_parameters_for_import(KeyId=empty_key, **WRAPPING)
    encrypted = wrap(parameters["PublicKey"], os.urandom(32), "sha256", tmp_path)
    other = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    for key_id, token in ((other, parameters["ImportToken"]), (empty_key, os.urandom(32))):
        with pytest.raises(kms.exceptions.InvalidImportTokenException):
            kms.import_key_material(KeyId=key_id, ImportToken=token, EncryptedKeyMaterial=encrypted, **FOREVER)
    clock(86401)
    with pytest.raises(kms.exceptions.ExpiredImportTokenException):
        kms.import_key_material(
            KeyId=empty_key, ImportToken=parameters["ImportToken"], EncryptedKeyMaterial=encrypted, **FOREVER
        )


def test_material_of_the_wrong_length_or_broken_is_refused(kms, empty_key, tmp_path):
    parameters = kms.get_parameters_for_import(KeyId=empty_key, **WRAPPING)
    for encrypted in (
        wrap(parameters["PublicKey"], os.urandom(31), "sha256", tmp_path),
        wrap(parameters["PublicKey"], os.urandom(32), "sha1", tmp_path),
        os.urandom(256),
    ):
        with pytest.raises(kms.exceptions.InvalidCiphertextException) as refusal:
            kms.import_key_material(
                KeyId=empty_key, ImportToken=parameters["ImportToken"], EncryptedKeyMaterial=encrypted, **FOREVER
            )
        assert message(refusal) == ""


def test_another_material_is_incorrect_and_a_second_one_waits_for_rotation(kms, empty_key, import_material):
    import_material(empty_key, os.urandom(32))
    with pytest.raises(kms.exceptions.IncorrectKeyMaterialException) as refusal:
        import_material(empty_key, os.urandom(32))
    assert message(refusal) == (
        "The key material in the request is not the same key material that was previously imported into this KMS key."
    )
    with pytest.raises(kms.exceptions.UnsupportedOperationException):
        import_material(empty_key, os.urandom(32), ImportType="NEW_KEY_MATERIAL")


def test_a_foreign_key_cannot_be_told_from_one_that_is_not_there(client, account, key):
    stranger = client(str(int(account) - 1))
    for key_id in (key, key.rsplit("/")[0] + "/" + ABSENT):
        with refused("AccessDeniedException") as refusal:
            stranger.encrypt(KeyId=key_id, Plaintext=b"x")
        assert message(refusal) == (
            f"User: arn:aws:iam::{int(account) - 1:012}:root is not authorized to perform: kms:Encrypt on this resource "
            "because the resource does not exist in this Region, no resource-based policies allow access, or a "
            "resource-based policy explicitly denies access"
        )


def test_a_wrong_secret_and_an_unknown_access_key_are_refused(client, account):
    with refused("InvalidSignatureException") as refusal:
        client(account, secret="wrong").list_keys()
    assert message(refusal).startswith("The request signature we calculated does not match the signature you provided.")
    with refused("UnrecognizedClientException") as refusal:
        client("AKIANOBODY").list_keys()
    assert message(refusal) == "The security token included in the request is invalid."
