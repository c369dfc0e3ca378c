"""Fields encrypted by libmongocrypt, the C library beneath MongoDB's client-side field level encryption.

It signs its requests to KMS itself, in C. It would have them carried over TLS; here the test carries their bytes, as they
are, over plain HTTP.
"""

import os
import socket
import urllib.parse

import bson
import pytest
from pymongocrypt.errors import MongoCryptError
from pymongocrypt.options import MongoCryptOptions
from pymongocrypt.synchronous.explicit_encrypter import ExplicitEncrypter
from pymongocrypt.synchronous.state_machine import MongoCryptCallback

RANDOM = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
DETERMINISTIC = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"


class Driver(MongoCryptCallback):
    """What a MongoDB driver does for the library: carries its requests to KMS, and keeps data keys, here in memory."""

    def __init__(self, host: str):
        self.host = host
        self.vault = {}

    def kms_request(self, context):
        assert context.endpoint == self.host, "the library asks for another server"
        name, port = self.host.split(":")
        with socket.create_connection((name, int(port)), timeout=30) as connection:
            connection.sendall(context.message)
            while context.bytes_needed > 0:
                piece = connection.recv(context.bytes_needed)
                assert piece, "the server hung up early"
                context.feed(piece)

    def fetch_keys(self, key_filter):
        yield from self.vault.values()

    def insert_data_key(self, data_key):
        name = bytes(bson.decode(data_key)["_id"])
        self.vault[name] = data_key
        return name

    def bson_encode(self, document):
        return bson.encode(document)

    def collection_info(self, database, list_filter):
        raise AssertionError("explicit encryption asks for no schema")

    mark_command = collection_info

    def close(self):
        pass


@pytest.fixture
def driver(server):
    return Driver(urllib.parse.urlsplit(server.endpoint).netloc)


@pytest.fixture
def encrypter(driver, account):
    """Makes a new encrypter, which remembers no data key, over the same vault."""
    made = []

    def make(secret="test"):
        providers = {"aws": {"accessKeyId": account, "secretAccessKey": secret}}
        made.append(ExplicitEncrypter(driver, MongoCryptOptions(providers)))
        return made[-1]

    yield make
    for encrypter in made:
        encrypter.close()


@pytest.fixture
def master_key(driver):
    """What a data key says of the key of ours above it."""
    return lambda key: {"region": "us-east-1", "key": key, "endpoint": driver.host}


@pytest.fixture
def data_key(encrypter, master_key):
    """Makes a data key under a key of ours; gives its name in the vault."""

    def make(key, secret="test"):
        return encrypter(secret).create_data_key("aws", master_key=master_key(key))

    return make


def encrypt(encrypter, value, algorithm, data_key):
    return encrypter.encrypt(bson.encode({"v": value}), algorithm, key_id=data_key)


def decrypt(encrypter, encrypted):
    return bson.decode(encrypter.decrypt(encrypted))["v"]


@pytest.mark.parametrize("algorithm", [RANDOM, DETERMINISTIC])
def test_a_field_is_encrypted_and_read_by_whoever_has_vault_and_key(encrypter, data_key, key, algorithm):
    name = data_key(key)
    encrypted = encrypt(encrypter(), "meet me at the mill", algorithm, name)
    assert b"mill" not in encrypted
    assert decrypt(encrypter(), encrypted) == "meet me at the mill"
    again = encrypt(encrypter(), "meet me at the mill", algorithm, name)
    assert (again == encrypted) == (algorithm == DETERMINISTIC)


def test_the_vault_keeps_the_data_key_encrypted_under_the_key_of_ours(encrypter, data_key, driver, kms, key):
    document = bson.decode(driver.vault[data_key(key)])
    assert document["masterKey"]["key"] == key
    kept = kms.decrypt(CiphertextBlob=document["keyMaterial"], KeyId=key)["Plaintext"]
    assert len(kept) == 96


def test_a_data_key_goes_over_to_another_key_that_has_an_alias(encrypter, data_key, master_key, driver, kms, key):
    name = data_key(key)
    encrypted = encrypt(encrypter(), "a letter", RANDOM, name)
    other = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/vault", TargetKeyId=other)
    rewrapped = encrypter().rewrap_many_data_key({}, "aws", master_key("alias/vault"))
    (changes,) = bson.decode(rewrapped)["v"]
    driver.vault[name] = bson.encode(bson.decode(driver.vault[name]) | changes)
    kms.disable_key(KeyId=key)
    assert decrypt(encrypter(), encrypted) == "a letter"
    kms.disable_key(KeyId=other)
    with pytest.raises(MongoCryptError, match=f"{other} is disabled."):
        decrypt(encrypter(), encrypted)


def test_a_request_that_was_signed_with_another_secret_is_refused(data_key, driver, key):
    with pytest.raises(MongoCryptError, match="InvalidSignatureException"):
        data_key(key, secret="guess")
    assert driver.vault == {}


def test_a_data_key_that_was_changed_in_the_vault_is_refused(encrypter, data_key, driver, key):
    name = data_key(key)
    encrypted = encrypt(encrypter(), 7, RANDOM, name)
    document = bson.decode(driver.vault[name])
    kept = document["keyMaterial"]
    driver.vault[name] = bson.encode(document | {"keyMaterial": kept[:-1] + bytes([kept[-1] ^ 1])})
    with pytest.raises(MongoCryptError, match="InvalidCiphertextException"):
        decrypt(encrypter(), encrypted)


def test_a_field_opens_again_once_its_material_is_imported_again(encrypter, data_key, kms, empty_key, import_material):
    material = os.urandom(32)
    import_material(empty_key, material)
    encrypted = encrypt(encrypter(), "a letter", RANDOM, data_key(empty_key))
    kms.delete_imported_key_material(KeyId=empty_key)
    with pytest.raises(MongoCryptError, match=f"{empty_key} is pending import."):
        decrypt(encrypter(), encrypted)
    with pytest.raises(MongoCryptError, match="KMSInvalidStateException"):
        data_key(empty_key)
    import_material(empty_key, material)
    assert decrypt(encrypter(), encrypted) == "a letter"
