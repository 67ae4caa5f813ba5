"""One fold in DataFusion: `run_datafusion.py VIEW ndjson FILE THREADS`; see bench/fold.py.

It has no function that reads JSON out of a column, so there is no Parquet source for it.
"""

import json
import sys

import datafusion
import pyarrow

FIELDS = {
    "minute": ("event_time", "type", "site", "visitor_id", "latency_ms"),
    "page": ("event_time", "page", "visitor_id"),
}
TYPES = {"event_time": pyarrow.timestamp("ms"), "latency_ms": pyarrow.float64()}
FOLDS = {
    "minute": """
        SELECT count(*) AS rows, sum(events) AS events, sum(latency_sum) AS latency_sum,
               sum(latency_min) AS latency_min, sum(latency_max) AS latency_max,
               sum(visitors) AS visitors, sum(latency_p95) AS latency_p95
        FROM (SELECT site, date_trunc('minute', event_time),
                     count(*) AS events, sum(latency_ms) AS latency_sum,
                     min(latency_ms) AS latency_min, max(latency_ms) AS latency_max,
                     approx_distinct(visitor_id) AS visitors,
                     approx_percentile_cont(latency_ms, 0.95) AS latency_p95
              FROM events WHERE type IN ('page_view', 'purchase') GROUP BY 1, 2)""",
    "page": """
        SELECT count(*) AS rows, sum(events) AS events, sum(visitors) AS visitors
        FROM (SELECT page, date_trunc('hour', event_time),
                     count(*) AS events, approx_distinct(visitor_id) AS visitors
              FROM events GROUP BY 1, 2)""",
}


def fold(view, path, threads):
    config = datafusion.SessionConfig().with_target_partitions(int(threads))
    context = datafusion.SessionContext(config)
    fields = [(name, TYPES.get(name, pyarrow.string())) for name in FIELDS[view]]
    context.register_json("events", path, schema=pyarrow.schema(fields), file_extension=".ndjson")
    return context.sql(FOLDS[view]).collect()[0].to_pylist()[0]


if __name__ == "__main__":
    view, _, path, threads = sys.argv[1:]
    print(json.dumps({name: float(value) for name, value in fold(view, path, threads).items()}))
