"""One fold in chDB (ClickHouse): `run_chdb.py VIEW SOURCE PATTERN THREADS`; see bench/fold.py.

`uniq` and `quantileTDigest` are ClickHouse's own recommendations; uniqHLL12, uniqCombined and
quantileDD were no faster. Files are read, not mapped, so that peak memory is the engine's.
"""

import json
import sys

import chdb

from views import FIELDS, named, sums

FOLDS = {
    "minute": """
        SELECT site, toStartOfMinute(event_time) AS minute,
               count() AS events, sum(latency_ms) AS latency_sum,
               min(latency_ms) AS latency_min, max(latency_ms) AS latency_max,
               uniq(visitor_id) AS visitors, quantileTDigest(0.95)(latency_ms) AS latency_p95
        FROM {source} WHERE type IN ('page_view', 'purchase') GROUP BY site, minute""",
    "page": """
        SELECT page, toStartOfHour(event_time) AS hour, count() AS events,
               uniq(visitor_id) AS visitors
        FROM {source} GROUP BY page, hour""",
}


def columns(view, time):
    types = {"event_time": time, "latency_ms": "Float64"}
    return ", ".join(f"{name} {types.get(name, 'String')}" for name in FIELDS[view])


def fold(view, source, pattern, threads):
    if source == "ndjson":
        time = "DateTime64(3, \\'UTC\\')"
        table = f"file('{pattern}', 'JSONEachRow', '{columns(view, time)}')"
    else:
        texts = ", ".join(f"event.{name} AS {name}" for name in FIELDS[view] if name != "event_time")
        table = f"""(
            SELECT JSONExtract(payload, 'Tuple({columns(view, "String")})') AS event,
                   parseDateTime64BestEffort(event.event_time, 3, 'UTC') AS event_time, {texts}
            FROM file('{pattern}', 'Parquet', 'payload String'))"""
    result = chdb.query(
        f"""SELECT {sums(view)} FROM ({FOLDS[view].format(source=table)})
            SETTINGS max_threads = {threads}, date_time_input_format = 'best_effort',
                     storage_file_read_method = 'pread'""",
        "CSV",
    )
    return named(view, str(result).split(","))


if __name__ == "__main__":
    print(json.dumps(fold(*sys.argv[1:])))
