"""Parity on generated traffic with malformed lines, in two imports with a build between them."""

import json
import re
import subprocess

import duckdb
import pytest

from measures import decimal_avg, distinct, exact, extreme_by, most_frequent, percentile
from oracle import Oracle, View
from project import Question

EVENTS, MALFORMED_PER_MILLE = 60_000, 20
MINUTE = "date_trunc('minute', event_time)"

SITE_TRAFFIC = View(
    "site_traffic",
    keys={"site": "site", "os": "device.os"},
    bucket="minute",
    bucket_sql=MINUTE,
    where="type IN ('page_view', 'purchase')",
    measures={
        "page_views": exact("count(*)"),
        "visitors": distinct("visitor_id"),
        "revenue": exact("sum(amount) FILTER (WHERE type = 'purchase')"),
        "p95_latency_ms": percentile("latency_ms", 0.95),
    },
)
PAGES = View(
    "pages",
    keys={"page": "page"},
    bucket="hour",
    bucket_sql="date_trunc('hour', event_time)",
    measures={"events": exact("count(*)"), "visitors": distinct("visitor_id")},
)
VISITORS = View(
    "visitors",
    keys={"country": "geo.country"},
    bucket="slot",
    bucket_sql="time_bucket(INTERVAL 5 MINUTE, event_time, TIMESTAMP '1970-01-01')",
    measures={
        "visitors": distinct("visitor_id"),
        "sessions": distinct("session_id"),
        "sessions_begun": exact("count(referrer)"),
        "events_of_known_visitors": exact("count(*) FILTER (WHERE NOT new_visitor)"),
        "top_cities": most_frequent("geo.city", buckets=5, capacity=64),
    },
)
SALES = View(
    "sales",
    keys={"site": "site"},
    where="type = 'purchase'",
    measures={
        "purchases": exact("count(*)"),
        "revenue": exact("sum(amount)"),
        "average_amount": decimal_avg("amount", scale=2),
        "items": exact("sum(items)"),
        "largest_amount": exact("max(amount)"),
        "page_of_largest": extreme_by("page", "amount", greatest=True),
        "first_purchase": exact("min(event_time)"),
        "last_purchase": exact("max(event_time)"),
    },
)
QUESTIONS = [
    (SITE_TRAFFIC, Question()),
    (SITE_TRAFFIC, Question(every="15m", group_by=("site",))),
    (SITE_TRAFFIC, Question(every="1h")),
    (SITE_TRAFFIC, Question(every="all", group_by=("os",))),
    (SITE_TRAFFIC, Question(where=(("os", "iOS"),), start="2026-03-01T00:03:00Z", end="2026-03-01T00:10:00Z")),
    (PAGES, Question()),
    (PAGES, Question(every="1d", group_by=())),
    (VISITORS, Question()),
    (VISITORS, Question(every="1d", time_zone="Asia/Tokyo")),
    (VISITORS, Question(every="all", group_by=())),
    (SALES, Question()),
    (SALES, Question(group_by=())),
]


def malformed(line):
    """Whether no schema would take the line: decided here without the code under test."""
    try:
        event = json.loads(line.decode())
    except ValueError:  # UnicodeDecodeError is one.
        return True
    return not (
        isinstance(event, dict)
        and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.get("event_time", ""))
        and isinstance(event["latency_ms"], float)
    )


@pytest.fixture(scope="module")
def lines(anabranch):
    arguments = ["--count", str(EVENTS), "--malformed", str(MALFORMED_PER_MILLE), "--seed", "7"]
    output = subprocess.run([anabranch, "generate", "clickstream", *arguments], capture_output=True, check=True)
    return output.stdout.splitlines()


@pytest.fixture(scope="module")
def oracle(lines, tmp_path_factory):
    accepted = tmp_path_factory.mktemp("accepted") / "events.ndjson"
    accepted.write_bytes(b"\n".join(line for line in lines if not malformed(line)))
    connection = duckdb.connect()
    connection.execute(
        f"""CREATE TABLE events AS FROM read_json('{accepted}', format = 'newline_delimited', columns = {{
            event_time: 'TIMESTAMP', type: 'VARCHAR', site: 'VARCHAR', page: 'VARCHAR',
            visitor_id: 'VARCHAR', session_id: 'VARCHAR', latency_ms: 'DOUBLE',
            amount: 'DECIMAL(12,2)', items: 'BIGINT', new_visitor: 'BOOLEAN', referrer: 'VARCHAR',
            device: 'STRUCT(os VARCHAR)', geo: 'STRUCT(country VARCHAR, city VARCHAR)'}})"""
    )
    return Oracle(connection)


@pytest.fixture(scope="module")
def project(new_project, examples, lines, tmp_path_factory):
    project = new_project(examples / "clickstream")
    folder = tmp_path_factory.mktemp("lines")
    for number, part in enumerate((lines[: EVENTS // 3], lines[EVENTS // 3 :])):
        file = folder / f"{number}.ndjson"
        file.write_bytes(b"\n".join(part) + b"\n")
        project.import_files(file)
    return project


@pytest.mark.parametrize(("view", "question"), QUESTIONS, ids=lambda of: getattr(of, "name", str(of)))
def test_an_answer_over_traffic_with_malformed_lines_is_exact(project, oracle, view, question):
    oracle.compare(view, project.ask(view.name, question), question)


def test_every_line_is_either_accepted_or_rejected(project, lines):
    expected = sum(malformed(line) for line in lines)
    assert 0.5 < expected / (EVENTS * MALFORMED_PER_MILLE / 1000) < 1.5
    receipt = project.ask("sales").receipt
    assert (receipt["accepted"], receipt["rejected"]) == (EVENTS - expected, expected)
