"""One fold in Polars: `run_polars.py VIEW SOURCE PATTERN THREADS`; see bench/fold.py.

It has no approximate percentile: its quantile is exact. The streaming engine was the faster one.
"""

import json
import os
import sys

os.environ["POLARS_MAX_THREADS"] = sys.argv[4]
import polars  # noqa: E402  (reads the variable when it is imported)
from polars import col  # noqa: E402

from views import FIELDS, MEASURES, named  # noqa: E402


def fold(view, source, pattern):
    schema = {name: polars.String for name in FIELDS[view]}
    if "latency_ms" in schema:
        schema["latency_ms"] = polars.Float64
    if source == "ndjson":
        events = polars.scan_ndjson(pattern, schema=schema)
    else:
        payload = col("payload").cast(polars.String).str.json_decode(polars.Struct(schema))
        events = polars.scan_parquet(pattern).select(payload.alias("event")).unnest("event")
    time = col("event_time").str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="ms")
    latency = col("latency_ms")
    if view == "minute":
        events = events.filter(col("type").is_in(["page_view", "purchase"]))
        rows = events.group_by("site", time.dt.truncate("1m").alias("minute")).agg(
            events=polars.len(),
            latency_sum=latency.sum(),
            latency_min=latency.min(),
            latency_max=latency.max(),
            visitors=col("visitor_id").approx_n_unique(),
            latency_p95=latency.quantile(0.95, interpolation="higher"),
        )
    else:
        rows = events.group_by("page", time.dt.truncate("1h").alias("hour")).agg(
            events=polars.len(), visitors=col("visitor_id").approx_n_unique()
        )
    sums = rows.select(polars.len(), *(col(name).sum() for name in MEASURES[view]))
    return named(view, sums.collect(engine="streaming").row(0))


if __name__ == "__main__":
    print(json.dumps(fold(*sys.argv[1:4])))
