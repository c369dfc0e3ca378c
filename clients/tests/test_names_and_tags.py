"""Aliases, tags and policies with boto3 and the AWS CLI."""

import datetime
import json

import botocore.exceptions
import pytest

# One function per operation, by its name: what a success looks like to boto3 (`test_operations.py` calls them).


def create_alias(kms, key):
    kms.create_alias(AliasName="alias/team/first", TargetKeyId=key)
    assert kms.describe_key(KeyId="alias/team/first")["KeyMetadata"]["Arn"] == key
    answer = kms.encrypt(KeyId=key.replace(key.rsplit(":")[-1], "alias/team/first"), Plaintext=b"x")
    assert answer["KeyId"] == key


def update_alias(kms, key):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    kms.update_alias(AliasName="alias/a", TargetKeyId=other)
    assert kms.generate_data_key(KeyId="alias/a", KeySpec="AES_256")["KeyId"] == other


def delete_alias(kms, key):
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    kms.delete_alias(AliasName="alias/a")
    with pytest.raises(kms.exceptions.NotFoundException, match="Alias arn:aws:kms:.*:alias/a is not found."):
        kms.encrypt(KeyId="alias/a", Plaintext=b"x")


def list_aliases(kms, key):
    assert kms.list_aliases()["Aliases"] == []
    for name in ("alias/b", "alias/a"):
        kms.create_alias(AliasName=name, TargetKeyId=key)
    answer = kms.list_aliases(KeyId=key)
    assert (answer["Truncated"], [alias["AliasName"] for alias in answer["Aliases"]]) == (False, ["alias/a", "alias/b"])
    first = answer["Aliases"][0]
    assert first["AliasArn"] == key.replace(key.rsplit(":")[-1], "alias/a")
    assert first["TargetKeyId"] == key.rsplit("/")[-1]
    now = datetime.datetime.now(datetime.timezone.utc)
    assert abs(first["CreationDate"] - now) < datetime.timedelta(minutes=1)
    assert first["LastUpdatedDate"] == first["CreationDate"]


def tag_resource(kms, key):
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "team", "TagValue": "ops"}, {"TagKey": "Größe", "TagValue": ""}])
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "team", "TagValue": "new"}])
    assert tags(kms, key) == {"team": "new", "Größe": ""}


def untag_resource(kms, key):
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "team", "TagValue": "ops"}])
    kms.untag_resource(KeyId=key, TagKeys=["team", "never there"])
    assert tags(kms, key) == {}


def list_resource_tags(kms, key):
    made = kms.create_key(Tags=[{"TagKey": "team", "TagValue": "ops"}])["KeyMetadata"]["KeyId"]
    answer = kms.list_resource_tags(KeyId=made)
    assert (answer["Tags"], answer["Truncated"]) == ([{"TagKey": "team", "TagValue": "ops"}], False)


def get_key_policy(kms, key):
    answer = kms.get_key_policy(KeyId=key, PolicyName="default")
    assert answer["PolicyName"] == "default"
    [statement] = json.loads(answer["Policy"])["Statement"]
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{key.split(':')[4]}:root"}
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Allow", "kms:*", "*")


def list_key_policies(kms, key):
    answer = kms.list_key_policies(KeyId=key)
    assert (answer["PolicyNames"], answer["Truncated"]) == (["default"], False)


def tags(kms, key):
    return {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key)["Tags"]}


def message(refusal):
    return refusal.value.response["Error"].get("Message", "")


def test_pages_of_aliases_and_tags_come_without_gap(kms, key):
    names = {f"alias/{number:02}" for number in range(9)}
    for name in names:
        kms.create_alias(AliasName=name, TargetKeyId=key)
    pages = list(kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 4}))
    assert [len(page["Aliases"]) for page in pages] == [4, 4, 1]
    assert {alias["AliasName"] for page in pages for alias in page["Aliases"]} == names
    made = [{"TagKey": f"{number:02}", "TagValue": ""} for number in range(50)]
    kms.tag_resource(KeyId=key, Tags=made)
    pager = kms.get_paginator("list_resource_tags").paginate(KeyId=key, PaginationConfig={"PageSize": 20})
    assert pager.build_full_result()["Tags"] == made


def test_a_name_is_given_once_and_follows_its_rules(kms, key):
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    with pytest.raises(kms.exceptions.AlreadyExistsException) as refusal:
        kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    assert message(refusal) == f"An alias with the name {key.replace(key.rsplit(':')[-1], 'alias/a')} already exists"
    for name, code in (
        ("a", "ValidationException"),
        ("alias/a b", "ValidationException"),
        ("alias/aws/s3", "NotAuthorizedException"),
        ("alias/", "InvalidAliasNameException"),
    ):
        with pytest.raises(botocore.exceptions.ClientError) as refusal:
            kms.create_alias(AliasName=name, TargetKeyId=key)
        assert refusal.value.response["Error"]["Code"] == code


def test_broken_tags_and_markers_are_refused_with_their_types(kms, key):
    with pytest.raises(kms.exceptions.TagException, match="Duplicate tag keys"):
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}])
    with pytest.raises(kms.exceptions.TagException, match="Too many tags"):
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": str(number), "TagValue": ""} for number in range(51)])
    with pytest.raises(kms.exceptions.InvalidMarkerException):
        kms.list_aliases(Marker="x")
    with pytest.raises(kms.exceptions.InvalidMarkerException):
        kms.list_resource_tags(KeyId=key, Marker="x")
    with pytest.raises(kms.exceptions.NotFoundException, match="No such policy exists"):
        kms.get_key_policy(KeyId=key, PolicyName="other")


def test_the_aws_cli_names_and_tags_a_key(cli):
    first, second = (cli("create-key --tags TagKey=stage,TagValue=test")["KeyMetadata"] for _ in range(2))
    assert cli(f"create-alias --alias-name alias/cli --target-key-id {first['KeyId']}") == {}
    assert cli("describe-key --key-id alias/cli")["KeyMetadata"]["KeyId"] == first["KeyId"]
    assert cli(f"update-alias --alias-name alias/cli --target-key-id {second['Arn']}") == {}
    [alias] = cli("list-aliases")["Aliases"]
    assert (alias["AliasName"], alias["TargetKeyId"]) == ("alias/cli", second["KeyId"])
    assert cli(f"list-aliases --key-id {first['KeyId']}")["Aliases"] == []
    assert cli("encrypt --key-id alias/cli --plaintext aGVsbG8=")["KeyId"] == second["Arn"]

    assert cli(f"tag-resource --key-id {first['KeyId']} --tags TagKey=team,TagValue=ops TagKey=x,TagValue=y") == {}
    assert cli(f"untag-resource --key-id {first['KeyId']} --tag-keys stage x") == {}
    assert cli(f"list-resource-tags --key-id {first['KeyId']}")["Tags"] == [{"TagKey": "team", "TagValue": "ops"}]

    policy = cli(f"get-key-policy --key-id {first['KeyId']} --policy-name default")["Policy"]
    assert policy.startswith('{\n  "Version" : "2012-10-17",\n  "Id" : "key-default-1",\n')
    assert cli(f"list-key-policies --key-id {first['KeyId']}")["PolicyNames"] == ["default"]

    assert cli("delete-alias --alias-name alias/cli") == {}
    assert "(NotFoundException)" in cli.refusal("delete-alias --alias-name alias/cli")
