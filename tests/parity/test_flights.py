"""Parity on the real, late events of examples/flights, imported day by day."""

import duckdb
import pytest

from measures import close, distinct, double_avg, exact, extreme_by, most_frequent, percentile
from measures import stddev
from oracle import Oracle, View
from project import Question

HOUR = "date_trunc('hour', scheduled_departure)"
DELAY, LATE = "departure_delay_min", "arrival_delay_min"

DEPARTURES = View(
    "departures",
    keys={"origin": "route.origin", "carrier": "carrier"},
    bucket="hour",
    bucket_sql=HOUR,
    measures={
        "flights": exact("count(*)"),
        "cancelled": exact("count(*) FILTER (WHERE status = 'cancelled')"),
        "late": exact(f"count(*) FILTER (WHERE {DELAY} > 15)"),
        "average_delay_min": double_avg(DELAY),
        "longest_delay_min": exact(f"max({DELAY})"),
        "most_delayed_flight": extreme_by("flight", DELAY, greatest=True),
    },
)
DELAYS = View(
    "delays",
    keys={"carrier": "carrier"},
    bucket="hour",
    bucket_sql=HOUR,
    where="status = 'landed'",
    measures={
        "arrivals": exact(f"count({LATE})"),
        "p50_delay_min": percentile(LATE, 0.5),
        "p95_delay_min": percentile(LATE, 0.95),
        "average_delay_min": double_avg(LATE),
        "stddev_delay_min": stddev(LATE),
    },
)
FLEET = View(
    "fleet",
    keys={"carrier": "carrier"},
    bucket="day",
    bucket_sql="date_trunc('day', scheduled_departure)",
    where="air_time_min IS NOT NULL",
    measures={
        "aircraft": distinct("tail_number"),
        "miles": exact("sum(route.distance_miles)"),
        "air_hours": close("sum(air_time_min) / 60"),
        "miles_per_hour": close("sum(route.distance_miles) * 60 / sum(air_time_min)"),
    },
)
ROUTES = View(
    "routes",
    keys={"origin": "route.origin", "destination": "route.destination"},
    measures={
        "flights": exact("count(*)"),
        "carriers": most_frequent("carrier", buckets=3, capacity=16),
        "fastest_min": exact("min(air_time_min)"),
        "fastest_carrier": extreme_by("carrier", "air_time_min", greatest=False),
        "typical_min": percentile("air_time_min", 0.5),
        "ever_diverted": exact("bool_or(status = 'diverted')"),
        "last_landing": exact("max(landed)"),
    },
)
QUESTIONS = [
    (DEPARTURES, Question()),
    (DEPARTURES, Question(every="6h")),
    (DEPARTURES, Question(every="1d", time_zone="America/New_York")),
    (DEPARTURES, Question(every="1d", group_by=("origin",))),
    (DEPARTURES, Question(every="all", group_by=("carrier",))),
    (DEPARTURES, Question(every="all", group_by=())),
    (DEPARTURES, Question(where=(("origin", "LGA"),), every="1d", group_by=())),
    (DEPARTURES, Question(where=(("carrier", "B6"), ("carrier", "UA"), ("origin", "EWR")))),
    (DEPARTURES, Question(start="2013-02-08T15:00:00Z", end="2013-02-10T03:00:00Z")),
    (DEPARTURES, Question(start="2013-02-08T15:00:00Z", end="2013-02-10T03:00:00Z", every="1d")),
    (DELAYS, Question()),
    (DELAYS, Question(every="1d")),
    (DELAYS, Question(every="1w", group_by=())),
    (DELAYS, Question(every="all")),
    (FLEET, Question()),
    (FLEET, Question(every="1w")),
    (FLEET, Question(every="1mo", group_by=())),
    (FLEET, Question(every="all", group_by=())),
    (ROUTES, Question()),
    (ROUTES, Question(where=(("origin", "JFK"),))),
    (ROUTES, Question(group_by=("destination",))),
]


@pytest.fixture(scope="module")
def oracle(examples):
    """DuckDB's TIMESTAMP would drop the offsets of the texts; its TIMESTAMPTZ heeds them."""
    times = ("scheduled_departure", "departed", "landed")
    utc = ", ".join(f"make_timestamp(epoch_us({name})) AS {name}" for name in times)
    connection = duckdb.connect()
    connection.execute(
        f"""CREATE TABLE events AS SELECT * REPLACE ({utc})
            FROM read_json('{examples}/flights/events/*.ndjson.gz', columns = {{
                flight: 'VARCHAR', carrier: 'VARCHAR', tail_number: 'VARCHAR',
                route: 'STRUCT(origin VARCHAR, destination VARCHAR, distance_miles BIGINT)',
                status: 'VARCHAR', scheduled_departure: 'TIMESTAMPTZ', departed: 'TIMESTAMPTZ',
                departure_delay_min: 'BIGINT', landed: 'TIMESTAMPTZ', arrival_delay_min: 'BIGINT',
                air_time_min: 'BIGINT'}})"""
    )
    return Oracle(connection)


@pytest.fixture(scope="module")
def project(new_project, examples):
    """A batch version per day of reports, each merging late ones into older buckets."""
    project = new_project(examples / "flights")
    for file in sorted((examples / "flights" / "events").glob("*.ndjson.gz")):
        project.import_files(file)
    return project


@pytest.mark.parametrize(("view", "question"), QUESTIONS, ids=lambda of: getattr(of, "name", str(of)))
def test_an_answer_over_seven_incremental_builds_is_exact(project, oracle, view, question):
    answer = project.ask(view.name, question)
    oracle.compare(view, answer, question)
    assert answer.receipt["complete"] is True
    assert answer.receipt["accepted"] == 6104
    assert answer.receipt["rejected"] == 0


def test_a_full_build_answers_as_the_incremental_ones_did(project, oracle):
    before = {view.name: project.ask(view.name) for view in (DEPARTURES, DELAYS, FLEET, ROUTES)}
    project.batch(full=True)
    for view in (DEPARTURES, DELAYS, FLEET, ROUTES):
        answer = project.ask(view.name)
        assert answer.receipt["version"] > before[view.name].receipt["version"]
        if view is ROUTES:
            oracle.compare(view, answer)  # The bytes of frequent items may differ, their bounds not.
        else:
            assert answer.rows == before[view.name].rows


def test_order_and_limit_give_the_top_rows(project, oracle):
    answer = project.ask("routes", Question(order_by="-flights", limit=10))
    counts = oracle.connection.execute(
        "SELECT count(*) AS n FROM events GROUP BY route.origin, route.destination ORDER BY n DESC LIMIT 10"
    ).fetchall()
    assert [row["flights"] for row in answer.rows] == [n for (n,) in counts]
    assert answer.truncated is True
