"""Bad input, sent by a botocore that checks nothing itself: the texts of AWS's own validation."""

import http.client
import json

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
NULL_KEY = "Value null at 'keyId' failed to satisfy constraint: Member must not be null"


@pytest.mark.parametrize(
    "operation, members, items",
    [
        ("describe_key", {}, [NULL_KEY]),
        (
            "encrypt",
            {},
            [NULL_KEY, "Value at 'plaintext' failed to satisfy constraint: Member must not be null"],
        ),
        (
            "encrypt",
            {"KeyId": KEY, "Plaintext": b""},
            ["Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1"],
        ),
        (
            "encrypt",
            {"KeyId": KEY, "Plaintext": b"x" * 4097},
            ["Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"],
        ),
        (
            "generate_random",
            {"NumberOfBytes": 1025},
            ["Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"],
        ),
        (
            "generate_data_key",
            {"KeyId": KEY, "NumberOfBytes": 0},
            ["Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"],
        ),
        (
            "list_keys",
            {"Limit": 1001},
            ["Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000"],
        ),
        (
            "encrypt",
            {"KeyId": KEY, "Plaintext": b"x", "EncryptionAlgorithm": "ROT13"},
            [
                "Value 'ROT13' at 'encryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value "
                "set: [RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]"
            ],
        ),
        (
            "create_key",
            {"Tags": [{"TagKey": "", "TagValue": "x" * 257}]},
            [
                "Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length greater than "
                "or equal to 1",
                f"Value '{'x' * 257}' at 'tags.1.member.tagValue' failed to satisfy constraint: Member must have length "
                "less than or equal to 256",
            ],
        ),
    ],
)
def test_every_violation_is_named_in_one_answer(careless_kms, operation, members, items):
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        getattr(careless_kms, operation)(**members)
    error = refusal.value.response["Error"]
    assert error["Code"] == "ValidationException"
    count = f"{len(items)} validation error{'s' if len(items) > 1 else ''} detected: "
    assert error["Message"].startswith(count)
    assert sorted(error["Message"].removeprefix(count).split("; ")) == sorted(items)


@pytest.mark.parametrize(
    "operation, members, text",
    [
        ("generate_random", {}, "NumberOfBytes is required."),
        ("generate_data_key", {}, "Please specify either number of bytes or key spec."),
        ("generate_data_key", {"KeySpec": "AES_256", "NumberOfBytes": 32}, "Please specify either number of bytes or key spec."),
        ("create_key", {"KeySpec": "RSA_2048"}, "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."),
        ("create_key", {"KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"}, "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"),
    ],
)
def test_members_that_do_not_go_together_are_refused(kms, key, operation, members, text):
    if operation == "generate_data_key":
        members = {"KeyId": key, **members}
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        getattr(kms, operation)(**members)
    assert (refusal.value.response["Error"]["Code"], refusal.value.response["Error"]["Message"]) == (
        "ValidationException",
        text,
    )


@pytest.mark.parametrize(
    "target, body, answer",
    [
        ("TrentService.ListKeys", b"", {"__type": "SerializationException"}),
        ("TrentService.ListKeys", b"{", {"__type": "SerializationException"}),
        (
            "TrentService.ListKeys",
            b'{"Limit":"ten"}',
            {"__type": "SerializationException", "message": "STRING_VALUE can not be converted to an Integer"},
        ),
        (
            "TrentService.DescribeKey",
            b'{"KeyId":{}}',
            {"__type": "SerializationException", "message": "Start of structure or map found where not expected."},
        ),
        ("TrentService.NoSuchThing", b"{}", {"__type": "UnknownOperationException"}),
        ("ListKeys", b"{}", {"__type": "UnknownOperationException"}),
    ],
)
def test_a_body_that_no_client_would_send_is_refused_like_aws_does(server, account, target, body, answer):
    assert raw_call(server.endpoint, account, target, body) == (400, answer)


def raw_call(endpoint, account, target, body):
    """Status and JSON of a request whose body is ours and whose signature is botocore's."""
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    request = botocore.awsrequest.AWSRequest("POST", endpoint + "/", headers=headers, data=body)
    credentials = botocore.credentials.Credentials(account, "test")
    botocore.auth.SigV4Auth(credentials, "kms", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=30)
    try:
        connection.request("POST", "/", body=body, headers=dict(request.headers))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
