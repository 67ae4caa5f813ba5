#!/usr/bin/env python3
"""Folds one clickstream into two views in Anabranch and four other engines, side by side.

    make bench
    bench/.venv/bin/python bench/fold.py --anabranch target/release/anabranch [--rounds 7] [--only duckdb]

Every run is a process of its own, pinned to the same CPUs and told to use as many threads; the
engines take turns within each round, so that whatever else the machine does hits all of them.
Counted are the CPU seconds (user and system) and the peak memory of the whole process, start-up
included, as the kernel reports them; the median of the rounds is given. Files are warm: all of them
are read once before the first round. The events come from `anabranch generate clickstream`, the
raw Parquet files from `anabranch import`, and every engine is told the columns it needs and their
types. Each prints the sum over its rows of every measure: exact measures must agree to 1e-9, and
approximate ones are shown beside the exact answer.

This measures and never fails by the clock; it stops where an answer is wrong.
"""

import argparse
import datetime
import glob
import json
import math
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "out"
PEERS = ("duckdb", "chdb", "polars", "datafusion")
VIEWS = ("minute", "page")
SOURCES = {"ndjson": "NDJSON", "raw": "raw Parquet"}
EXACT = ("rows", "events", "latency_sum", "latency_min", "latency_max")


def main():
    arguments = parse_arguments()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    inputs = make_inputs(arguments)
    contests = [
        (view, source, engines(arguments, view, source, inputs[source]))
        for source in inputs
        for view in VIEWS
    ]
    truth = {view: run(exact_command(view, inputs, arguments))["sums"] for view in VIEWS}
    runs = {}
    for number in range(arguments.rounds):
        for view, source, commands in contests:
            # Each round starts with another engine.
            names = list(commands)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                result = run(commands[name])
                check(name, view, result["sums"], truth[view])
                runs.setdefault((view, source, name), []).append(result)
                progress(number, view, source, name, result)
    report = render(arguments, runs, truth)
    path = HERE / "results" / "fold.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(report)
    print(f"\n{report}\nwritten to {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--anabranch", required=True, type=pathlib.Path, help="the command to measure")
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="CPUs and threads for every engine")
    parser.add_argument("--only", choices=PEERS, action="append", help="measure only this peer")
    arguments = parser.parse_args()
    arguments.anabranch = arguments.anabranch.resolve(strict=True)
    return arguments


def make_inputs(arguments):
    """The files to fold: NDJSON, and the master data set that an import makes of it."""
    ndjson = make_ndjson(arguments)
    data = OUT / f"data-{arguments.events}"
    if not (data / "imported").exists():
        subprocess.run(["rm", "-rf", data], check=True)
        command = [arguments.anabranch, "import", HERE / "project", "--data", data, ndjson]
        subprocess.run(command, check=True)
        (data / "imported").touch()
    pattern = str(data / "raw/**/*.parquet")
    if not glob.glob(pattern, recursive=True):
        sys.exit(f"fold.py: the import left no file at {pattern}")
    for path in (ndjson, *glob.glob(pattern, recursive=True)):
        subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True)
    return {"ndjson": str(ndjson), "raw": pattern}


def make_ndjson(arguments):
    """The generated events, made once."""
    OUT.mkdir(exist_ok=True)
    ndjson = OUT / f"clickstream-{arguments.events}.ndjson"
    if not ndjson.exists():
        part = ndjson.with_suffix(".part")
        with open(part, "wb") as file:
            generate = [arguments.anabranch, "generate", "clickstream", "--count", str(arguments.events)]
            subprocess.run(generate, stdout=file, check=True)
        part.rename(ndjson)
    return ndjson


