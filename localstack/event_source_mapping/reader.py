"""Reads one shard of Kinesis from behind a record on, whatever happens to its iterators."""

from .event import Record

MOST_AT_ONCE = 10_000


class Reader:
    def __init__(self, kinesis, stream, shard, position, after=None):
        """`position`: TRIM_HORIZON or LATEST, where there is no record to read after."""
        self.kinesis, self.stream, self.shard = kinesis, stream, shard
        self.position, self.after = position, after
        self.iterator = None

    def begin(self):
        """Takes an iterator: what LATEST means is decided here, and not at the first read."""
        where = {"ShardIteratorType": self.position}
        if self.after is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": self.after}
        reply = self.kinesis.get_shard_iterator(StreamName=self.stream, ShardId=self.shard, **where)
        self.iterator = reply["ShardIterator"]

    def read(self):
        """The next records, and whether the shard is closed and there are no more."""
        if self.iterator is None:
            self.begin()
        try:
            reply = self.kinesis.get_records(ShardIterator=self.iterator, Limit=MOST_AT_ONCE)
        except self.kinesis.exceptions.ExpiredIteratorException:
            self.begin()
            reply = self.kinesis.get_records(ShardIterator=self.iterator, Limit=MOST_AT_ONCE)
        records = [Record.of(record) for record in reply["Records"]]
        if records:
            self.after = records[-1].sequence_number
        self.iterator = reply.get("NextShardIterator")
        return records, self.iterator is None
