#!/usr/bin/env python3
"""The speed layer from Lambda's event to DynamoDB's requests, beside the same job in plain Python; and
the write units that its rows take.

    make bench-aws
    bench/.venv/bin/python bench/speed.py --anabranch target/release/anabranch --bench target/release/anabranch-bench

Deliveries are files of the JSON that Lambda hands over, of `anabranch generate clickstream` and the
views of examples/clickstream, cut as Kinesis and Lambda would cut them at a rate. Ours and two of Python
take turns, each a process of its own with one CPU; CPU seconds (user and system) are counted from the
first delivery to the last, with the files in memory. peers/run_speed.py does what ours does, as an
engineer would write it who has measured before; peers/run_updates.py is the plainest way, an UpdateItem
per event and view. "Encoded" ends at the bytes of a PutItem
request; "sent" goes through AWS's SDK and boto3's client, over HTTP, to a server beside it that takes
everything. Those that put rows must have put as many in each view.

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
# Name: what it is, events, then the rate per second of the whole stream, its shards, and the window in
# seconds. Of what is sent, so many deliveries are enough: Python sends a thousand puts a second or so.
CUTS = {
    "full": ("deliveries as full as Lambda makes them", 120_000, 1000, 1, 30, 3),
    "spread": ("1,000 events/s on four shards, 2 s", 120_000, 1000, 4, 2, 20),
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
AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
PYTHON = {"rows": "run_speed", "updates": "run_updates"}


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
    lines = [
        "## Speed", "", environment(), "",
        "| deliveries | end | ours, events per CPU s | Python, rows put | ratio | Python, an update per event and view | ratio | puts per event | updates per event |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    peaks = []
    for name, (what, events, rate, shards, window, few) in CUTS.items():
        folder = OUT / name
        shutil.rmtree(folder, ignore_errors=True)
        run([arguments.bench, "make", clickstream(arguments, events, rate), folder, rate, shards, window])
        for end in ("encoded", "sent"):
            if end == "sent":
                for path in sorted(folder.iterdir())[few:]:
                    path.unlink()
            runs = contest(arguments, project, folder, end)
            speed = {who: statistics.median(r["events"] / r["cpu_s"] for r in found) for who, found in runs.items()}
            ours, rows, updates = (runs[who][0] for who in ("ours", "rows", "updates"))
            lines.append(
                f"| {what}: {ours['events'] / ours['deliveries']:,.0f} events each | {end} | {speed['ours']:,.0f} "
                f"| {speed['rows']:,.0f} | {speed['ours'] / speed['rows']:.1f} "
                f"| {speed['updates']:,.0f} | {speed['ours'] / speed['updates']:.1f} "
                f"| {rows['puts'] / rows['events']:.3f} | {updates['puts'] / updates['events']:.3f} |"
            )
            print(lines[-1], file=sys.stderr)
            if end == "encoded":
                held = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
                peak = {who: statistics.median(r["peak_mb"] for r in found) - held for who, found in runs.items()}
                peaks.append(f"{what}: {peak['ours']:.0f} MiB, Python {peak['rows']:.0f} MiB")
    return "\n".join([*lines, "", "Peak memory, the files of all deliveries taken off: " + "; ".join(peaks) + ".", "", memory_line(arguments)])


def memory_line(arguments):
    """Peak memory with as many records as Lambda ever delivers: more than fit its payload, at this size."""
    folder, few = OUT / "memory", OUT / "memory-few"
    for path in (folder, few):
        shutil.rmtree(path, ignore_errors=True)
    run([arguments.bench, "make", clickstream(arguments, 120_000, 1000), few, 1000, 1, 30])
    records = [record for path in sorted(few.iterdir()) for record in json.loads(path.read_bytes())["Records"]]
    folder.mkdir()
    for number in range(3):
        part = records[number * 10_000 : (number + 1) * 10_000]
        (folder / f"{number}.json").write_text(json.dumps({"Records": part}, separators=(",", ":")))
    sizes = [path.stat().st_size / 2**20 for path in folder.iterdir()]
    project = ROOT / "examples" / "clickstream"
    encoded = run([arguments.bench, "encode", project, folder])
    with Sink(arguments.bench) as sink:
        sent = run([arguments.bench, "puts", project, folder, sink.url], env=os.environ | AWS)
    # One delivery's text is part of what a function holds.
    peaks = [found["peak_mb"] - sum(sizes) + max(sizes) for found in (encoded, sent)]
    return (
        f"With 10,000 records in each delivery ({max(sizes):.1f} MiB of JSON), that text included: "
        f"ours {peaks[0]:.0f} MiB encoded, {peaks[1]:.0f} MiB sent."
    )


def contest(arguments, project, folder, end):
    """Runs of ours and of both of Python's, in turn."""
    ours = [arguments.bench, "encode" if end == "encoded" else "puts", project, folder]
    peers = {who: [sys.executable, HERE / "peers" / f"{script}.py", folder] for who, script in PYTHON.items()}
    commands = {"ours": ours} | peers
    runs = {who: [] for who in commands}
    for number in range(arguments.rounds):
        names = list(commands)
        for who in names[number % 3 :] + names[: number % 3]:
            if end == "encoded":
                runs[who].append(run(commands[who], preexec_fn=on_one_cpu))
            else:
                with Sink(arguments.bench) as sink:
                    runs[who].append(run([*commands[who], sink.url], preexec_fn=on_one_cpu, env=os.environ | AWS))
                runs[who][-1]["received"] = sink.counts["puts"]
        check({who: found[-1] for who, found in runs.items()}, end)
    return runs


def check(last, end):
    """Whether all of them have taken the same events, and both that put rows the same rows."""
    if len({found["events"] for found in last.values()}) != 1:
        sys.exit(f"speed.py: not the same events: {last}")
    if end == "encoded":
        ours, python = last["ours"]["rows_by_view"], last["rows"]["rows_by_view"]
        if any(ours[view] != rows for view, rows in python.items()):
            sys.exit(f"speed.py: not the same rows put: {ours}, and Python {python}")


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
