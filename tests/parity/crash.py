#!/usr/bin/env python3
"""Kills a running server at random, again and again, and holds every answer against DuckDB.

    crash.py ANABRANCH [--minutes 10] [--seed N]

Method: generated events are posted request by request to `anabranch dev` with short epochs and
frequent batch builds. Before, within and after requests the process is killed with SIGKILL and started
again over the same data. Each event carries its place in what was sent, so that afterwards the
view `placed` tells which are there. At every moment, asked from a second thread all the while:

* from one answer to the next of a process no event goes missing, also while batch versions take over
  (a new process may lag for a moment: it absorbs again what was not checkpointed);
* no answer has more than was posted, and none has an event twice;
* at rest, each view equals what DuckDB computes over exactly the events that are there;
* a full build from the master data set alone changes nothing.

A run is a function of its seed but for timing; the seed is printed first.
"""

import argparse
import pathlib
import random
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager

import duckdb

from measures import distinct, double_sum, exact, percentile
from oracle import Oracle, View
from project import Project, Question
from server import Server

FOLDER = pathlib.Path(__file__).resolve().parent / "crash"
OPTIONS = ("--epoch", "500ms", "--batch-every", "2s")
SETTLE_S = 60
LARGEST_REQUEST = 3000

TRAFFIC = View(
    "traffic",
    keys={"site": "site"},
    bucket="minute",
    bucket_sql="date_trunc('minute', event_time)",
    measures={
        "events": exact("count(*)"),
        "revenue": exact("sum(amount)"),
        "latency_sum": double_sum("latency_ms"),
        "latency_max": exact("max(latency_ms)"),
        "visitors": distinct("visitor_id"),
        "latency_p95": percentile("latency_ms", 0.95),
    },
)
ALL = Question(every="all", group_by=())


