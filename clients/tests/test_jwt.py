"""JSON Web Tokens that jwt-kms signs by a key of ours, and that PyJWT verifies by the public half that we give."""

import base64
import json

import botocore.exceptions
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from jwt_kms import jwk, jws

from importing import Importer
from kinds import RSA_SIGNING, new_private_key, pkcs8

CLAIMS = {"sub": "miller", "aud": "mill", "where": "Mühle ☂"}
# The library signs by a key on P-521, but does not know the name of its spec when it describes it, as it does first.
ALGORITHMS = [
    *(("RSA_2048", f"{scheme}{bits}") for scheme in ("RS", "PS") for bits in (256, 384, 512)),
    ("ECC_NIST_P256", "ES256"),
    ("ECC_NIST_P384", "ES384"),
]


def new_key(kms, spec, **members):
    return kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY", **members)["KeyMetadata"]["Arn"]


def issue(kms, key, algorithm):
    """The token that the holder of the key hands out."""
    return jws.JWS(CLAIMS).add_signature(jwk.Key(kms, key), alg=algorithm).serialize(compact=True)


def public_half(kms, key):
    return serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])


def read(token, public, algorithm):
    """The claims of a token, for one who trusts this key and this algorithm."""
    return jwt.decode(token, public, algorithms=[algorithm], audience="mill")


def with_claims(token, **changed):
    """The token with other claims under its signature."""
    header, _, signature = token.split(".")
    claims = base64.urlsafe_b64encode(json.dumps(CLAIMS | changed).encode()).decode().rstrip("=")
    return f"{header}.{claims}.{signature}"


@pytest.mark.parametrize("spec, algorithm", ALGORITHMS)
def test_a_token_is_read_by_whoever_has_the_public_key_and_no_other_token_is(kms, spec, algorithm):
    key = new_key(kms, spec)
    token, public = issue(kms, key, algorithm), public_half(kms, key)
    assert read(token, public, algorithm) == CLAIMS
    assert jwt.get_unverified_header(token)["alg"] == algorithm

    stranger = new_private_key(spec).public_key()
    for wrong, trusted in (
        (with_claims(token, sub="thief"), public),
        (token[:-8] + "AAAAAAAA", public),
        (token, stranger),
    ):
        with pytest.raises(jwt.InvalidSignatureError):
            read(wrong, trusted, algorithm)


def test_a_token_is_not_read_as_one_of_another_algorithm(kms):
    key = new_key(kms, "RSA_2048")
    token, public = issue(kms, key, "RS256"), public_half(kms, key)
    with pytest.raises(jwt.InvalidAlgorithmError):
        read(token, public, "PS256")


def test_one_key_signs_a_token_by_all_its_algorithms(kms):
    key = jwk.Key(kms, new_key(kms, "RSA_2048"))
    assert sorted(key.supported_algs) == sorted(RSA_SIGNING)
    signed = jws.JWS(CLAIMS)
    algorithms = [algorithm for spec, algorithm in ALGORITHMS if spec == "RSA_2048"]
    for algorithm in algorithms:
        signed.add_signature(key, alg=algorithm)
    token = json.loads(signed.serialize())
    assert len(token["signatures"]) == len(algorithms)
    for algorithm, part in zip(algorithms, token["signatures"], strict=True):
        compact = f"{part['protected']}.{token['payload']}.{part['signature']}"
        assert read(compact, key.public_key, algorithm) == CLAIMS


def test_a_key_signs_by_its_own_algorithms_alone(kms):
    key = new_key(kms, "ECC_NIST_P256")
    with pytest.raises(jwk.JWKError, match="not supported by this key"):
        issue(kms, key, "ES384")


def test_a_disabled_key_signs_no_token(kms):
    key = new_key(kms, "ECC_NIST_P256")
    kms.disable_key(KeyId=key)
    with pytest.raises(botocore.exceptions.ClientError, match=f"DisabledException.*{key} is disabled"):
        issue(kms, key, "ES256")


@pytest.mark.parametrize(
    "spec, algorithm, way",
    [
        ("RSA_2048", "PS256", "RSA_AES_KEY_WRAP_SHA_256"),
        ("ECC_NIST_P384", "ES384", "RSAES_OAEP_SHA_256"),
    ],
)
def test_a_private_key_that_signed_elsewhere_goes_on_here_after_its_import(kms, spec, algorithm, way):
    pair = new_private_key(spec)
    old = jwt.encode(CLAIMS, pair, algorithm=algorithm)
    key = new_key(kms, spec, Origin="EXTERNAL")
    importer = Importer(kms, key, way)
    importer(pkcs8(pair))
    for token in (old, issue(kms, key, algorithm)):
        assert read(token, public_half(kms, key), algorithm) == CLAIMS

    kms.delete_imported_key_material(KeyId=key)
    with pytest.raises(botocore.exceptions.ClientError, match=f"KMSInvalidStateException.*{key} is pending import"):
        issue(kms, key, algorithm)
    importer(pkcs8(pair))
    assert read(issue(kms, key, algorithm), pair.public_key(), algorithm) == CLAIMS
