"""What was sent: generated events, and the independent answers over them.

Each event carries the number of its request and its own number in it. The view `requests` adds them up, so
that an event that is missing or there twice changes a row that names its request.
"""

import subprocess

import duckdb

from measures import distinct, double_sum, exact, percentile
from oracle import Oracle, View

REQUESTS = View(
    "requests",
    keys={"request": "request"},
    measures={
        "events": exact("count(*)"),
        "numbers": exact("sum(number)"),
        "squares": exact("sum(number * number)"),
    },
)
MEASURES = {
    "events": exact("count(*)"),
    "revenue": exact("sum(amount)"),
    "latency_sum": double_sum("latency_ms"),
    "latency_max": exact("max(latency_ms)"),
    "visitors": distinct("visitor_id"),
    "latency_p95": percentile("latency_ms", 0.95),
}
HOUR = "date_trunc('hour', event_time)"
TRAFFIC = View("traffic", keys={"site": "site"}, bucket="hour", bucket_sql=HOUR, measures=MEASURES)
COLUMNS = """event_time: 'TIMESTAMP', request: 'BIGINT', number: 'BIGINT', site: 'VARCHAR',
    visitor_id: 'VARCHAR', latency_ms: 'DOUBLE', amount: 'DECIMAL(12,2)'"""
# What no schema takes, and what a function must get over: not JSON, not text, deep, long.
POISON = [
    b"",
    b"\x00\xff\xfe\x01",
    b"{",
    b"[" * 100_000,
    b'{"event_time":"yesterday"}',
    b'{"event_time":"2026-03-01T00:00:00.000Z","amount":1e400}',
    b'{"event_time":"2026-03-01T00:00:00.000Z","site":"' + b"x" * 900_000 + b'"',
]


class Traffic:
    def __init__(self, command, folder, seed=1):
        self.folder = folder
        self.oracle = Oracle(duckdb.connect())
        columns = COLUMNS.replace(":", "").replace("'", "")
        self.oracle.connection.execute(f"CREATE TABLE events ({columns})")
        self.requests, self.accepted, self.rejected = 0, 0, 0
        generate = [command, "generate", "clickstream", "--seed", str(seed), "--per-second", "5"]
        self.generator = subprocess.Popen(generate, stdout=subprocess.PIPE)

    def close(self):
        self.generator.kill()
        self.generator.wait()
        self.generator.stdout.close()

    def next_request(self, count):
        """The next events, one JSON text each; the oracle has them."""
        self.requests += 1
        lines = []
        for number in range(count):
            line = self.generator.stdout.readline().rstrip()
            lines.append(b'{"request":%d,"number":%d,' % (self.requests, number) + line[1:])
        file = self.folder / "request.ndjson"
        file.write_bytes(b"\n".join(lines) + b"\n")
        self.oracle.connection.execute(
            f"""INSERT INTO events BY NAME FROM read_json('{file}', format = 'newline_delimited',
                columns = {{{COLUMNS}}})"""
        )
        self.accepted += count
        return lines

    def poison(self):
        self.rejected += len(POISON)
        return POISON

    def compare(self, ask, views=(REQUESTS, TRAFFIC)):
        """Every view, asked by `ask`, must be complete and exact over all that was sent."""
        answers = {}
        for view in views:
            answer = answers[view.name] = ask(view.name)
            receipt = answer.receipt
            assert receipt["complete"] is True, receipt
            assert (receipt["accepted"], receipt["rejected"]) == (self.accepted, self.rejected), receipt
            self.oracle.compare(view, answer)
        return answers
