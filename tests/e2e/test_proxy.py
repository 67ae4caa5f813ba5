"""The proxy's faults are those that it says: a throttled call was not done, and a lost one was."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from proxy import Faults


@pytest.fixture
def table(emulator, proxy):
    names = emulator.environment
    keys = {name.lower(): names[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    once = Config(retries={"total_max_attempts": 1})
    client = boto3.client(
        "dynamodb", endpoint_url=proxy.url, region_name=names["AWS_REGION"], config=once, **keys
    )
    client.create_table(
        TableName="proxied",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    proxy.faults = Faults()
    client.delete_table(TableName="proxied")


def test_a_throttled_call_was_not_done_and_a_lost_one_was(proxy, table):
    proxy.faults = Faults(throttle=0.3, lose=0.3)
    done, throttled, lost = set(), set(), set()
    for number in range(100):
        try:
            table.put_item(TableName="proxied", Item={"id": {"N": str(number)}})
            done.add(number)
        except ConnectionClosedError:
            lost.add(number)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ProvisionedThroughputExceededException"
            throttled.add(number)
    proxy.faults = Faults()
    there = {int(item["id"]["N"]) for item in table.scan(TableName="proxied")["Items"]}
    assert done and throttled and lost
    assert there == done | lost
