"""The S3 on-failure destination: the whole record of an invocation whose batch was given up.

Key and document are AWS's, with the event as an escaped text in `payload`, which only S3 is given.
"""

import json
import uuid
from datetime import datetime, timezone


def key(settings, shard, now):
    return f"aws/lambda/{settings.uuid}/{shard}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def document(settings, shard, batch, condition, event, now):
    first, last = batch.records[0], batch.records[-1]
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": settings.function_arn,
            "condition": condition,
            "approximateInvokeCount": batch.invocations,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": iso(now),
        "KinesisBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": iso(at(first)),
            "approximateArrivalOfLastRecord": iso(at(last)),
            "batchSize": len(batch.records),
            "streamArn": settings.stream_arn,
        },
        "payload": event,
    }


class Destination:
    """Writes to the bucket of the mapping; without one, what is given up is gone, as on AWS."""

    def __init__(self, s3, settings):
        self.s3, self.settings = s3, settings

    def take(self, shard, batch, condition, event):
        if self.settings.destination is None:
            return
        now = datetime.now(timezone.utc)
        body = json.dumps(document(self.settings, shard, batch, condition, event, now))
        self.s3.put_object(
            Bucket=self.settings.destination,
            Key=key(self.settings, shard, now),
            Body=body.encode(),
            ContentType="application/json",
        )


def at(record):
    return datetime.fromtimestamp(record.arrival_ms / 1000, timezone.utc)


def iso(time):
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
