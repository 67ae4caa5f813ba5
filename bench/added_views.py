#!/usr/bin/env python3
"""What each added view costs: the clickstream folded into one view, two, three… in one scan.

    bench/.venv/bin/python bench/added_views.py --anabranch target/release/anabranch

Decoding is shared by all views of a project, so the second view is cheaper than the first. Measured
as in fold.py: CPU seconds and peak memory of whole processes, medians of interleaved rounds.
"""

import argparse
import pathlib
import statistics

from fold import HERE, machine, make_ndjson, run

PROJECT = HERE.parent / "examples" / "clickstream"
VIEWS = ("site_traffic", "pages", "visitors", "sales")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--anabranch", required=True, type=pathlib.Path)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    ndjson = make_ndjson(arguments)
    contests = [(view,) for view in VIEWS] + [VIEWS[:count] for count in range(2, len(VIEWS) + 1)]
    runs = {views: [] for views in contests}
    for _ in range(arguments.rounds):
        for views in contests:
            options = [option for view in views for option in ("--view", view)]
            command = [arguments.anabranch, "fold", PROJECT, *options]
            command += ["--threads", arguments.threads, ndjson]
            runs[views].append(run([str(word) for word in command]))
    report = render(arguments, runs)
    path = HERE / "results" / "added_views.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(report)
    print(f"{report}\nwritten to {path}")


def render(arguments, runs):
    median = {
        views: [statistics.median(result[unit] for result in results) for unit in ("cpu_s", "peak_mb")]
        for views, results in runs.items()
    }
    lines = [
        f"# What each added view costs, over {arguments.events:,} events\n",
        f"{machine()}; {arguments.threads} threads; medians of {arguments.rounds} interleaved rounds.\n",
        "| views in one scan | CPU s | for the last one | one by one | peak MB |",
        "|---|--:|--:|--:|--:|",
    ]
    for views, (cpu_s, peak_mb) in median.items():
        added = cpu_s - median[views[:-1]][0] if len(views) > 1 else cpu_s
        apart = sum(median[view,][0] for view in views)
        lines.append(f"| {', '.join(views)} | {cpu_s:.2f} | {added:.2f} | {apart:.2f} | {peak_mb:.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
