"""boto3 and the AWS CLI call every operation that the server says it serves, and boto3 every one that it says it does not."""

import base64
import datetime
import os
import subprocess

import pytest

from test_names_and_tags import (  # noqa: F401 (called by their names)
    create_alias,
    delete_alias,
    get_key_policy,
    list_aliases,
    list_key_policies,
    list_resource_tags,
    tag_resource,
    untag_resource,
    update_alias,
)
from tools import token_objects, wait_until

WRAPPING = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}


def operations(word):
    """Names of the operations that `strongroom operations` lists with this word."""
    listing = subprocess.run(
        [os.environ["STRONGROOM_BIN"], "operations"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    return [line.split("\t")[0] for line in listing.splitlines() if line.split("\t")[1] == word]


# One function per operation, by its name: what a success looks like to boto3. A name that is served and stands nowhere
# here fails the test below.


def cancel_key_deletion(kms, key):
    kms.schedule_key_deletion(KeyId=key)
    assert kms.cancel_key_deletion(KeyId=key)["KeyId"] == key
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (metadata["KeyState"], "DeletionDate" in metadata) == ("Disabled", False)


def create_key(kms, key):
    made = kms.create_key(Description="für Ä", Tags=[{"TagKey": "team", "TagValue": "ops"}])["KeyMetadata"]
    assert made["Arn"] == f"arn:aws:kms:us-east-1:{made['AWSAccountId']}:key/{made['KeyId']}"
    assert (made["KeyState"], made["Enabled"], made["Origin"]) == ("Enabled", True, "AWS_KMS")
    assert made["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"]
    assert made["KeySpec"] == made["CustomerMasterKeySpec"] == "SYMMETRIC_DEFAULT"
    assert len(made["CurrentKeyMaterialId"]) == 64
    assert abs(made["CreationDate"] - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=1)


def decrypt(kms, key):
    context = {"purpose": "Prüfung ☂", "empty": ""}
    blob = kms.encrypt(KeyId=key, Plaintext=b"\x00" * 4096, EncryptionContext=context)["CiphertextBlob"]
    for members in ({}, {"KeyId": key}, {"KeyId": key.rsplit("/")[-1], "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}):
        answer = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context, **members)
        assert (answer["Plaintext"], answer["KeyId"]) == (b"\x00" * 4096, key)
        assert answer["KeyMaterialId"] == kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]


def describe_key(kms, key):
    by_arn = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert by_arn == kms.describe_key(KeyId=by_arn["KeyId"])["KeyMetadata"]
    assert (by_arn["KeyManager"], by_arn["KeyUsage"], by_arn["MultiRegion"]) == ("CUSTOMER", "ENCRYPT_DECRYPT", False)


def disable_key(kms, key):
    kms.disable_key(KeyId=key)
    kms.disable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


def enable_key(kms, key):
    kms.disable_key(KeyId=key)
    kms.enable_key(KeyId=key)
    assert kms.encrypt(KeyId=key, Plaintext=b"works again")["KeyId"] == key


def encrypt(kms, key):
    answer = kms.encrypt(KeyId=key, Plaintext=b"a letter")
    assert (answer["KeyId"], answer["EncryptionAlgorithm"]) == (key, "SYMMETRIC_DEFAULT")
    assert b"a letter" not in answer["CiphertextBlob"]
    assert answer["CiphertextBlob"] != kms.encrypt(KeyId=key, Plaintext=b"a letter")["CiphertextBlob"]


def generate_data_key(kms, key):
    for members, length in (({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024)):
        answer = kms.generate_data_key(KeyId=key, EncryptionContext={"n": str(length)}, **members)
        assert len(answer["Plaintext"]) == length
        opened = kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], EncryptionContext={"n": str(length)})
        assert (opened["Plaintext"], opened["KeyMaterialId"]) == (answer["Plaintext"], answer["KeyMaterialId"])


def generate_data_key_without_plaintext(kms, key):
    answer = kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256")
    assert "Plaintext" not in answer
    assert len(kms.decrypt(CiphertextBlob=answer["CiphertextBlob"])["Plaintext"]) == 32


def generate_random(kms, key):
    values = {kms.generate_random(NumberOfBytes=32)["Plaintext"] for _ in range(5)}
    assert (len(values), {len(value) for value in values}) == (5, {32})
    assert len(kms.generate_random(NumberOfBytes=1024)["Plaintext"]) == 1024


def get_parameters_for_import(kms, key):
    external = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    answer = kms.get_parameters_for_import(KeyId=external, **WRAPPING)
    assert answer["KeyId"] == external
    assert base64.b64encode(answer["PublicKey"]).startswith(b"MIIBIjAN")  # SubjectPublicKeyInfo of RSA-2048
    ahead = answer["ParametersValidTo"] - datetime.datetime.now(datetime.timezone.utc)
    assert abs(ahead - datetime.timedelta(hours=24)) < datetime.timedelta(minutes=1)


def other_key(kms, usage, spec):
    return kms.create_key(KeyUsage=usage, KeySpec=spec)["KeyMetadata"]["Arn"]


def derive_shared_secret(kms, key):
    ours, theirs = (other_key(kms, "KEY_AGREEMENT", "ECC_NIST_P256") for _ in range(2))

    def secret(own, other):
        public = kms.get_public_key(KeyId=other)["PublicKey"]
        return kms.derive_shared_secret(KeyId=own, KeyAgreementAlgorithm="ECDH", PublicKey=public)["SharedSecret"]

    assert len(secret(ours, theirs)) == 32
    assert secret(ours, theirs) == secret(theirs, ours) != secret(ours, ours)


def generate_data_key_pair(kms, key):
    answer = kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    assert (answer["KeyId"], answer["KeyPairSpec"]) == (key, "ECC_NIST_P256")
    opened = kms.decrypt(CiphertextBlob=answer["PrivateKeyCiphertextBlob"])
    assert opened["Plaintext"] == answer["PrivateKeyPlaintext"]


def generate_data_key_pair_without_plaintext(kms, key):
    answer = kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    assert "PrivateKeyPlaintext" not in answer
    assert kms.decrypt(CiphertextBlob=answer["PrivateKeyCiphertextBlob"])["KeyId"] == key


def generate_mac(kms, key):
    verify_mac(kms, key)


def get_public_key(kms, key):
    signing = other_key(kms, "SIGN_VERIFY", "ECC_NIST_P256")
    answer = kms.get_public_key(KeyId=signing)
    assert (answer["KeyId"], answer["KeyUsage"], answer["SigningAlgorithms"]) == (signing, "SIGN_VERIFY", ["ECDSA_SHA_256"])
    assert base64.b64encode(answer["PublicKey"]).startswith(b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")  # P-256


def sign(kms, key):
    verify(kms, key)


def verify(kms, key):
    signing = {"KeyId": other_key(kms, "SIGN_VERIFY", "ECC_NIST_P256"), "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(Message=b"a letter", **signing)["Signature"]
    assert kms.verify(Message=b"a letter", Signature=signature, **signing)["SignatureValid"] is True
    with pytest.raises(kms.exceptions.KMSInvalidSignatureException):
        kms.verify(Message=b"another letter", Signature=signature, **signing)


def verify_mac(kms, key):
    mac = {"KeyId": other_key(kms, "GENERATE_VERIFY_MAC", "HMAC_256"), "MacAlgorithm": "HMAC_SHA_256"}
    made = kms.generate_mac(Message=b"a letter", **mac)["Mac"]
    assert len(made) == 32
    assert kms.verify_mac(Message=b"a letter", Mac=made, **mac)["MacValid"] is True
    with pytest.raises(kms.exceptions.KMSInvalidMacException):
        kms.verify_mac(Message=b"another letter", Mac=made, **mac)


def list_keys(kms, key):
    assert kms.list_keys()["Keys"] == [{"KeyId": key.rsplit("/")[-1], "KeyArn": key}]


def re_encrypt(kms, key):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"a letter", EncryptionContext={"n": "1"})["CiphertextBlob"]
    answer = kms.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext={"n": "1"}, DestinationKeyId=other, DestinationEncryptionContext={"n": "2"}
    )
    assert (answer["SourceKeyId"], answer["KeyId"]) == (key, other)
    opened = kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], EncryptionContext={"n": "2"})
    assert (opened["KeyId"], opened["Plaintext"]) == (other, b"a letter")


