"""One event source mapping at work: a thread for each shard, and one that finds new shards.

The loop decides nothing: it reads when the shard wants records, and does what the shard says is next. What
a failed call of the stream or the destination leaves behind is what was there before, and it is tried again.
"""

import logging
import threading
import time
from collections import Counter

from .event import Envelope
from .lineage import Lineage
from .outcome import Done, FailedFrom, NotInvoked
from .reader import Reader
from .shard import Backoff, Discard, Drained, Invoke, Shard

log = logging.getLogger(__name__)


class Mapping:
    def __init__(
        self,
        settings,
        kinesis,
        invoke,
        destination,
        role_arn,
        *,
        poll_s=1.0,
        backoff=Backoff(),
        checkpoints=(),
    ):
        """`invoke(event, records)` returns an outcome; `checkpoints`: where each shard goes on."""
        self.settings, self.kinesis, self.invoke, self.destination = settings, kinesis, invoke, destination
        self.role_arn, self.poll_s, self.backoff = role_arn, poll_s, backoff
        self.lineage = Lineage(settings.starting_position)
        self.earlier = dict(checkpoints)
        # What happened, by kind: a test of a fault looks here that the fault came to pass.
        self.tally = Counter()
        self.readings, self.drained = {}, set()
        self.finding, self.stopping = threading.Lock(), threading.Event()
        self.threads = []

    def start(self):
        self.find_shards()
        self.spawn(self.watch)

    def stop(self):
        """Ends after the invocations under way. What was read and not delivered is read again next time."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def checkpoints(self):
        """The last record done with, for each shard that has one: where another mapping can go on."""
        now = {name: reading.shard.checkpoint for name, reading in list(self.readings.items())}
        return self.earlier | {name: number for name, number in now.items() if number is not None}

    def await_rest(self, timeout_s):
        """Waits until everything that is in the stream now was delivered or discarded."""
        deadline = time.monotonic() + timeout_s
        known = None
        # Once more after new shards were found: a child is found when its parent is drained.
        while known != (known := self.find_shards()):
            for reading in known:
                reading.asked += 1
            while late := [reading.name for reading in known if reading.rested < reading.asked]:
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{self.settings.function_arn}: {late} not at rest: {dict(self.tally)}"
                    )
                time.sleep(0.02)

    def find_shards(self):
        """Begins to read the shards that may be read by now; returns all that were begun."""
        shards, page = [], {"StreamName": self.settings.stream}
        while page:
            reply = self.kinesis.list_shards(**page)
            shards += reply["Shards"]
            page = {"NextToken": reply["NextToken"]} if reply.get("NextToken") else None
        with self.finding:
            for name, position in self.lineage.readable(shards, self.drained).items():
                if name not in self.readings:
                    self.readings[name] = Reading(self, name, position)
                    self.spawn(self.readings[name].run)
            return list(self.readings.values())

    def watch(self):
        while not self.stopping.wait(self.poll_s):
            attempt(self.find_shards)

    def spawn(self, work):
        thread = threading.Thread(target=work, daemon=True)
        self.threads.append(thread)
        thread.start()


class Reading:
    """One shard of a mapping."""

    def __init__(self, mapping, name, position):
        self.mapping, self.name = mapping, name
        self.envelope = Envelope(mapping.settings, name, mapping.role_arn)
        checkpoint = mapping.earlier.get(name)
        self.shard = Shard(mapping.settings, self.envelope.fitting, mapping.backoff, checkpoint)
        self.reader = Reader(mapping.kinesis, mapping.settings.stream, name, position, checkpoint)
        self.reader.begin()
        # How often somebody asked whether all was delivered, and the last asking that was answered by
        # a read, begun after it, that found nothing.
        self.asked, self.rested = 0, 0

    def run(self):
        while not self.mapping.stopping.is_set():
            wait_s = attempt(self.turn)
            if wait_s is None:
                return
            self.mapping.stopping.wait(wait_s)

    def turn(self):
        """Does one thing, and returns how long to wait before the next; None: there is no next."""
        asked, found = self.asked, False
        if self.shard.wants_records():
            records, closed = self.reader.read()
            self.shard.read(records, closed, time.time())
            found = bool(records)
        step = self.shard.next(time.time())
        if isinstance(step, Invoke):
            self.deliver(step.batch)
            return 0
        if isinstance(step, Discard):
            self.discard(step.batch, step.condition)
            return 0
        if isinstance(step, Drained):
            self.mapping.drained.add(self.name)
            self.rested = float("inf")
            attempt(self.mapping.find_shards)
            return None
        if not (found or self.shard.batches or self.shard.waiting):
            self.rested = asked
        until_s = float("inf") if step.until_s is None else step.until_s - time.time()
        return max(0.0, min(self.mapping.poll_s, until_s))

    def deliver(self, batch):
        tally = self.mapping.tally
        outcome = self.mapping.invoke(self.envelope.event(batch.records), batch.records)
        tally["invocations"] += 1
        tally["records delivered"] += len(batch.records)
        if not isinstance(outcome, Done):
            kind = {FailedFrom: "partial failures", NotInvoked: "not invoked"}.get(type(outcome), "failures")
            tally[kind] += 1
            log.info(
                "%s, %s: %d records: %s",
                self.mapping.settings.function_arn,
                self.name,
                len(batch.records),
                outcome,
            )
        self.shard.invoked(outcome, time.time())

    def discard(self, batch, condition):
        self.mapping.destination.take(self.name, batch, condition, self.envelope.event(batch.records))
        self.shard.discarded()
        self.mapping.tally["records discarded"] += len(batch.records)
        self.mapping.tally["batches discarded"] += 1
        log.warning(
            "%s, %s: %d records given up: %s",
            self.mapping.settings.function_arn,
            self.name,
            len(batch.records),
            condition,
        )


def attempt(work):
    """Runs it; a failure is told, and work that has a next turn comes again in a second."""
    try:
        return work()
    except Exception:
        log.exception("the event source mapping goes on after a failure")
        return 1.0
