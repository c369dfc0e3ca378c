"""One throw-away server for each process of the run; each test is the root of a fresh account on it."""

import os
import random

import boto3
import botocore.config
import pytest

from by_cli import AwsCliHere, KmsByCli
from server import PQ_MODULE, Server
from store import Store
from tools import AwsCli, wrap

# Its tests need a second token.
collect_ignore = [] if PQ_MODULE in os.environ else ["test_post_quantum.py"]
ACCOUNTS = iter(random.sample(range(10**11, 10**12), 10_000))


@pytest.fixture(scope="session")
def server():
    started = Server(os.environ["STRONGROOM_BIN"])
    yield started
    started.stop()


@pytest.fixture(scope="session")
def store():
    """Keeps what clients encrypt, as S3 and DynamoDB do."""
    started = Store()
    yield started
    started.stop()


@pytest.fixture
def clock(server):
    """Sets the offset of the server's clock in seconds; back at the end of the test."""
    yield server.set_clock
    server.set_clock(0)


@pytest.fixture
def account():
    return str(next(ACCOUNTS))


@pytest.fixture
def environment(server, account, monkeypatch):
    """The server and the credentials in the environment, where a user's program finds them."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture
def client(server):
    """Makes a client of an account. Nothing is tried twice, so that a wrong 500 shows."""

    def make(account, secret="test", region="us-east-1", **config):
        return boto3.client(
            "kms",
            endpoint_url=server.endpoint,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key=secret,
            config=botocore.config.Config(retries={"total_max_attempts": 1}, **config),
        )

    return make


@pytest.fixture
def kms(client, account):
    return client(account)


@pytest.fixture
def refusals(kms):
    """Codes of the errors that `kms` received, for programs that hand on the texts of errors only."""
    codes = []

    def note(parsed, **_):
        if "Error" in parsed:
            codes.append(parsed["Error"]["Code"])

    kms.meta.events.register("after-call.kms", note)
    return codes


@pytest.fixture
def careless_kms(client, account):
    """The client of the same account that checks nothing before it sends."""
    return client(account, parameter_validation=False)


@pytest.fixture
def cli(server, account, tmp_path):
    return AwsCli(server.endpoint, account, tmp_path)


@pytest.fixture
def kms_by_cli(server, account, tmp_path, monkeypatch):
    """The AWS CLI in this process, with the operations of the client of boto3."""
    cli = AwsCliHere(server.endpoint, account, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, value in cli.environment.items():
        monkeypatch.setenv(name, value)
    return KmsByCli(cli)


@pytest.fixture
def key(kms):
    """ARN of a key whose material was made in the token."""
    return kms.create_key()["KeyMetadata"]["Arn"]


@pytest.fixture
def empty_key(kms):
    """ARN of a key that waits for its material."""
    return kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]


@pytest.fixture
def import_material(kms, tmp_path):
    """Imports bytes into a key with boto3 and openssl; gives the answer of ImportKeyMaterial."""

    def run(key_id, material, **members):
        parameters = kms.get_parameters_for_import(
            KeyId=key_id, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
        )
        members.setdefault("ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
        return kms.import_key_material(
            KeyId=key_id,
            ImportToken=parameters["ImportToken"],
            EncryptedKeyMaterial=wrap(parameters["PublicKey"], material, "sha256", tmp_path),
            **members,
        )

    return run
