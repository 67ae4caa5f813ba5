"""One fold in DuckDB: `run_duckdb.py VIEW SOURCE PATTERN THREADS`; see bench/fold.py.

Of the ways to read JSON out of a binary column, this is the fastest found: the column as text, and
one json_transform into all fields (against ->> per field, and against decode() before it).
"""

import json
import sys

import duckdb

from views import FIELDS, named, sums

TYPES = {"event_time": "TIMESTAMP", "latency_ms": "DOUBLE"}
FOLDS = {
    "minute": """
        SELECT site, date_trunc('minute', event_time),
               count(*) AS events, sum(latency_ms) AS latency_sum,
               min(latency_ms) AS latency_min, max(latency_ms) AS latency_max,
               {distinct} AS visitors, {p95} AS latency_p95
        FROM {source} WHERE type IN ('page_view', 'purchase') GROUP BY ALL""",
    "page": """
        SELECT page, date_trunc('hour', event_time), count(*) AS events, {distinct} AS visitors
        FROM {source} GROUP BY ALL""",
}
APPROXIMATE = ("approx_count_distinct(visitor_id)", "approx_quantile(latency_ms, 0.95)")
# Not measured: what the approximations are compared with.
EXACT = ("count(DISTINCT visitor_id)", "quantile_disc(latency_ms, 0.95)")


def fold(view, source, pattern, threads, aggregates=APPROXIMATE):
    fields = {name: TYPES.get(name, "VARCHAR") for name in FIELDS[view]}
    if source == "ndjson":
        table = f"read_json('{pattern}', format = 'newline_delimited', columns = {fields})"
    else:
        table = f"""(SELECT unnest(json_transform(payload, '{json.dumps(fields)}'))
                     FROM read_parquet('{pattern}', binary_as_string = true))"""
    distinct, p95 = aggregates
    rows = FOLDS[view].format(source=table, distinct=distinct, p95=p95)
    connection = duckdb.connect(config={"threads": threads})
    values = connection.execute(f"SELECT {sums(view)} FROM ({rows})").fetchone()
    return named(view, values)


if __name__ == "__main__":
    view, source, pattern, threads, *exact = sys.argv[1:]
    print(json.dumps(fold(view, source, pattern, threads, EXACT if exact else APPROXIMATE)))
