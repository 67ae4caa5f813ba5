#!/usr/bin/env python3
"""The speed layer from Lambda's event to DynamoDB's requests, beside the same job in plain Python; and
the write units that its rows take.

    make bench-aws
    bench/.venv/bin/python bench/speed.py --anabranch target/release/anabranch --bench target/release/anabranch-bench

Deliveries are files of the JSON that Lambda hands over, of `anabranch generate clickstream` and the
views of examples/clickstream, cut as Kinesis and Lambda would cut them at a rate. Ours and Python take
turns, each a process of its own with one CPU; CPU seconds (user and system) are counted from the first
delivery to the last, warm and with the files in memory. "Encoded" ends at the bytes of a PutItem
request; "sent" goes through AWS's SDK and boto3's client, over HTTP, to a server beside it that takes
everything. Both must have put the same number of rows in each view.

Units are counted from the items' sizes, one per KiB begun, at several rates, shards and windows. This
measures and never fails by the clock; it stops where the two do not do the same.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
OUT = HERE / "out" / "speed"
# Name, events, then the rate per second of the whole stream, its shards, and the window in seconds.
CUTS = {
    "full": ("deliveries as full as Lambda makes them", 300_000, 1000, 1, 30),
    "busy": ("1,000 events/s on one shard, 2 s", 120_000, 1000, 1, 2),
    "spread": ("1,000 events/s on four shards, 2 s", 240_000, 1000, 4, 2),
}
# Rate, shards, window, and the column by which events choose their shard.
UNITS = {
    "clickstream": [
        (100, 1, 1, None), (100, 1, 5, None), (1000, 1, 1, None), (1000, 1, 5, None), (1000, 4, 2, None),
        (1000, 1, 10, None), (4000, 4, 5, None), (4000, 4, 5, "site"),
    ],
    "flights": [(10, 1, 1, None), (10, 1, 5, None), (100, 1, 1, None), (100, 1, 5, None)],
}
UNIT_EVENTS = 300_000


def main():
    arguments = parse_arguments()
    OUT.mkdir(parents=True, exist_ok=True)
    sections = []
    if "speed" in arguments.parts:
        sections.append(speed_section(arguments))
    if "units" in arguments.parts:
        sections.append(units_section(arguments))
    report = "\n\n".join(sections) + "\n"
    if arguments.write:
        (HERE / "results" / "speed.md").write_text(report)
    print(report)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--anabranch", required=True, type=pathlib.Path)
    parser.add_argument("--bench", required=True, type=pathlib.Path, help="anabranch-bench, built with the feature aws")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=("speed", "units"), default=["speed", "units"])
    parser.add_argument("--write", action="store_true", help="write bench/results/speed.md")
    arguments = parser.parse_args()
    arguments.anabranch = arguments.anabranch.resolve(strict=True)
    arguments.bench = arguments.bench.resolve(strict=True)
    return arguments


def run(command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True, **options)
    return json.loads(done.stdout)


def on_one_cpu():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def clickstream(arguments, events, per_second):
    path = OUT / f"clickstream-{events}-{per_second}.ndjson"
    if not path.exists():
        with path.with_suffix(".part").open("wb") as file:
            command = [arguments.anabranch, "generate", "clickstream", "--count", str(events)]
            subprocess.run([*command, "--per-second", str(per_second)], stdout=file, check=True)
        path.with_suffix(".part").rename(path)
    return path


def speed_section(arguments):
    project = ROOT / "examples" / "clickstream"
    lines = ["## Speed", "", environment(), "", "| deliveries | end | ours, events per CPU s | Python | ratio | rows per event | peak MB, ours (the events aside) | Python |", "|---|---|--:|--:|--:|--:|--:|--:|"]
    for name, (what, events, rate, shards, window) in CUTS.items():
        folder = OUT / name
        shutil.rmtree(folder, ignore_errors=True)
        run([arguments.bench, "make", clickstream(arguments, events, rate), folder, rate, shards, window])
        for end in ("encoded", "sent"):
            ours, python = contest(arguments, project, folder, end)
            speeds = [statistics.median(r["events"] / r["cpu_s"] for r in runs) for runs in (ours, python)]
            one = ours[0]
            held = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
            peaks = [statistics.median(r["peak_mb"] for r in runs) - held for runs in (ours, python)]
            lines.append(
                f"| {what}: {one['events'] / one['deliveries']:,.0f} events each | {end} | {speeds[0]:,.0f} | {speeds[1]:,.0f} "
                f"| {speeds[0] / speeds[1]:.1f} | {python[0]['puts'] / one['events']:.3f} | {peaks[0]:.0f} | {peaks[1]:.0f} |"
            )
            print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def contest(arguments, project, folder, end):
    """Runs of ours and of Python's, in turn."""
    python = [sys.executable, HERE / "peers" / "run_speed.py", folder]
    ours_runs, python_runs = [], []
    for _ in range(arguments.rounds):
        if end == "encoded":
            ours_runs.append(run([arguments.bench, "encode", project, folder], preexec_fn=on_one_cpu))
            python_runs.append(run(python, preexec_fn=on_one_cpu))
            compare(ours_runs[-1]["rows_by_view"], python_runs[-1]["rows_by_view"])
        else:
            for runs, command in ((ours_runs, [arguments.bench, "puts", project, folder]), (python_runs, python)):
                with Sink(arguments.bench) as sink:
                    runs.append(run([*command, sink.url], preexec_fn=on_one_cpu))
                runs[-1] |= {"rows": sink.counts["puts"], "units": sink.counts["units"]}
    if ours_runs[0]["events"] != python_runs[0]["events"]:
        sys.exit(f"speed.py: {ours_runs[0]['events']} events, and Python took {python_runs[0]['events']}")
    return ours_runs, python_runs