class Run:
    """One server's life, and what is known of its events."""

    def __init__(self, command, seed, folder):
        self.command, self.folder = command, folder
        self.chance = random.Random(seed)
        self.server = Server(command, FOLDER, folder / "data", folder / "server.log", OPTIONS)
        self.oracle = Oracle(duckdb.connect())
        self.oracle.connection.execute(
            """CREATE TABLE events (event_time TIMESTAMP, request BIGINT, number BIGINT,
               site VARCHAR, visitor_id VARCHAR, latency_ms DOUBLE, amount DECIMAL(12,2))"""
        )
        self.requests, self.kills = 0, 0
        # How many events were posted, and how many are known to be there.
        self.posted, self.known = 0, 0
        self.versions = set()
        # What the watching thread found wrong.
        self.fault = None
        generate = [command, "generate", "clickstream", "--seed", str(seed), "--per-second", "500"]
        self.generator = subprocess.Popen(generate, stdout=subprocess.PIPE)

    def play(self, enough):
        """Rounds until `enough(self)`, then rest and the last comparisons."""
        try:
            self.server.start()
            with self.watched():
                while not enough(self) and self.fault is None:
                    self.round()
                self.compare()
            self.server.stop()
        finally:
            self.server.kill()
            self.generator.kill()
            self.generator.wait()
        project = Project(self.command, FOLDER, self.folder / "data")
        self.oracle.compare(TRAFFIC, project.ask("traffic"))
        project.batch(full=True)
        self.oracle.compare(TRAFFIC, project.ask("traffic"))

    def round(self):
        events = self.next_events()
        body = b"".join(events)
        self.posted += len(events)
        fate = self.chance.random()
        if fate < 0.25:
            with self.killed_after(self.chance.uniform(0, 0.08)):
                acknowledged = self.server.post(body)
            self.restart()
            present = self.find(self.requests, len(events))
            lost = len(events) - len(present)
            assert not (acknowledged and lost), f"{lost} acknowledged events are gone"
            events = [events[number] for number in present]
            self.posted -= lost
        else:
            assert self.server.post(body), "no acknowledgement"
        self.insert(events)
        if 0.25 <= fate < 0.40:
            # Nothing is in flight for the user, but archiving, absorbing and building are.
            time.sleep(self.chance.uniform(0, 1.5))
            self.server.kill()
            self.restart()
        elif fate > 0.85:
            self.compare()

    def next_events(self):
        self.requests += 1
        lines = []
        for number in range(self.chance.randrange(1, LARGEST_REQUEST)):
            line = self.generator.stdout.readline()
            lines.append(b'{"request":%d,"number":%d,' % (self.requests, number) + line[1:])
        return lines

    def insert(self, lines):
        file = self.folder / "inserted.ndjson"
        file.write_bytes(b"".join(lines))
        if lines:
            self.oracle.connection.execute(
                f"""INSERT INTO events BY NAME FROM read_json('{file}', format = 'newline_delimited',
                    columns = {{event_time: 'TIMESTAMP', request: 'BIGINT', number: 'BIGINT',
                                site: 'VARCHAR', visitor_id: 'VARCHAR', latency_ms: 'DOUBLE',
                                amount: 'DECIMAL(12,2)'}})"""
            )

    @contextmanager
    def killed_after(self, seconds):
        timer = threading.Timer(seconds, self.server.kill)
        timer.start()
        yield
        timer.join()

    def restart(self):
        self.kills += 1
        self.server.start()

    def find(self, request, sent):
        """The numbers of the events of `request` that are there, once no more come."""
        question = Question(where=(("request", request),))
        before, since = None, time.monotonic()
        while time.monotonic() - since < 1.0:
            rows = self.server.ask("placed", question).rows
            assert all(row["times"] == 1 for row in rows), f"an event of request {request} is there twice"
            now = sorted(row["number"] for row in rows)
            if now != before:
                before, since = now, time.monotonic()
        assert not before or before[-1] < sent
        return before

    def compare(self):
        """Waits until the answers hold all that is known to be there; then they must be exact."""
        (known,) = self.oracle.connection.execute("SELECT count(*) FROM events").fetchone()
        deadline = time.monotonic() + SETTLE_S
        while self.count() != known:
            assert time.monotonic() < deadline, f"{self.count()} of {known} events after {SETTLE_S} s"
            time.sleep(0.05)
        self.known = known
        answer = self.server.ask("traffic")
        self.versions.add(answer.receipt["version"])
        self.oracle.compare(TRAFFIC, answer)
        assert answer.receipt["complete"] is True
        assert (answer.receipt["accepted"], answer.receipt["rejected"]) == (known, 0)

    def count(self):
        rows = self.server.ask("traffic", ALL).rows
        return rows[0]["events"] if rows else 0

    @contextmanager
    def watched(self):
        """A second thread that asks all the while, across batch versions and restarts."""
        over = threading.Event()

        def watch():
            life, before = -1, None
            while not over.wait(0.01):
                if life != self.kills:
                    life, least = self.kills, 0
                try:
                    answer = self.server.ask("traffic", ALL)
                except OSError:
                    continue  # The server is down.
                count = answer.rows[0]["events"] if answer.rows else 0
                # Of an answer across a restart nobody knows which life it is of.
                if life == self.kills and not least <= count <= self.posted:
                    self.fault = (
                        f"an answer counts {count}, not {least} to {self.posted}\n{answer.receipt}\n"
                        f"before it came\n{before}"
                    )
                    return
                least, before = count, answer.receipt

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
        assert self.fault is None, self.fault


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("anabranch", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="anabranch-soak-"))
    print(f"data and log in {folder}", flush=True)
    end = time.monotonic() + 60 * arguments.minutes
    run = Run(arguments.anabranch.resolve(strict=True), arguments.seed, folder)
    run.play(lambda run: time.monotonic() > end)
    print(
        f"{run.kills} kills, {run.requests} requests, {run.known} events, batch versions "
        f"{min(run.versions)} to {max(run.versions)}: every answer exact"
    )


if __name__ == "__main__":
    main()
