"""The import of key material as the AWS documentation shows it, with the AWS CLI, openssl and a look into the token."""

import base64
import os

import pytest

from tools import import_command, token_objects


@pytest.mark.parametrize("spec", ["RSA_2048", "RSA_3072", "RSA_4096"])
@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
def test_imported_material_comes_goes_and_comes_back(cli, server, algorithm, spec):
    key = cli("create-key --origin EXTERNAL --description imported")["KeyMetadata"]
    assert (key["KeyState"], key["Origin"]) == ("PendingImport", "EXTERNAL")
    material = os.urandom(32)
    (cli.folder / "plaintext").write_bytes(b"a letter")

    command = import_command(cli, key["KeyId"], material, algorithm, spec)
    first = cli(command)
    assert first["KeyId"] == key["Arn"]
    assert token_objects(server.data_dir, key["KeyId"]) == 1
    encrypted = cli(f"encrypt --key-id {key['KeyId']} --plaintext fileb://plaintext")
    (cli.folder / "ciphertext").write_bytes(base64.b64decode(encrypted["CiphertextBlob"]))

    deleted = cli(f"delete-imported-key-material --key-id {key['KeyId']}")
    assert deleted == {"KeyId": key["Arn"], "KeyMaterialId": first["KeyMaterialId"]}
    assert token_objects(server.data_dir, key["KeyId"]) == 0
    assert cli(f"describe-key --key-id {key['KeyId']}")["KeyMetadata"]["KeyState"] == "PendingImport"
    refusal = cli.refusal(f"encrypt --key-id {key['KeyId']} --plaintext fileb://plaintext")
    assert refusal.endswith(
        f"An error occurred (KMSInvalidStateException) when calling the Encrypt operation: {key['Arn']} is pending import."
    )

    # An import token and what was wrapped for it serve again for a day.
    assert cli(command) == first
    assert token_objects(server.data_dir, key["KeyId"]) == 1
    decrypted = cli("decrypt --ciphertext-blob fileb://ciphertext")
    assert base64.b64decode(decrypted["Plaintext"]) == b"a letter"


def test_other_material_is_refused_and_leaves_nothing_in_the_token(cli, server):
    key = cli("create-key --origin EXTERNAL")["KeyMetadata"]
    cli(import_command(cli, key["KeyId"], os.urandom(32), "RSAES_OAEP_SHA_256", "RSA_2048"))
    cli(f"delete-imported-key-material --key-id {key['KeyId']}")
    command = import_command(cli, key["KeyId"], os.urandom(32), "RSAES_OAEP_SHA_256", "RSA_2048")
    assert "(IncorrectKeyMaterialException)" in cli.refusal(command)
    assert token_objects(server.data_dir, key["KeyId"]) == 0
