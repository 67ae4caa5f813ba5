"""The two views that every engine folds: the fields each needs, and the measures to sum up."""

FIELDS = {
    "minute": ("event_time", "type", "site", "visitor_id", "latency_ms"),
    "page": ("event_time", "page", "visitor_id"),
}
MEASURES = {
    "minute": ("events", "latency_sum", "latency_min", "latency_max", "visitors", "latency_p95"),
    "page": ("events", "visitors"),
}


def sums(view):
    """An SQL select list: the number of rows, and the sum of each measure."""
    return ", ".join(["count(*)", *(f"sum({name})" for name in MEASURES[view])])


def named(view, values):
    """What a fold prints: the values of `sums` by name."""
    return dict(zip(("rows", *MEASURES[view]), map(float, values), strict=True))