def engines(arguments, view, source, pattern):
    """For each engine that can read `source`, the command that folds it into `view`."""
    events = [pattern] if source == "ndjson" else ["--raw", pattern.partition("/**")[0]]
    options = ["--view", view, "--threads", str(arguments.threads), *events]
    commands = {"anabranch": [str(arguments.anabranch), "fold", str(HERE / "project"), *options]}
    for peer in arguments.only or PEERS:
        if (peer, source) != ("datafusion", "raw"):
            commands[peer] = peer_command(peer, view, source, pattern, arguments.threads)
    return commands


def peer_command(peer, view, source, pattern, threads, *more):
    script = HERE / "peers" / f"run_{peer}.py"
    return [sys.executable, str(script), view, source, pattern, str(threads), *more]


def exact_command(view, inputs, arguments):
    return peer_command("duckdb", view, "ndjson", inputs["ndjson"], arguments.threads, "exact")


def run(command):
    """Runs a fold to its end: what it printed, its CPU seconds, wall seconds and peak memory."""
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=output)
        # wait4 counts the process and every child that it waited for.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"fold.py: exit code {process.returncode}: {shlex.join(command)}")
        output.seek(0)
        printed = json.load(output)
    return {
        "sums": sums(printed),
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": wall,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def sums(printed):
    """The sum over all rows of every measure, and the number of rows, from what a fold prints."""
    if "views" not in printed:
        return printed
    (view,) = printed["views"].values()
    return {"rows": view["rows"]} | {name: float(sum) for name, sum in view["sums"].items()}


def check(engine, view, sums, truth):
    """Stops at a wrong answer. `anabranch fold` prints no sums of DOUBLE columns."""
    for name in EXACT:
        if name not in truth or (name not in sums and name.startswith("latency")):
            continue
        if not math.isclose(sums[name], truth[name], rel_tol=1e-9):
            sys.exit(f"fold.py: {engine}, {view}: {name} is {sums[name]}, not {truth[name]}")


def progress(number, view, source, name, result):
    print(
        f"round {number + 1}: {view}, {SOURCES[source]}, {name}: "
        f"{result['cpu_s']:.2f} CPU s, {result['wall_s']:.2f} s, {result['peak_mb']:.0f} MB",
        file=sys.stderr,
    )


def render(arguments, runs, truth):
    median = {
        key: {unit: statistics.median(r[unit] for r in results) for unit in ("cpu_s", "wall_s", "peak_mb")}
        for key, results in runs.items()
    }
    lines = [
        f"# Folding {arguments.events:,} events\n",
        f"{machine()}; {arguments.threads} threads; medians of {arguments.rounds} interleaved rounds. "
        "CPU seconds are user and system of the whole process; the ratio is Anabranch's to the engine's.\n",
        "| view | source | engine | CPU s | events per CPU s | ratio | wall s | peak MB | memory ratio |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for (view, source, engine), of in median.items():
        ours = median[view, source, "anabranch"]
        lines.append(
            f"| {view} | {SOURCES[source]} | {engine} | {of['cpu_s']:.2f} "
            f"| {arguments.events / of['cpu_s'] / 1e6:.2f} M | {ours['cpu_s'] / of['cpu_s']:.2f} "
            f"| {of['wall_s']:.2f} | {of['peak_mb']:.0f} | {ours['peak_mb'] / of['peak_mb']:.2f} |"
        )
    lines += [
        "\nApproximate measures, summed over all rows, against the exact answer (Polars computes its "
        "percentile exactly; percentiles of few values differ by whether an engine interpolates):\n",
        "| view | engine | visitors | p95 |",
        "|---|---|--:|--:|",
    ]
    for (view, source, engine), results in runs.items():
        if source == "ndjson":
            cells = [
                deviation(results[0]["sums"], truth[view], name) for name in ("visitors", "latency_p95")
            ]
            lines.append(f"| {view} | {engine} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def deviation(sums, truth, name):
    return f"{sums[name] / truth[name] - 1:+.3%}" if name in truth and name in sums else ""


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{datetime.date.today()}; {model}; {platform.system()} {platform.release()}"


if __name__ == "__main__":
    main()
