"""The independent answer: DuckDB over a table of the accepted events."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from project import Question

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class View:
    """A view as the oracle computes it: written a second time, in another dialect."""

    name: str
    keys: dict  # column name to SQL
    measures: dict  # column name to Measure
    where: str = "true"
    bucket: str | None = None  # column name; None in an all-time view
    bucket_sql: str = "NULL"  # the start of an event's bucket, a TIMESTAMP in UTC
    table: str = "events"


@dataclass
class Oracle:
    connection: object
    failures: list = field(default_factory=list)

    def compare(self, view, answer, question=Question()):
        """Fails with every value of `answer` that is not what DuckDB says."""
        expected, names = self.rows(view, question)
        keys = [name for name in names if name not in view.measures]
        actual = {tuple(row[name] for name in keys): row for row in answer.rows}
        assert len(actual) == len(answer.rows), "a key occurs twice in the answer"
        wrong = [f"missing row {key}" for key in expected.keys() - actual.keys()]
        wrong += [f"unexpected row {key}" for key in actual.keys() - expected.keys()]
        for key in expected.keys() & actual.keys():
            for name, measure in view.measures.items():
                fault = measure.check(actual[key][name], expected[key][name])
                if fault:
                    wrong.append(f"{key}: {name} is {fault}")
        assert not wrong, f"{view.name}, {question}: {len(wrong)} differences\n" + "\n".join(wrong[:20])
        assert expected, f"{view.name}, {question}: no row at all shows nothing"

    def rows(self, view, question):
        """The expected rows by key, and the names of their columns."""
        keys = {name: sql for name, sql in view.keys.items() if name in self.kept(view, question)}
        columns = [f"{sql} AS {quoted(name)}" for name, sql in keys.items()]
        timed = view.bucket is not None and question.every != "all"
        if timed:
            columns.append(f"starts.start AS {quoted(view.bucket)}")
        measures = [f"{measure.sql} AS {quoted(name)}" for name, measure in view.measures.items()]
        conditions = [view.where, *self.conditions(view, question)]
        self.map_buckets(view, question)
        sql = f"""
            SELECT {", ".join(columns + measures)}
            FROM {view.table}
            JOIN starts ON starts.base IS NOT DISTINCT FROM ({view.bucket_sql})
            WHERE {" AND ".join(f"({condition})" for condition in conditions)}
            {"GROUP BY ALL" if columns else "HAVING count(*) > 0"}"""
        result = self.connection.execute(sql)
        names = [column[0] for column in result.description]
        found = [dict(zip(names, map(aware, row))) for row in result.fetchall()]
        by_key = [*keys, *([view.bucket] if timed else [])]
        return {tuple(row[name] for name in by_key): row for row in found}, names

    @staticmethod
    def kept(view, question):
        return view.keys if question.group_by is None else question.group_by

    @staticmethod
    def conditions(view, question):
        """Values of one column are alternatives; conditions on different columns all hold."""
        alternatives = {}
        for column, value in question.where:
            literal = "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"
            test = f"CAST({view.keys[column]} AS VARCHAR) IS NOT DISTINCT FROM {literal}"
            alternatives.setdefault(column, []).append(test)
        yield from (" OR ".join(tests) for tests in alternatives.values())
        if question.start:
            yield f"({view.bucket_sql}) >= TIMESTAMP '{question.start}'"
        if question.end:
            yield f"({view.bucket_sql}) < TIMESTAMP '{question.end}'"

    def map_buckets(self, view, question):
        """The table `starts`: for each bucket of the view, the bucket of the answer."""
        bases = self.connection.execute(f"SELECT DISTINCT {view.bucket_sql} FROM {view.table}")
        pairs = []
        for (base,) in bases.fetchall():
            start = None
            if base is not None:
                start = bucket_start(aware(base), question.every, question.time_zone)
                start = start.astimezone(timezone.utc).replace(tzinfo=None)
            pairs.append((base, start))
        self.connection.execute("CREATE OR REPLACE TEMP TABLE starts (base TIMESTAMP, start TIMESTAMP)")
        self.connection.executemany("INSERT INTO starts VALUES (?, ?)", pairs)


def bucket_start(time, every, zone):
    """The start of the bucket of width `every` that holds `time`, by the calendar of `zone`."""
    if every in (None, "all"):
        return time
    count, unit = int("".join(c for c in every if c.isdigit())), every.lstrip("0123456789")
    if unit in UNITS:
        width = timedelta(seconds=count * UNITS[unit])
        return EPOCH + (time - EPOCH) // width * width
    midnight = time.astimezone(ZoneInfo(zone or "UTC")).replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "d":
        day = (midnight.date() - EPOCH.date()).days
        return midnight - timedelta(days=day % count)
    if unit == "w":
        return midnight - timedelta(days=midnight.weekday())
    if unit == "mo":
        return midnight.replace(day=1)
    raise ValueError(every)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def aware(value):
    return value.replace(tzinfo=timezone.utc) if isinstance(value, datetime) else value
