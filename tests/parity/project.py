"""A project and its data, through the `anabranch` command: what a user would type."""

import csv
import io
import json
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal


class Project:
    def __init__(self, command, folder, data):
        self.command, self.folder, self.data = str(command), str(folder), str(data)

    def import_files(self, *files):
        """Imports and builds the next batch version, as the command does of itself."""
        self._run("import", self.folder, "--data", self.data, *map(str, files))

    def batch(self, full=False):
        self._run("batch", self.folder, "--data", self.data, *(["--full"] if full else []))

    def ask(self, view, question=None):
        options = (question or Question()).options()
        return self._answer("query", self.folder, "--data", self.data, view, *options)

    def ask_csv(self, view, question):
        """The answer's rows as texts: what a spreadsheet would read."""
        options = (*question.options(), "--format", "csv")
        output = self._run("query", self.folder, "--data", self.data, view, *options)
        return list(csv.DictReader(io.StringIO(output.decode(), newline="")))

    def rejected(self):
        """The rejected records, one dict each."""
        options = ("--limit", "1000000", "--format", "json")
        output = self._run("rejected", self.folder, "--data", self.data, *options)
        return json.loads(output)

    def _answer(self, *arguments):
        output = self._run(*arguments, "--format", "json")
        return Answer(json.loads(output, parse_float=Decimal))

    def _run(self, *arguments):
        done = subprocess.run([self.command, *arguments], capture_output=True, check=False)
        if done.returncode != 0:
            told = done.stderr.decode(errors="replace")
            raise AssertionError(f"exit code {done.returncode}: anabranch {' '.join(arguments)}\n{told}")
        return done.stdout


@dataclass(frozen=True)
class Question:
    """What to ask of a view; the fields are the command's options."""

    where: tuple = ()  # pairs of column and value; the value None asks for NULL
    start: str | None = None
    end: str | None = None
    every: str | None = None
    group_by: tuple | None = None
    order_by: str | None = None
    limit: int | None = None
    time_zone: str | None = None

    def parameters(self):
        """The question as pairs, named as in a URL."""
        pairs = [
            ("where", f"{column} is null" if value is None else f"{column}={value}")
            for column, value in self.where
        ]
        named = {
            "from": self.start,
            "to": self.end,
            "every": self.every,
            "group_by": None if self.group_by is None else ",".join(self.group_by),
            "order_by": self.order_by,
            "limit": self.limit,
            "tz": self.time_zone,
        }
        return pairs + [(name, str(value)) for name, value in named.items() if value is not None]

    def options(self):
        """The question as options of the command; one word each, since a value may start with a dash."""
        return [f"--{name.replace('_', '-')}={value}" for name, value in self.parameters()]

    def __str__(self):
        return " ".join(self.options()) or "everything"


@dataclass
class Answer:
    """An answer with its values in Python's types: DECIMAL is Decimal, TIMESTAMP an aware datetime."""

    json: dict
    receipt: dict = field(init=False)
    truncated: bool = field(init=False)
    rows: list = field(init=False)

    def __post_init__(self):
        self.receipt, self.truncated = self.json["receipt"], self.json["truncated"]
        types = {column["name"]: column["type"] for column in self.json["columns"]}
        self.rows = [
            {name: convert(value, types[name]) for name, value in row.items()}
            for row in self.json["rows"]
        ]
        for row in self.rows:
            assert list(row) == list(types), "every row has every column, in order"


def convert(value, kind):
    if value is None:
        return None
    if kind == "DOUBLE":
        return float(value)
    if kind.startswith("DECIMAL"):
        return Decimal(value)
    if kind.startswith("TIMESTAMP"):
        return datetime.fromisoformat(value).astimezone(timezone.utc)
    return value
