"""One fold in DataFusion: `run_datafusion.py VIEW ndjson FILE THREADS`; see bench/fold.py.

It has no function that reads JSON out of a column, so there is no Parquet source for it.
"""

import json
import sys

import datafusion
import pyarrow

from views import FIELDS, named, sums

TYPES = {"event_time": pyarrow.timestamp("ms"), "latency_ms": pyarrow.float64()}
FOLDS = {
    "minute": """
        SELECT site, date_trunc('minute', event_time),
               count(*) AS events, sum(latency_ms) AS latency_sum,
               min(latency_ms) AS latency_min, max(latency_ms) AS latency_max,
               approx_distinct(visitor_id) AS visitors,
               approx_percentile_cont(latency_ms, 0.95) AS latency_p95
        FROM events WHERE type IN ('page_view', 'purchase') GROUP BY 1, 2""",
    "page": """
        SELECT page, date_trunc('hour', event_time),
               count(*) AS events, approx_distinct(visitor_id) AS visitors
        FROM events GROUP BY 1, 2""",
}


def fold(view, path, threads):
    config = datafusion.SessionConfig().with_target_partitions(int(threads))
    context = datafusion.SessionContext(config)
    fields = [(name, TYPES.get(name, pyarrow.string())) for name in FIELDS[view]]
    context.register_json("events", path, schema=pyarrow.schema(fields), file_extension=".ndjson")
    result = context.sql(f"SELECT {sums(view)} FROM ({FOLDS[view]})").collect()[0]
    return named(view, (column[0].as_py() for column in result.columns))


if __name__ == "__main__":
    view, _, path, threads = sys.argv[1:]
    print(json.dumps(fold(view, path, threads)))
