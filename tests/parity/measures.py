"""How a measure is computed by the oracle, and how far from it an answer may be.

A measure is an SQL text for DuckDB and a function that checks a value against DuckDB's result. Where
DuckDB has no exact form of the aggregate, it only collects a group's values, and the exact value
comes from rational arithmetic here.
"""

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Callable

# HyperLogLog with 2^12 registers: the standard error is 1.04 / sqrt(2^12).
SIGMA = 1.04 / math.sqrt(2**12)
# Up to here a sketch holds the values' coupons themselves, and collisions have not been seen.
COUNTED = 64
# A logarithmic histogram of 64 buckets per octave: half a bucket, 2^(1/128) - 1, is 0.543 %.
PERCENTILE_ERROR = 0.0055


@dataclass(frozen=True)
class Measure:
    sql: str
    # Takes the answer's value and DuckDB's; returns what is wrong, or None.
    check: Callable[[Any, Any], str | None]


def exact(sql):
    return Measure(sql, lambda actual, expected: unequal(actual, expected))


def computed(expression, compute, condition="true"):
    """The exact value is `compute` of the group's non-NULL values of `expression`; NULL of none."""
    sql = f"list({expression}) FILTER (WHERE ({expression}) IS NOT NULL AND ({condition}))"
    return Measure(sql, lambda actual, values: unequal(actual, compute(values) if values else None))


def double_sum(expression, condition="true"):
    """The sum of doubles, rounded once."""
    return computed(expression, math.fsum, condition)


def double_avg(expression, condition="true"):
    """The mean of doubles or integers, rounded once."""
    return computed(expression, lambda values: float(mean(values)), condition)


def decimal_avg(expression, scale, condition="true"):
    """The mean of decimals, rounded half away from zero to `scale` digits."""

    def compute(values):
        scaled = abs(mean(values)) * 10**scale
        digits = math.floor(scaled + Fraction(1, 2))
        return Decimal(digits if sum(values) >= 0 else -digits).scaleb(-scale)

    return computed(expression, compute, condition)


def stddev(expression, condition="true"):
    """The sample standard deviation; NULL of fewer than two values."""
    sql = computed(expression, None, condition).sql

    def check(actual, values):
        if not values or len(values) < 2:
            return unequal(actual, None)
        centre = mean(values)
        variance = sum((Fraction(value) - centre) ** 2 for value in values) / (len(values) - 1)
        # In decimals, which hold squares of the least doubles.
        with localcontext(prec=40):
            root = (Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt()
        return distant(actual, float(root), 1e-12)

    return Measure(sql, check)


def extreme_by(value, by, greatest):
    """min_by and max_by: of ties the least value, NULL last; events without `by` do not count."""
    sql = f"list({{'value': {value}, 'by': {by}}}) FILTER (WHERE ({by}) IS NOT NULL)"

    def check(actual, pairs):
        if not pairs:
            return unequal(actual, None)
        best = (max if greatest else min)(pair["by"] for pair in pairs)
        tied = [pair["value"] for pair in pairs if pair["by"] == best]
        return unequal(actual, min((v for v in tied if v is not None), default=None))

    return Measure(sql, check)


def distinct(expression, condition="true"):
    """approx_distinct: exact while small, then within five standard errors."""
    sql = f"count(DISTINCT {expression}) FILTER (WHERE {condition})"

    def check(actual, count):
        if count <= COUNTED:
            return unequal(actual, count)
        return distant(actual, count, 5 * SIGMA)

    return Measure(sql, check)


def percentile(expression, fraction, condition="true"):
    """approx_percentile: within 0.55 % of the value at the nearest rank.

    That holds from 2^-64 to 2^64, either sign; nearer to zero it is within 2^-64, and farther away
    it is known to be that far.
    """
    sql = computed(expression, None, condition).sql

    def check(actual, values):
        if not values:
            return unequal(actual, None)
        rank = max(1, math.ceil(Fraction(str(fraction)) * len(values)))
        expected = float(sorted(values)[rank - 1])
        if abs(expected) > 2.0**64:
            expected = math.copysign(2.0**64, expected)
        if abs(expected) <= 2.0**-64:
            return None if abs(actual - expected) <= 2.0**-64 else f"{actual!r}, expected {expected!r}"
        return distant(actual, expected, PERCENTILE_ERROR)

    return Measure(sql, check)


def most_frequent(expression, buckets, capacity):
    """approx_most_frequent: counts within their stated error, nothing frequent missing."""
    sql = f"list({expression}) FILTER (WHERE ({expression}) IS NOT NULL)"

    def check(actual, values):
        truth = Counter(values or [])
        allowed = truth.total() / capacity
        if truth.total() == 0:
            return None if not actual else f"{actual} of no values"
        if len(actual) > buckets:
            return f"{len(actual)} items, asked for {buckets}"
        counts = [item["count"] for item in actual]
        if counts != sorted(counts, reverse=True):
            return f"not the most frequent first: {actual}"
        for item in actual:
            least, most = item["count"] - item["error"], item["count"]
            if not least <= truth[item["value"]] <= most or item["error"] > allowed:
                return f"{item}, truly {truth[item['value']]}; an error of {allowed} is allowed"
        if len(truth) <= capacity:
            # Nothing ever had to give way: all counts are exact, and so is their order.
            top = sorted(truth.values(), reverse=True)[:buckets]
            return unequal(counts, top)
        found = {item["value"] for item in actual}
        floor = counts[-1] if len(actual) == buckets else 0
        missing = [v for v, n in truth.items() if v not in found and n > max(floor, allowed)]
        return f"{missing} are missing from {actual}" if missing else None

    return Measure(sql, check)


def close(sql, relative=1e-12):
    """A DOUBLE expression over exact aggregates, where the engines may round in another order."""
    return Measure(sql, lambda actual, expected: distant(actual, expected, relative))


def mean(values):
    return sum(map(Fraction, values)) / len(values)


def unequal(actual, expected):
    # bool is an int in Python, but true is not 1 here.
    same = actual == expected and isinstance(actual, bool) == isinstance(expected, bool)
    return None if same else f"{actual!r}, expected {expected!r}"


def distant(actual, expected, relative):
    if actual is None or expected is None:
        return unequal(actual, expected)
    if abs(actual - expected) <= relative * abs(expected):
        return None
    return f"{actual!r}, expected {expected!r} within {relative:.3%}"
