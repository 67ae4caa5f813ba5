"""Sequence numbers as Kinesis writes them, for ministack: on its PYTHONPATH, this runs as it starts.

ministack pads its numbers with zeros in front. Kinesis never does, the functions refuse such numbers
because Lambda compares them as texts, and a place that is asked for without the zeros is none of theirs.
"""

import itertools
import time

from ministack.services import kinesis

_counter = itertools.count(1)


def _next_sequence_number() -> str:
    """56 digits that begin with 49 and rise, with gaps."""
    return f"49{int(time.time() * 1000):020d}{next(_counter):010d}{7:024d}"


kinesis._next_sequence_number = _next_sequence_number