def compare(ours, python):
    different = {view: (ours[view], rows) for view, rows in python.items() if ours[view] != rows}
    if different:
        sys.exit(f"speed.py: not the same rows put: {different}")


class Sink:
    """A server that takes every put."""

    def __init__(self, bench):
        self.bench = bench

    def __enter__(self):
        self.process = subprocess.Popen([self.bench, "sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        self.counts = json.loads(self.process.communicate()[0])


def units_section(arguments):
    lines = ["## Write units", ""]
    for example, cuts in UNITS.items():
        lines += [
            f"### {example}", "",
            "| events/s | shards | window | events per delivery | puts | units | UpdateItem per event and view, one unit each | ratio | the same at the rows' sizes | ratio |",
            "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        by_view = {}
        for rate, shards, window, column in cuts:
            events = clickstream(arguments, UNIT_EVENTS, rate) if example == "clickstream" else flights()
            command = [arguments.bench, "units", ROOT / "examples" / example, events, rate, shards, window]
            found = run(command + ([column] if column else []))
            name = f"{shards}, by {column}" if column else str(shards)
            lines.append(
                f"| {rate:,} | {name} | {window} s | {found['events'] / found['deliveries']:,.0f} | {found['puts']:,.0f} "
                f"| {found['units']:,.0f} | {found['updates']:,.0f} | {found['updates'] / found['units']:.1f} "
                f"| {found['updates_at_size']:,.0f} | {found['updates_at_size'] / found['units']:.1f} |"
            )
            print(lines[-1], file=sys.stderr)
            by_view[rate, name, window] = found["views"]
        lines += ["", "Units per million events, by view:", ""]
        names = [view["view"] for view in next(iter(by_view.values()))]
        lines += ["| events/s | shards | window | " + " | ".join(names) + " |", "|--:|--:|--:|" + "--:|" * len(names)]
        for (rate, shards, window), views in by_view.items():
            lines.append(f"| {rate:,} | {shards} | {window} s | " + " | ".join(f"{view['units']:,.0f}" for view in views) + " |")
        lines.append("")
    return "\n".join(lines).rstrip()


def flights():
    """All of the example's reports, in their order."""
    path = OUT / "flights.ndjson"
    import gzip

    files = sorted((ROOT / "examples" / "flights" / "events").glob("*.gz"))
    path.write_bytes(b"".join(gzip.open(file).read() for file in files))
    return path


def environment():
    with open("/proc/cpuinfo") as cpuinfo:
        model = next(line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name"))
    return f"{model}, Python {platform.python_version()}, medians."


if __name__ == "__main__":
    main()