def schedule_key_deletion(kms, key):
    answer = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert (answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]) == (key, "PendingDeletion", 7)
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (metadata["KeyState"], metadata["DeletionDate"]) == ("PendingDeletion", answer["DeletionDate"])


def update_key_description(kms, key):
    kms.update_key_description(KeyId=key, Description="new")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "new"


ELSEWHERE = {
    "DeleteImportedKeyMaterial": "test_material_goes_with_its_expiry_and_comes_back",
    "ImportKeyMaterial": "test_material_goes_with_its_expiry_and_comes_back",
}


def snake(name):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


# What needs a second token, tested in test_post_quantum.py.
POST_QUANTUM = {"Decapsulate", "Encapsulate"}


@pytest.mark.parametrize("name", [name for name in operations("served") if name not in POST_QUANTUM])
def test_a_served_operation_answers_as_boto3_expects(name, kms, key):
    test = globals()[ELSEWHERE.get(name) or snake(name)]
    if name not in ELSEWHERE:
        test(kms, key)


# One command per operation for the AWS CLI, in an order in which each finds what the ones before it made: what stands in
# braces is read from there. Each must succeed; what an operation does is tested above and in the files named for it.
COMMANDS = {
    "CreateKey": "--description first",
    "DescribeKey": "--key-id {key}",
    "ListKeys": "",
    "UpdateKeyDescription": "--key-id {key} --description second",
    "DisableKey": "--key-id {key}",
    "EnableKey": "--key-id {key}",
    "CreateAlias": "--alias-name alias/one --target-key-id {key}",
    "UpdateAlias": "--alias-name alias/one --target-key-id {key}",
    "ListAliases": "--key-id {key}",
    "DeleteAlias": "--alias-name alias/one",
    "TagResource": "--key-id {key} --tags TagKey=team,TagValue=ops",
    "ListResourceTags": "--key-id {key}",
    "UntagResource": "--key-id {key} --tag-keys team",
    "GetKeyPolicy": "--key-id {key} --policy-name default",
    "ListKeyPolicies": "--key-id {key}",
    "Encrypt": "--key-id {key} --plaintext fileb://plaintext",
    "Decrypt": "--ciphertext-blob fileb://ciphertextblob",
    "ReEncrypt": "--ciphertext-blob fileb://ciphertextblob --destination-key-id {key}",
    "GenerateDataKey": "--key-id {key} --key-spec AES_256",
    "GenerateDataKeyWithoutPlaintext": "--key-id {key} --number-of-bytes 64",
    "GenerateRandom": "--number-of-bytes 32",
    "GenerateDataKeyPair": "--key-id {key} --key-pair-spec ECC_NIST_P256",
    "GenerateDataKeyPairWithoutPlaintext": "--key-id {key} --key-pair-spec ECC_NIST_P256",
    "Sign": "--key-id {signing} --message fileb://plaintext --signing-algorithm ECDSA_SHA_256",
    "Verify": "--key-id {signing} --message fileb://plaintext --signing-algorithm ECDSA_SHA_256 --signature fileb://signature",
    "GenerateMac": "--key-id {mac} --message fileb://plaintext --mac-algorithm HMAC_SHA_256",
    "VerifyMac": "--key-id {mac} --message fileb://plaintext --mac-algorithm HMAC_SHA_256 --mac fileb://mac",
    "GetPublicKey": "--key-id {agreeing}",
    "DeriveSharedSecret": "--key-id {agreeing} --key-agreement-algorithm ECDH --public-key fileb://publickey",
    "ScheduleKeyDeletion": "--key-id {key} --pending-window-in-days 7",
    "CancelKeyDeletion": "--key-id {key}",
}

