"""The loop around the shards, over a stream in memory."""

import base64
import json
import threading
import types

from event_source_mapping.mapping import Mapping
from event_source_mapping.outcome import Done, Failed, FailedFrom
from event_source_mapping.shard import Backoff

from datetime import datetime, timezone

from play import ROLE, settings


class Stream:
    """As much of a boto3 client of Kinesis as is read; iterators expire after a few uses."""

    exceptions = types.SimpleNamespace(ExpiredIteratorException=type("Expired", (Exception,), {}))

    def __init__(self):
        self.shards, self.lock, self.reads = {}, threading.Lock(), 0

    def add(self, name, parents=()):
        self.shards[name] = {"parents": parents, "records": [], "closed": False}

    def put(self, name, *texts):
        with self.lock:
            records = self.shards[name]["records"]
            for text in texts:
                number = str(sum(len(shard["records"]) for shard in self.shards.values()) + 1)
                arrival = datetime.now(timezone.utc)
                records.append(
                    {
                        "SequenceNumber": number,
                        "PartitionKey": "k",
                        "Data": text.encode(),
                        "ApproximateArrivalTimestamp": arrival,
                    }
                )

    def list_shards(self, StreamName):
        fields = ("ParentShardId", "AdjacentParentShardId")
        return {
            "Shards": [
                {"ShardId": name} | dict(zip(fields, shard["parents"])) for name, shard in self.shards.items()
            ]
        }

    def get_shard_iterator(self, StreamName, ShardId, ShardIteratorType, StartingSequenceNumber=None):
        records = self.shards[ShardId]["records"]
        at = {"TRIM_HORIZON": 0, "LATEST": len(records)}.get(ShardIteratorType)
        if at is None:
            at = 1 + [record["SequenceNumber"] for record in records].index(StartingSequenceNumber)
        return {"ShardIterator": f"{ShardId}/{at}"}

    def get_records(self, ShardIterator, Limit):
        with self.lock:
            self.reads += 1
            if self.reads % 5 == 0:
                raise self.exceptions.ExpiredIteratorException
            name, at = ShardIterator.split("/")
            shard = self.shards[name]
            records = shard["records"][int(at) : int(at) + 3]
            end = int(at) + len(records)
            over = shard["closed"] and end == len(shard["records"])
            return {"Records": records} | ({} if over else {"NextShardIterator": f"{name}/{end}"})


class Function:
    """Notes what it is given; `fail(texts)` may return another outcome than success."""

    def __init__(self, fail=lambda texts: None):
        self.fail, self.taken, self.lock = fail, [], threading.Lock()

    def __call__(self, event, records):
        items = json.loads(event)["Records"]
        texts = [base64.b64decode(item["kinesis"]["data"]).decode() for item in items]
        with self.lock:
            outcome = self.fail(texts)
            if outcome is None:
                self.taken += texts
            elif isinstance(outcome, FailedFrom):
                self.taken += [
                    text
                    for text, record in zip(texts, records)
                    if int(record.sequence_number) < int(outcome.sequence_number)
                ]
            return outcome or Done()


class Bucket:
    def __init__(self):
        self.taken = []

    def take(self, shard, batch, condition, event):
        self.taken += [record.data.decode() for record in batch.records]


def driven(stream, function, destination=None, of=None, **more):
    mapping = Mapping(
        of or settings(),
        stream,
        function,
        destination or Bucket(),
        ROLE,
        poll_s=0.01,
        backoff=Backoff(0.001, 0.01),
        **more,
    )
    mapping.start()
    return mapping


def test_everything_is_delivered_in_order_across_a_split_and_a_merge():
    stream, function = Stream(), Function()
    stream.add("a")
    stream.put("a", "1", "2", "3", "4")
    mapping = driven(stream, function)
    stream.put("a", "5")
    # The children are there, with records, before the parent is drained.
    stream.add("b", ("a",)), stream.add("c", ("a",))
    stream.put("b", "6"), stream.put("c", "7")
    mapping.await_rest(5)
    assert function.taken == ["1", "2", "3", "4", "5"]
    stream.shards["a"]["closed"] = True
    mapping.await_rest(5)
    assert sorted(function.taken[5:]) == ["6", "7"]
    stream.shards["b"]["closed"] = stream.shards["c"]["closed"] = True
    stream.add("d", ("b", "c"))
    stream.put("d", "8", "9")
    mapping.await_rest(5)
    assert function.taken[7:] == ["8", "9"]
    mapping.stop()


def test_a_poison_record_ends_at_the_destination_and_nothing_else_does():
    stream, bucket = Stream(), Bucket()
    function = Function(lambda texts: Failed("poison") if "3" in texts else None)
    stream.add("a")
    stream.put("a", *"12345678")
    mapping = driven(stream, function, bucket, settings(bisect=True, retries=2))
    mapping.await_rest(5)
    mapping.stop()
    assert bucket.taken == ["3"]
    assert function.taken == list("1245678")
    assert mapping.tally["batches discarded"] == 1


def test_another_mapping_goes_on_where_one_stopped():
    stream, first, second = Stream(), Function(), Function()
    stream.add("a")
    stream.put("a", *"1234")
    mapping = driven(stream, first)
    mapping.await_rest(5)
    mapping.stop()
    stream.put("a", *"567")
    again = driven(stream, second, checkpoints=mapping.checkpoints())
    again.await_rest(5)
    again.stop()
    assert (first.taken, second.taken) == (list("1234"), list("567"))


def test_latest_leaves_out_what_was_there_before():
    stream, function = Stream(), Function()
    stream.add("a")
    stream.put("a", *"123")
    mapping = driven(stream, function, of=settings(starting_position="LATEST"))
    stream.put("a", *"45")
    mapping.await_rest(5)
    mapping.stop()
    assert function.taken == list("45")


def test_a_stream_that_fails_for_a_while_loses_nothing():
    stream, function = Stream(), Function()
    stream.add("a")
    stream.put("a", *"123")
    read, failures = stream.get_records, iter(range(1))

    def get_records(**arguments):
        if next(failures, None) is not None:
            raise ConnectionError("the stream is away")
        return read(**arguments)

    stream.get_records = get_records
    mapping = driven(stream, function)
    mapping.await_rest(10)
    mapping.stop()
    assert function.taken == list("123")


def test_a_shard_whose_destination_fails_does_not_go_on_without_it():
    stream, bucket = Stream(), Bucket()
    take, failures = bucket.take, iter(range(1))

    def fails_once(*arguments):
        if next(failures, None) is not None:
            raise ConnectionError("the bucket is away")
        take(*arguments)

    bucket.take = fails_once
    stream.add("a")
    stream.put("a", *"12")
    mapping = driven(stream, Function(lambda texts: Failed("down")), bucket, settings(retries=0))
    mapping.await_rest(10)
    mapping.stop()
    assert bucket.taken == list("12")
