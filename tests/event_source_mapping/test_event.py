"""The event, and the record of an invocation that was given up, as AWS documents them."""

import base64
import json
import re
from datetime import datetime, timezone

from event_source_mapping.destination import document, key
from event_source_mapping.event import Record
from event_source_mapping.shard import Batch

from play import FUNCTION, NAME, ROLE, STREAM, envelope, record, records, settings

NOW = datetime(2026, 11, 25, 9, 5, 7, 20_000, tzinfo=timezone.utc)


def test_the_event_is_the_one_that_aws_documents():
    read = {
        "SequenceNumber": "49590338271490256608559692538361571095921575989136588898",
        "PartitionKey": "1",
        "ApproximateArrivalTimestamp": datetime.fromtimestamp(1545084650.987, timezone.utc),
        "Data": b"Hello, this is a test.",
    }
    assert json.loads(envelope().event([Record.of(read)])) == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{NAME}:49590338271490256608559692538361571095921575989136588898",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": ROLE,
                "awsRegion": "eu-central-1",
                "eventSourceARN": STREAM,
            }
        ]
    }


def test_the_size_that_decides_is_that_of_the_event():
    given = records(1, 40, data=b'{"text":"\xc3\xa4"}' * 10_000)
    fitting = envelope().fitting(given)
    assert 1 < fitting < 39
    assert (
        len(envelope().event(given[:fitting]))
        <= 6 * 1024 * 1024
        < len(envelope().event(given[: fitting + 1]))
    )


def test_what_is_given_up_is_recorded_whole():
    batch = Batch(tuple(records(7, 10, data=b"\x00\xff", arrival_s=1.5)), failures=3, invocations=5)
    event = envelope().event(batch.records)
    written = json.loads(json.dumps(document(settings(), NAME, batch, "RetryAttemptsExhausted", event, NOW)))
    request = written["requestContext"]
    assert (request["functionArn"], request["condition"], request["approximateInvokeCount"]) == (
        FUNCTION,
        "RetryAttemptsExhausted",
        5,
    )
    assert written["version"] == "1.0"
    assert written["timestamp"] == "2026-11-25T09:05:07.020Z"
    assert written["KinesisBatchInfo"] == {
        "shardId": NAME,
        "startSequenceNumber": "7",
        "endSequenceNumber": "9",
        "approximateArrivalOfFirstRecord": "1970-01-01T00:00:01.500Z",
        "approximateArrivalOfLastRecord": "1970-01-01T00:00:01.500Z",
        "batchSize": 3,
        "streamArn": STREAM,
    }
    # A text, not an object: the invocation record as it was sent.
    payload = json.loads(written["payload"])
    assert [base64.b64decode(each["kinesis"]["data"]) for each in payload["Records"]] == [b"\x00\xff"] * 3


def test_the_key_is_the_one_that_aws_documents():
    pattern = rf"aws/lambda/{settings().uuid}/{NAME}/2026/11/25/2026-11-25T09\.05\.07-[0-9a-f-]{{36}}"
    assert re.fullmatch(pattern, key(settings(), NAME, NOW))
    assert record(1).sequence_number == "1"