# Keys of other usages, by the names in braces.
OTHER_KEYS = {
    "signing": "--key-usage SIGN_VERIFY --key-spec ECC_NIST_P256",
    "mac": "--key-usage GENERATE_VERIFY_MAC --key-spec HMAC_256",
    "agreeing": "--key-usage KEY_AGREEMENT --key-spec ECC_NIST_P256",
}

# Members of answers that later commands read from files of these names, in lower case.
SAVED = {"Encrypt": "CiphertextBlob", "Sign": "Signature", "GenerateMac": "Mac", "GetPublicKey": "PublicKey"}

# What the AWS CLI does in a test of its own.
CLI_ELSEWHERE = {"DeleteImportedKeyMaterial", "GetParametersForImport", "ImportKeyMaterial"}


def test_the_aws_cli_calls_every_operation_that_is_served(cli):
    assert COMMANDS.keys() | CLI_ELSEWHERE | POST_QUANTUM == set(operations("served"))
    (cli.folder / "plaintext").write_bytes(b"hello")
    keys = {name: cli(f"create-key {members}")["KeyMetadata"]["KeyId"] for name, members in OTHER_KEYS.items()}
    answers = {}
    for name, members in COMMANDS.items():
        answers[name] = cli(f"{snake(name).replace('_', '-')} {members.format_map(keys)}")
        if name == "CreateKey":
            keys["key"] = answers[name]["KeyMetadata"]["KeyId"]
        if saved := SAVED.get(name):
            (cli.folder / saved.lower()).write_bytes(base64.b64decode(answers[name][saved]))
    assert {entry["KeyId"] for entry in answers["ListKeys"]["Keys"]} == set(keys.values())
    assert base64.b64decode(answers["Decrypt"]["Plaintext"]) == b"hello"
    assert [alias["AliasName"] for alias in answers["ListAliases"]["Aliases"]] == ["alias/one"]
    assert answers["ListResourceTags"]["Tags"] == [{"TagKey": "team", "TagValue": "ops"}]
    assert answers["ReEncrypt"]["SourceKeyId"] == answers["ReEncrypt"]["KeyId"]
    assert len(base64.b64decode(answers["GenerateDataKey"]["Plaintext"])) == 32
    assert "Plaintext" not in answers["GenerateDataKeyWithoutPlaintext"]
    assert len(base64.b64decode(answers["GenerateRandom"]["Plaintext"])) == 32
    assert answers["ScheduleKeyDeletion"]["KeyState"] == "PendingDeletion"
    assert (answers["Verify"]["SignatureValid"], answers["VerifyMac"]["MacValid"]) == (True, True)
    assert len(base64.b64decode(answers["DeriveSharedSecret"]["SharedSecret"])) == 32
    assert "PrivateKeyPlaintext" in answers["GenerateDataKeyPair"]
    assert "PrivateKeyPlaintext" not in answers["GenerateDataKeyPairWithoutPlaintext"]
    metadata = cli(f"describe-key --key-id {keys['key']}")["KeyMetadata"]
    assert (metadata["KeyState"], metadata["Description"]) == ("Disabled", "second")


