"""One shard of a mapping: which records are delivered next, and what becomes of a batch that fails.

    read ─> waiting ─cut─> batches ─> Invoke ─> done ────────────────> checkpoint
                              ^          └────> failed ─> split, or tried again
                              └──────────────────────────────┘ └> Discard ─> checkpoint

Pure: records, outcomes and the time come in. The invariant is that of Lambda: records are delivered for
the first time in the shard's order, one batch at a time, and the checkpoint never passes a record that was
neither taken nor discarded.
"""

from collections import deque
from dataclasses import dataclass, replace

from .outcome import Done, Failed, FailedFrom, NotInvoked

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
# How AWS names these two is not documented.
TOO_OLD, TOO_LARGE = "RecordAgeExceeded", "PayloadLimitExceeded"


@dataclass(frozen=True)
class Batch:
    records: tuple
    # Failures that used up the first attempt or a retry; splitting does not.
    failures: int = 0
    invocations: int = 0


@dataclass(frozen=True)
class Invoke:
    batch: Batch


@dataclass(frozen=True)
class Discard:
    batch: Batch
    condition: str


@dataclass(frozen=True)
class Wait:
    """For records, or until a time, whichever is first."""

    until_s: float | None = None


@dataclass(frozen=True)
class Drained:
    """The shard is closed, and every record was delivered."""


@dataclass(frozen=True)
class Backoff:
    """How long to wait before a failed batch is tried again. AWS does not say how long it waits."""

    first_s: float = 0.2
    most_s: float = 10

    def delay_s(self, failures_in_a_row):
        return min(self.first_s * 2 ** min(failures_in_a_row - 1, 30), self.most_s)


class Shard:
    def __init__(self, settings, fitting, backoff=Backoff(), checkpoint=None):
        """`fitting(records)`: how many of them fit into one event."""
        self.settings, self.fitting, self.backoff = settings, fitting, backoff
        # The last record that is done with.
        self.checkpoint = checkpoint
        self.waiting, self.waiting_since_s = deque(), None
        self.batches = []
        self.closed = False
        self.failures_in_a_row, self.not_before_s = 0, 0.0

    def wants_records(self):
        return not (self.closed or self.batches or len(self.waiting) >= self.settings.batch_size)

    def read(self, records, closed, now_s):
        """Takes what the stream returned; `closed`: it will never return more."""
        if records and not self.waiting:
            self.waiting_since_s = now_s
        self.waiting.extend(records)
        self.closed = closed

    def next(self, now_s):
        if not self.batches and self.waiting:
            ripe_s = self.waiting_since_s + self.settings.window_s
            batch, full = self.cut()
            if not (full or self.closed or now_s >= ripe_s):
                return Wait(ripe_s)
            for _ in batch.records:
                self.waiting.popleft()
            self.waiting_since_s = now_s
            self.batches = [batch]
        if not self.batches:
            return Drained() if self.closed else Wait()
        return self.next_of(self.batches[0], now_s)

    def cut(self):
        """The batch that the waiting records make, and whether no other record could join it."""
        records = [record for record, _ in zip(self.waiting, range(self.settings.batch_size))]
        fitting = self.fitting(records)
        full = len(records) == self.settings.batch_size or fitting < len(records)
        # A record that fits into no event makes a batch of its own, and is discarded.
        return Batch(tuple(records[: max(fitting, 1)])), full

    def next_of(self, batch, now_s):
        old = self.too_old(batch.records, now_s)
        if old:
            self.batches[:1] = [replace(batch, records=batch.records[:old])]
            if old < len(batch.records):
                self.batches.insert(1, replace(batch, records=batch.records[old:]))
            return Discard(self.batches[0], TOO_OLD)
        if self.settings.retries is not None and batch.failures > self.settings.retries:
            return Discard(batch, RETRIES_EXHAUSTED)
        if len(batch.records) == 1 and not self.fitting(batch.records):
            return Discard(batch, TOO_LARGE)
        return Invoke(batch) if now_s >= self.not_before_s else Wait(self.not_before_s)

    def too_old(self, records, now_s):
        """How many records, from the first on, have passed the age; later ones wait for their turn."""
        if self.settings.record_age_s is None:
            return 0
        oldest_ms = (now_s - self.settings.record_age_s) * 1000
        young = (at for at, record in enumerate(records) if record.arrival_ms >= oldest_ms)
        return next(young, len(records))

    def invoked(self, outcome, now_s):
        """Takes what came of the batch that `next` said to invoke."""
        batch = self.batches.pop(0)
        batch = replace(batch, invocations=batch.invocations + 1)
        if isinstance(outcome, Done):
            self.failures_in_a_row = 0
            self.checkpoint = batch.records[-1].sequence_number
            return
        self.failures_in_a_row += 1
        self.not_before_s = now_s + self.backoff.delay_s(self.failures_in_a_row)
        if isinstance(outcome, NotInvoked):
            self.batches.insert(0, replace(batch, invocations=batch.invocations - 1))
        elif isinstance(outcome, FailedFrom):
            self.failed_from(batch, outcome.sequence_number)
        else:
            assert isinstance(outcome, Failed)
            self.failed(batch)

    def failed_from(self, batch, sequence_number):
        """Delivers again from the number on, what succeeded behind it included."""
        numbers = [record.sequence_number for record in batch.records]
        at = numbers.index(sequence_number)
        if at == 0:
            self.failed(batch)
            return
        self.checkpoint = numbers[at - 1]
        used_up = 0 if self.settings.bisect else 1
        rest = replace(batch, records=batch.records[at:], failures=batch.failures + used_up)
        self.batches.insert(0, rest)

    def failed(self, batch):
        if self.settings.bisect and len(batch.records) > 1:
            half = len(batch.records) // 2
            halves = batch.records[:half], batch.records[half:]
            self.batches[:0] = [replace(batch, records=records) for records in halves]
        else:
            self.batches.insert(0, replace(batch, failures=batch.failures + 1))

    def discarded(self):
        """The batch that `next` said to discard is at its destination."""
        self.checkpoint = self.batches.pop(0).records[-1].sequence_number
        self.failures_in_a_row, self.not_before_s = 0, 0.0
