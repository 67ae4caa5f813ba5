"""Who is let in, and what each function may do: tried with right and wrong signatures and its own keys."""

import json
import pathlib

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from emulator import ACCOUNT, REGION

from api import Api

NOBODY = Credentials("AKIAIOSFODNN7EXAMPLE", "x" * 40)


@pytest.fixture(scope="module")
def user(world):
    """Makes a user who may do one thing, and returns the keys."""
    iam = world.client("iam")

    def make(name, action, resource):
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    return make


def test_only_requests_that_are_signed_by_somebody_who_may_are_let_in(world, user):
    api = world.outputs["ApiUrl"].split("//")[1].split(".")[0]
    asker = user("asker", "execute-api:Invoke", f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/*")
    stranger = user("stranger", "s3:ListAllMyBuckets", "*")
    wrong = Credentials(asker.access_key, "x" * 40)
    (event,) = world.traffic.next_request(1)
    for credentials, let_in in (
        (asker, True),
        (stranger, False),
        (wrong, False),
        (NOBODY, False),
        (None, False),
    ):
        client = Api(world.outputs["ApiUrl"], credentials)
        for path in ("/v1/views", "/v1/views/traffic?every=all", "/v1/status"):
            assert client.get(path).status == (200 if let_in else 403), (credentials, path)
        assert client.post([event]).status == (200 if let_in else 403), credentials


def keys_of(world, layer):
    """The credentials that Lambda has given to a running function."""
    (pid, *_) = world.emulator.functions(world.name(layer))
    variables = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    names = dict(variable.partition("=")[::2] for variable in variables if variable)
    return {
        name.lower(): names[name]
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    }


def refused(call, **arguments):
    """Whether IAM refuses a call; a fault of another kind is a fault of this test."""
    try:
        call(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in ("AccessDenied", "AccessDeniedException", "403"), error
        return True
    return False


def test_query_can_read_and_never_write(world):
    assert world.api.get("/v1/views").status == 200
    keys, outputs = keys_of(world, "query"), world.outputs
    tables, stream = world.client("dynamodb", **keys), world.client("kinesis", **keys)
    s3 = world.client("s3", config=world.s3.meta.config, **keys)
    item = {"pk": {"S": "x"}, "sk": {"S": "y"}}
    for table in (outputs["SpeedTable"], outputs["ControlTable"]):
        key = {"pk": {"S": "x"}, "sk": {"S": "y"} if table == outputs["ControlTable"] else {"B": b"y"}}
        assert not refused(tables.get_item, TableName=table, Key=key)
        assert refused(tables.put_item, TableName=table, Item=item)
        assert refused(tables.delete_item, TableName=table, Key=key)
    for bucket in (outputs["RawBucket"], outputs["ViewsBucket"], outputs["FailuresBucket"]):
        assert refused(s3.put_object, Bucket=bucket, Key="raw/x", Body=b"")
        assert refused(s3.put_object, Bucket=bucket, Key="views/x", Body=b"")
        assert refused(s3.delete_object, Bucket=bucket, Key="raw/x")
    assert refused(stream.put_record, StreamName=outputs["StreamName"], PartitionKey="k", Data=b"{}")


def test_ingest_can_put_into_the_stream_and_nothing_else(world):
    world.post(1)
    keys, outputs = keys_of(world, "ingest"), world.outputs
    tables, s3 = world.client("dynamodb", **keys), world.client("s3", config=world.s3.meta.config, **keys)
    assert refused(tables.scan, TableName=outputs["SpeedTable"])
    assert refused(tables.scan, TableName=outputs["ControlTable"])
    assert refused(s3.list_objects_v2, Bucket=outputs["RawBucket"])
    assert refused(s3.list_objects_v2, Bucket=outputs["ViewsBucket"])


def test_speed_cannot_change_the_master_data_set(world):
    with world.driven():
        world.put(world.traffic.next_request(10))
        world.settle()
    keys, outputs = keys_of(world, "speed"), world.outputs
    s3 = world.client("s3", config=world.s3.meta.config, **keys)
    (some, *_) = world.s3.list_objects_v2(Bucket=outputs["RawBucket"], Prefix="raw/")["Contents"]
    assert refused(s3.put_object, Bucket=outputs["RawBucket"], Key="raw/x", Body=b"")
    assert refused(s3.put_object, Bucket=outputs["RawBucket"], Key=some["Key"], Body=b"")
    assert refused(s3.delete_object, Bucket=outputs["RawBucket"], Key=some["Key"])
    assert refused(s3.list_objects_v2, Bucket=outputs["ViewsBucket"])