@pytest.mark.parametrize("name", operations("not yet"))
def test_an_operation_that_is_not_served_says_so(name, kms):
    shape = kms.meta.service_model.operation_model(name).input_shape
    with pytest.raises(kms.exceptions.UnsupportedOperationException) as refusal:
        getattr(kms, snake(name))(**smallest(shape))
    assert refusal.value.response["Error"]["Message"] == f"{name} is not served yet."


def smallest(shape):
    """The smallest input that the service model allows, near enough."""
    match shape.type_name:
        case "structure":
            return {member: smallest(shape.members[member]) for member in shape.required_members}
        case "list":
            return [smallest(shape.member)] * shape.metadata.get("min", 1)
        case "blob":
            return b"x"
        case "integer":
            return shape.metadata.get("min", 1)
        case _ if shape.enum:
            return shape.enum[0]
        case _ if shape.name == "CustomKeyStoreIdType":
            return "cks-1234567890abcdef0"
        case _ if shape.name == "RegionType":
            return "eu-west-1"
        case _:
            return "alias/a" if shape.name == "AliasNameType" else "x" * shape.metadata.get("min", 1)


def test_pages_of_keys_come_in_order_and_without_gap(kms):
    made = {kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"] for _ in range(7)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 3}))
    assert [(len(page["Keys"]), page["Truncated"]) for page in pages] == [(3, True), (3, True), (1, False)]
    assert "NextMarker" not in pages[-1]
    assert {key["KeyArn"] for page in pages for key in page["Keys"]} == made
    some = kms.get_paginator("list_keys").paginate(PaginationConfig={"MaxItems": 5, "PageSize": 2}).build_full_result()
    assert len(some["Keys"]) == 5


def test_every_region_has_keys_of_its_own(client, account, kms, key):
    elsewhere = client(account, region="eu-central-1")
    assert elsewhere.list_keys()["Keys"] == []
    assert ":eu-central-1:" in elsewhere.create_key()["KeyMetadata"]["Arn"]
    assert [entry["KeyArn"] for entry in kms.list_keys()["Keys"]] == [key]


def test_material_goes_with_its_expiry_and_comes_back(kms, empty_key, import_material, server, clock):
    material = os.urandom(32)
    valid_to = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).replace(microsecond=0)
    made = import_material(empty_key, material, ValidTo=valid_to, ExpirationModel="KEY_MATERIAL_EXPIRES")
    metadata = kms.describe_key(KeyId=empty_key)["KeyMetadata"]
    assert (metadata["KeyState"], metadata["ExpirationModel"], metadata["ValidTo"]) == (
        "Enabled",
        "KEY_MATERIAL_EXPIRES",
        valid_to,
    )
    assert metadata["CurrentKeyMaterialId"] == made["KeyMaterialId"]
    blob = kms.encrypt(KeyId=empty_key, Plaintext=b"a letter")["CiphertextBlob"]

    clock(3601)
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.decrypt(CiphertextBlob=blob)
    metadata = kms.describe_key(KeyId=empty_key)["KeyMetadata"]
    assert (metadata["KeyState"], "ValidTo" in metadata) == ("PendingImport", False)
    wait_until(lambda: token_objects(server.data_dir, empty_key.rsplit("/")[-1]) == 0)

    assert import_material(empty_key, material)["KeyMaterialId"] == made["KeyMaterialId"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"a letter"
    deleted = kms.delete_imported_key_material(KeyId=empty_key, KeyMaterialId=made["KeyMaterialId"])
    assert (deleted["KeyId"], deleted["KeyMaterialId"]) == (empty_key, made["KeyMaterialId"])
    assert "KeyMaterialId" not in kms.delete_imported_key_material(KeyId=empty_key)
    assert token_objects(server.data_dir, empty_key.rsplit("/")[-1]) == 0


def test_each_answer_is_recorded_with_its_request_id_and_no_secret(kms, key, server):
    answer = kms.encrypt(KeyId=key, Plaintext=b"a letter that nobody may read")
    request_id = answer["ResponseMetadata"]["RequestId"]
    records = [line for line in server.audit_lines() if request_id in line]
    assert len(records) == 1
    assert '"eventName":"Encrypt"' in records[0] and key in records[0]
    secrets = (b"a letter that nobody may read", answer["CiphertextBlob"])
    assert not any(base64.b64encode(secret).decode() in records[0] for secret in secrets)
