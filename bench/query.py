#!/usr/bin/env python3
"""Measures answers over HTTP while history grows: one key, 24 hours, minute by minute.

    python3 bench/query.py --anabranch target/release/anabranch [--events 10000000 100000000]

For each size, the clickstream is generated into a bulk import and built into a batch version of the
view `minute`. A server then answers the same question again and again over one connection, for
keys and days picked at random: 1,440 rows with every measure, with one measure, and as a single
total. The sizes take turns, round by round, so that whatever else the machine does hits both.
Needs nothing but Python; 100 million events take some 8 GB of disk and, on two cores, ten minutes.
"""

import argparse
import datetime
import http.client
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
REPEATS = 100
PIECE = 10_000_000
PER_SECOND = 58


def run(command):
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--anabranch", required=True)
    parser.add_argument("--events", type=int, nargs="+", default=[10_000_000, 100_000_000])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--folder", type=pathlib.Path, default=HERE / "out" / "query")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    project = arguments.folder / "project"
    (project / "views").mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "project/schema.sql", project)
    shutil.copy(HERE / "project/views/minute.sql", project / "views")
    servers = [Server(arguments, project, events) for events in arguments.events]
    try:
        measure(servers, arguments.rounds)
    finally:
        for server in servers:
            server.stop()


def measure(servers, rounds):
    times = {}
    chance = random.Random(1)
    for _ in range(rounds):
        for server in servers:
            for question in ("every measure", "one measure", "one total"):
                taken = times.setdefault((server.events, question), [])
                taken += [server.ask(question, chance) for _ in range(REPEATS)]
    print("| events | question | answers | p50 ms | p99 ms | max ms |\n|---|---|---|---|---|---|")
    for (events, question), taken in times.items():
        taken.sort()
        p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        print(f"| {events:,} | {question} | {len(taken)} | {p50:.2f} | {p99:.2f} | {taken[-1]:.2f} |")


class Server:
    """A running server over so many folded events."""

    def __init__(self, arguments, project, events):
        self.events = events
        data = arguments.folder / f"data-{events}"
        if not (data / "format.json").exists():
            self.load(arguments.anabranch, project, data, events)
        command = [arguments.anabranch, "dev", project, "--data", data, "--listen", "127.0.0.1:0"]
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(list(map(str, command)), stdout=self.log, stderr=self.log)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port())
        total = self.get("every=all&group_by=&measures=events")
        by_day = self.get("every=1d&measures=events")["rows"]
        # Whole days only: the first and the last may be ragged.
        days = sorted({row["minute"] for row in by_day})
        self.days = days[1:-1] or days
        self.sites = sorted({row["site"] for row in by_day})
        print(f"{events:,} events over {len(days)} days, {len(self.sites)} keys:",
              f"{total['rows'][0]['events']:,} in the view", file=sys.stderr)

    @staticmethod
    def load(anabranch, project, data, events):
        """Imports in pieces, each of its own days, so that the text never takes much disk."""
        began = time.time()
        piece = data.with_suffix(".ndjson")
        partial = data.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        start = datetime.datetime(2026, 3, 1)
        for done in range(0, events, PIECE):
            count = min(PIECE, events - done)
            moment = start + datetime.timedelta(seconds=done // PER_SECOND)
            command = [anabranch, "generate", "clickstream", "--count", count, "--seed", done // PIECE,
                       "--start", moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "--per-second", PER_SECOND]
            with open(piece, "wb") as file:
                subprocess.run(list(map(str, command)), check=True, stdout=file)
            run([anabranch, "import", project, "--data", partial, piece, "--no-batch"])
            print(f"{done + count:,} events imported in {time.time() - began:.0f} s", file=sys.stderr)
        piece.unlink()
        run([anabranch, "batch", project, "--data", partial])
        partial.rename(data)
        print(f"{events:,} events folded in {time.time() - began:.0f} s in all", file=sys.stderr)

    def port(self):
        for _ in range(300):
            self.log.seek(0)
            found = re.search(r"http://127\.0\.0\.1:(\d+)", self.log.read())
            if found:
                return int(found[1])
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.log.seek(0)
        sys.exit(f"the server did not start:\n{self.log.read()}")

    def get(self, query):
        self.connection.request("GET", f"/v1/views/minute?{query}")
        response = self.connection.getresponse()
        body = response.read()
        if response.status != 200:
            sys.exit(f"{query}: {response.status} {body[:500]}")
        return json.loads(body)

    def ask(self, question, chance):
        """Milliseconds for one answer, over a connection that is kept."""
        day = datetime.datetime.fromisoformat(chance.choice(self.days).replace("Z", "+00:00"))
        text = lambda time: time.strftime("%Y-%m-%dT%H:%M:%SZ")
        parameters = [
            ("where", f"site={chance.choice(self.sites)}"),
            ("from", text(day)),
            ("to", text(day + datetime.timedelta(days=1))),
        ]
        if question == "one measure":
            parameters.append(("measures", "events"))
        if question == "one total":
            parameters.append(("every", "all"))
        path = f"/v1/views/minute?{urllib.parse.urlencode(parameters)}"
        began = time.perf_counter()
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        body = response.read()
        taken = (time.perf_counter() - began) * 1000
        if response.status != 200 or b'"complete":true' not in body:
            sys.exit(f"{path}: {response.status} {body[:500]}")
        return taken

    def stop(self):
        self.process.terminate()
        self.process.wait()


if __name__ == "__main__":
    main()
