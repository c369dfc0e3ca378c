"""The programs that a user of imported key material has at hand: the AWS CLI, openssl and pkcs11-tool."""

import base64
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

import botocore.exceptions
import pytest

SECONDS = 60


class AwsCli:
    """The AWS CLI as one account on one endpoint."""

    def __init__(self, endpoint: str, account: str, folder: pathlib.Path):
        self.folder = folder
        self.program = pathlib.Path(sys.executable).with_name("aws")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_ENDPOINT_URL_KMS": endpoint,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def run(self, command: str) -> subprocess.CompletedProcess:
        """Runs `aws kms COMMAND` in the folder, whatever becomes of it."""
        return subprocess.run(
            [self.program, "kms", *shlex.split(command)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def __call__(self, command: str) -> dict:
        """The answer of `aws kms COMMAND`, which must succeed."""
        done = self.run(command)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def refusal(self, command: str) -> str:
        """What `aws kms COMMAND` says when it is refused."""
        done = self.run(command)
        assert done.returncode in (254, 255), (done.returncode, done.stdout)
        return done.stderr.strip()


def answered(answer: dict) -> dict:
    """The members of an answer of boto3, without what it tells of the transport."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def refusal(call, **members) -> tuple[str, str]:
    """Code and text of the error that a call with boto3 ends in; the text is empty where the answer has none."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**members)
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400, response
    return response["Error"]["Code"], response["Error"].get("Message", "")


def patiently(call, **members) -> dict:
    """A call that may make an RSA key of 4096 bits, which outlasts the server's deadline of 9 seconds on a busy machine. As
    clients do, it asks again; a second timeout is an error."""
    try:
        return call(**members)
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "DependencyTimeoutException":
            raise
        return call(**members)


def wrap(public_key: bytes, material: bytes, digest: str, folder: pathlib.Path) -> bytes:
    """Encrypts key material under the wrapping key, in the words of the AWS documentation."""
    (folder / "WrappingPublicKey.bin").write_bytes(public_key)
    (folder / "PlaintextKeyMaterial.bin").write_bytes(material)
    command = (
        "openssl pkeyutl -encrypt -in PlaintextKeyMaterial.bin -out EncryptedKeyMaterial.bin "
        "-inkey WrappingPublicKey.bin -keyform DER -pubin -pkeyopt rsa_padding_mode:oaep "
        f"-pkeyopt rsa_oaep_md:{digest} -pkeyopt rsa_mgf1_md:{digest}"
    )
    subprocess.run(shlex.split(command), cwd=folder, check=True, capture_output=True, timeout=SECONDS)
    return (folder / "EncryptedKeyMaterial.bin").read_bytes()


def import_command(cli, key_id: str, material: bytes, algorithm: str, wrapping_spec: str) -> str:
    """Gets parameters, wraps the material by openssl, and gives the command that imports it."""
    parameters = cli(
        f"get-parameters-for-import --key-id {key_id} --wrapping-algorithm {algorithm} --wrapping-key-spec {wrapping_spec}"
    )
    (cli.folder / "ImportToken.bin").write_bytes(base64.b64decode(parameters["ImportToken"]))
    wrap_by_openssl(base64.b64decode(parameters["PublicKey"]), material, algorithm, cli.folder)
    return (
        f"import-key-material --key-id {key_id} --encrypted-key-material fileb://EncryptedKeyMaterial.bin "
        "--import-token fileb://ImportToken.bin --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE"
    )


def wrap_by_openssl(public_key: bytes, material: bytes, algorithm: str, folder: pathlib.Path) -> None:
    """Leaves what an import takes in `EncryptedKeyMaterial.bin`, made as the AWS documentation shows it."""
    digest = "sha1" if algorithm.endswith("SHA_1") else "sha256"
    if not algorithm.startswith("RSA_AES_KEY_WRAP"):
        wrap(public_key, material, digest, folder)
        return
    ephemeral = os.urandom(32)
    (folder / "material").write_bytes(material)
    command = f"openssl enc -id-aes256-wrap-pad -iv A65959A6 -K {ephemeral.hex()} -in material -out wrapped"
    subprocess.run(shlex.split(command), cwd=folder, check=True, capture_output=True, timeout=SECONDS)
    encrypted = wrap(public_key, ephemeral, digest, folder) + (folder / "wrapped").read_bytes()
    (folder / "EncryptedKeyMaterial.bin").write_bytes(encrypted)


def token_objects(data_dir: pathlib.Path, key_id: str) -> int:
    """How many objects of this KMS key pkcs11-tool finds in the token, with a login of its own."""
    script = (
        '. "$1/token.env" && exec pkcs11-tool --module "$PKCS11_MODULE" --token-label "$TOKEN_LABEL" --login '
        '--pin "$PIN" --list-objects'
    )
    listing = subprocess.run(
        ["sh", "-c", script, "token_objects", data_dir], check=True, capture_output=True, text=True, timeout=SECONDS
    ).stdout
    # The root key of the deployment is always there; a listing without it looked into nothing.
    assert "strongroom/root" in listing, listing
    return listing.count(f"/{key_id}")


def wait_until(holds, seconds=20):
    """Waits for what the server does in the background."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)
