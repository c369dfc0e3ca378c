"""The import of key material by boto3, wrapped by `cryptography`."""

import os

from cryptography.hazmat.primitives import keywrap, serialization

from kinds import oaep
from tools import patiently

FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}


def wrapped(public_key, material, algorithm):
    """Material encrypted under a wrapping key, with an AES key between them where it may be long."""
    public_key = serialization.load_der_public_key(public_key)
    if not algorithm.startswith("RSA_AES_KEY_WRAP"):
        return public_key.encrypt(material, oaep(algorithm))
    ephemeral = os.urandom(32)
    return public_key.encrypt(ephemeral, oaep(algorithm)) + keywrap.aes_key_wrap_with_padding(ephemeral, material)


class Importer:
    """The parameters of one wrapping key, which serve for a day, whatever is imported."""

    def __init__(self, kms, key, algorithm, wrapping_spec="RSA_2048"):
        self.kms, self.key, self.algorithm = kms, key, algorithm
        parameters = patiently(
            kms.get_parameters_for_import, KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping_spec
        )
        self.public_key, self.token = parameters["PublicKey"], parameters["ImportToken"]

    def request(self, material, **members):
        """The members of an ImportKeyMaterial of these bytes."""
        encrypted = wrapped(self.public_key, material, self.algorithm)
        return {"KeyId": self.key, "ImportToken": self.token, "EncryptedKeyMaterial": encrypted} | FOREVER | members

    def __call__(self, material, **members):
        return self.kms.import_key_material(**self.request(material, **members))
