"""Parity on events with every kind of odd value, in every odd spelling, among malformed ones."""

import json
from collections import Counter

import duckdb
import pytest

from measures import computed, decimal_avg, distinct, double_avg, double_sum, exact, extreme_by
from measures import most_frequent, percentile, stddev
from nasty_events import COLUMNS, REJECTED, events
from oracle import Oracle, View
from project import Question, convert

EVENTS, PARTS = 4000, 3
# Trim takes away white space of every kind; DuckDB's takes spaces unless told what else.
SPACE = "' ' || chr(9) || chr(10) || chr(13) || chr(8232)"

TOTALS = View(
    "totals",
    keys={"text": "text"},
    measures={
        "events": exact("count(*)"),
        "wholes": exact("count(whole)"),
        "whole_sum": exact("sum(whole)"),
        "whole_min": exact("min(whole)"),
        "whole_max": exact("max(whole)"),
        "whole_avg": double_avg("whole"),
        "wide_sum": exact("sum(wide)"),
        "wide_min": exact("min(wide)"),
        "wide_max": exact("max(wide)"),
        "money_avg": decimal_avg("money", scale=4),
        "real_min": exact("min(real)"),
        "real_max": exact("max(real)"),
        "all_flags": exact("bool_and(flag)"),
        "any_flag": exact("bool_or(flag)"),
        "name_min": exact("min(name)"),
        "name_max": exact("max(name)"),
        "groesse": exact('sum("Größe")'),
        "first": exact("min(ts)"),
        "last": exact("max(ts)"),
    },
)
HOURS = View(
    "hours",
    keys={"flag": "flag"},
    bucket="hour",
    bucket_sql="date_trunc('hour', ts)",
    measures={
        "real_sum": double_sum("real"),
        "real_avg": double_avg("real"),
        "spread": stddev("real", "abs(real) < 1e6"),
        "p50": percentile("real", 0.5),
        "p99": percentile("real", 0.99),
        "texts": distinct("text"),
        "wholes": distinct("whole"),
        "amounts": distinct("money"),
        "common": most_frequent("text", buckets=4, capacity=8),
        "text_of_least": extreme_by("text", "whole", greatest=False),
        "money_of_greatest": extreme_by("money", "real", greatest=True),
    },
)
KEYS = View(
    "keys",
    keys={
        # DuckDB groups the two zeros together but may show either.
        "real": "CASE WHEN real = 0 THEN 0.0::DOUBLE ELSE real END",
        "money": "money",
        "flag": "flag",
        "three": "three",
        "word": f"coalesce(lower(trim(text, {SPACE})), '∅')",
        "parity": "CASE WHEN whole % 2 = 0 THEN 'even' WHEN whole IS NOT NULL THEN 'odd' END",
    },
    where="real IN (0, 1.5, -1.5) OR real IS NULL",
    measures={"events": exact("count(*)")},
)
LOGIC = View(
    "logic",
    keys={},
    bucket="slot",
    bucket_sql="time_bucket(INTERVAL 7 MINUTE, ts, TIMESTAMP '1970-01-01')",
    where="flag OR NOT flag OR text IS NOT NULL",
    measures={
        "events": exact("count(*)"),
        "not_both": exact("count(*) FILTER (WHERE NOT (whole > 5 AND flag))"),
        "either": exact("count(*) FILTER (WHERE whole > 5 OR flag)"),
        "listed": exact("count(*) FILTER (WHERE whole IN (1, 2, NULL))"),
        "never": exact("0"),
        "outside": exact("count(*) FILTER (WHERE whole < -5 OR whole > 5)"),
        "underscored": exact("count(*) FILTER (WHERE contains(text, '_'))"),
        "single": exact("count(*) FILTER (WHERE length(text) = 1)"),
        "not_true": exact("count(*) FILTER (WHERE flag IS NOT TRUE)"),
        "zero_or_null": exact("count(*) FILTER (WHERE coalesce(whole, 0) = 0)"),
        # What overflows or divides by zero is NULL.
        "successors": exact("count(*) FILTER (WHERE whole < 9223372036854775807)"),
        "quotients": exact("count(*) FILTER (WHERE whole <> 0)"),
        # Integers divide towards zero.
        "tens": computed("whole", lambda values: sum(abs(v) // 10 * (1 if v > 0 else -1) for v in values)),
        "triple": computed("money", lambda values: 3 * sum(values)),
        "characters": exact("sum(length(text))"),
        "places": exact("sum(strpos(text, '本'))"),
        "middle": exact("max(substr(text, 2, 3))"),
        # Past the last part there is NULL, where DuckDB has an empty text.
        "part": exact("max(split_part(text, '-', 2)) FILTER (WHERE contains(text, '-'))"),
        "numerals": exact("sum(CAST(CASE WHEN regexp_full_match(text, '-?[0-9]+') THEN text END AS BIGINT))"),
        "clock": exact("sum(hour(ts) * 60 + minute(ts) + isodow(ts))"),
    },
)
VIEWS = (TOTALS, HOURS, KEYS, LOGIC)
QUESTIONS = [
    *((view, Question()) for view in VIEWS),
    (TOTALS, Question(where=(("text", "a"),))),
    (TOTALS, Question(where=(("text", None), ("text", "日本"), ("text", "")))),
    (TOTALS, Question(group_by=())),
    (HOURS, Question(every="1d")),
    (HOURS, Question(every="1w", time_zone="Europe/Berlin")),
    (HOURS, Question(every="1mo", group_by=())),
    (HOURS, Question(every="all")),
    (HOURS, Question(where=(("flag", None),))),
    (HOURS, Question(where=(("flag", "true"),), start="2026-03-29T01:00:00Z", end="2026-03-29T05:00:00Z")),
    (KEYS, Question(group_by=("real",))),
    (KEYS, Question(where=(("real", "0.0"),), group_by=("word", "parity"))),
    (KEYS, Question(where=(("money", "1.5000"), ("parity", "odd")))),
    (LOGIC, Question(every="14m")),
    (LOGIC, Question(every="all")),
]


@pytest.fixture(scope="module")
def pairs():
    return events(EVENTS, seed=20260329)


@pytest.fixture(scope="module")
def oracle(pairs):
    connection = duckdb.connect()
    connection.execute(
        """CREATE TABLE events (
            ts TIMESTAMP, flag BOOLEAN, whole BIGINT, real DOUBLE, money DECIMAL(18,4),
            wide DECIMAL(30,10), text VARCHAR, "Größe" BIGINT, three BIGINT, name VARCHAR)"""
    )
    rows = [
        [value.replace(tzinfo=None) if name == "ts" else value for name, value in means.items()]
        for _, means in pairs
        if isinstance(means, dict)
    ]
    assert list(next(means for _, means in pairs if isinstance(means, dict))) == list(COLUMNS)
    connection.executemany(f"INSERT INTO events VALUES ({', '.join('?' * len(COLUMNS))})", rows)
    return Oracle(connection)


@pytest.fixture(scope="module")
def project(new_project, pairs, request, tmp_path_factory):
    project = new_project(request.path.parent / "nasty")
    folder = tmp_path_factory.mktemp("lines")
    for number in range(PARTS):
        file = folder / f"{number}.ndjson"
        file.write_bytes(b"".join(line + b"\n" for line, _ in pairs[number::PARTS]))
        project.import_files(file)
    return project


@pytest.mark.parametrize(("view", "question"), QUESTIONS, ids=lambda of: getattr(of, "name", str(of)))
def test_an_answer_over_nasty_events_is_exact(project, oracle, view, question):
    oracle.compare(view, project.ask(view.name, question), question)


@pytest.mark.parametrize("view", [TOTALS, HOURS, LOGIC], ids=lambda view: view.name)
def test_csv_says_what_json_says(project, view):
    answer = project.ask(view.name)
    rows = project.ask_csv(view.name, Question())
    types = {column["name"]: column["type"] for column in answer.json["columns"]}
    # CSV cannot tell NULL from an empty text.
    values = [{name: value if value != "" else None for name, value in row.items()} for row in answer.rows]
    assert [{name: read(text, types[name]) for name, text in row.items()} for row in rows] == values


def read(text, kind):
    if text == "":
        return None
    if kind == "FREQUENT_ITEMS":
        return json.loads(text)
    if kind in ("BIGINT", "BOOLEAN"):
        return {"true": True, "false": False}[text] if kind == "BOOLEAN" else int(text)
    return convert(text, kind)


def test_each_malformed_record_is_kept_with_its_reason(project, pairs):
    receipt = project.ask("totals").receipt
    assert (receipt["accepted"], receipt["rejected"]) == (EVENTS, len(REJECTED))
    expected = Counter(means for _, means in pairs if isinstance(means, str))
    assert Counter(record["reason"] for record in project.rejected()) == expected
