"""A record of the stream, and the event in which Lambda hands records over.

Names, order and forms are AWS's. An event may have 6 MB as JSON, base64 of the payloads included, so a
record knows how many bytes it takes there.
"""

import base64
import json
from dataclasses import dataclass, field

PAYLOAD_LIMIT = 6 * 1024 * 1024
BEFORE, AFTER = '{"Records":[', "]}"


@dataclass(frozen=True)
class Record:
    sequence_number: str
    partition_key: str
    arrival_ms: int
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, record):
        """Reads a record of `GetRecords`, as boto3 returns it."""
        return cls(
            sequence_number=record["SequenceNumber"],
            partition_key=record["PartitionKey"],
            arrival_ms=round(record["ApproximateArrivalTimestamp"].timestamp() * 1000),
            data=bytes(record["Data"]),
        )


class Envelope:
    """Writes events for the records of one shard that are meant for one function."""

    def __init__(self, settings, shard, role_arn):
        self.settings, self.shard, self.role_arn = settings, shard, role_arn

    def item(self, record):
        item = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": record.sequence_number,
                "data": base64.b64encode(record.data).decode(),
                "approximateArrivalTimestamp": record.arrival_ms / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self.shard}:{record.sequence_number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self.role_arn,
            "awsRegion": self.settings.region,
            "eventSourceARN": self.settings.stream_arn,
        }
        return json.dumps(item, separators=(",", ":"))

    def event(self, records):
        return BEFORE + ",".join(map(self.item, records)) + AFTER

    def fitting(self, records):
        """How many of `records`, from the first on, fit into one event."""
        size = len(BEFORE) + len(AFTER)
        for count, record in enumerate(records):
            size += len(self.item(record)) + (count > 0)
            if size > PAYLOAD_LIMIT:
                return count
        return len(records)
