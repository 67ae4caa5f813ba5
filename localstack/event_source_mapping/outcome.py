"""What came of an invocation, and how Lambda reads it from a function's reply.

With `ReportBatchItemFailures` an empty, null or missing list is success, and of several numbers the lowest
counts. An identifier that is empty, null, under another name or not of the batch fails all of it.
"""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    """Every record was taken."""


@dataclass(frozen=True)
class FailedFrom:
    """Every record before this number was taken."""

    sequence_number: str


@dataclass(frozen=True)
class Failed:
    """The function failed, timed out, or reported in a way that Lambda does not understand."""

    reason: str


@dataclass(frozen=True)
class NotInvoked:
    """Lambda could not invoke the function, for example because it is throttled: no retry is used up."""

    reason: str


def of_reply(reply, records, reports_failures):
    """The outcome of a reply that is no function error."""
    if not reports_failures:
        return Done()
    try:
        response = json.loads(reply) if reply else None
    except ValueError:
        return Failed(f"reply {reply[:200]!r} is not JSON")
    if response is None:
        return Done()
    if not isinstance(response, dict):
        return Failed(f"reply {reply[:200]!r} is not an object")
    failures = response.get("batchItemFailures")
    if failures is None:
        return Done()
    if not isinstance(failures, list):
        return Failed(f"batchItemFailures {failures!r} is not a list")
    numbers = {record.sequence_number for record in records}
    for failure in failures:
        number = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(number, str) or number not in numbers:
            return Failed(f"item failure {failure!r} names no record of the batch")
    if not failures:
        return Done()
    return FailedFrom(min((failure["itemIdentifier"] for failure in failures), key=int))
