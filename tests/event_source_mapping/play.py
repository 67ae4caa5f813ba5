"""A shard that is played against a function and a clock that the test brings."""

from event_source_mapping.event import Envelope, Record
from event_source_mapping.outcome import Done
from event_source_mapping.settings import Settings
from event_source_mapping.shard import Backoff, Discard, Invoke, Shard

STREAM = "arn:aws:kinesis:eu-central-1:123456789012:stream/events"
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:archive"
ROLE = "arn:aws:iam::123456789012:role/archive"
NAME = "shardId-000000000000"


def settings(**changed):
    usual = {"uuid": "11111111-2222-3333-4444-555555555555", "stream_arn": STREAM, "function_arn": FUNCTION}
    return Settings(**(usual | {"reports_failures": True, "batch_size": 10} | changed))


def record(number, data=b"{}", arrival_s=0.0):
    return Record(str(number), f"key-{number}", round(arrival_s * 1000), data)


def records(first, end, **more):
    return [record(number, **more) for number in range(first, end)]


def envelope(of=None):
    return Envelope(of or settings(), NAME, ROLE)


def shard(of=None, backoff=Backoff(1, 60), **more):
    of = of or settings()
    return Shard(of, envelope(of).fitting, backoff, **more)


def numbers(batch):
    return [int(record.sequence_number) for record in batch.records]


class Play:
    """Delivers until the shard waits for records; `reply(numbers)` is the function's outcome."""

    def __init__(self, shard, reply=lambda numbers: Done()):
        self.shard, self.reply, self.now_s = shard, reply, 0.0
        self.delivered, self.discarded = [], []

    def run(self, steps=10_000):
        for _ in range(steps):
            step = self.shard.next(self.now_s)
            if isinstance(step, Invoke):
                self.delivered.append(numbers(step.batch))
                self.shard.invoked(self.reply(self.delivered[-1]), self.now_s)
            elif isinstance(step, Discard):
                self.discarded.append((numbers(step.batch), step.condition, step.batch.invocations))
                self.shard.discarded()
            elif getattr(step, "until_s", None) is not None:
                self.now_s = step.until_s
            else:
                return step
        raise AssertionError(f"no end after {steps} steps")
