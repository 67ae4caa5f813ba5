#!/usr/bin/env python3
"""How large each function is, and how long it takes from being started to its first answer.

    make bench-aws
    bench/.venv/bin/python bench/cold_start.py FOLDER [--project examples/clickstream] [--starts 20]

FOLDER holds `NAME/bootstrap` for each function, as `make functions` leaves them in target/lambda, or
the programs by their names, as in target/release. Each is started as Lambda starts it, with the
environment of the deployed stack and the project beside it, against a runtime API on 127.0.0.1 that
is played here; what stands in for DynamoDB, S3 and Kinesis is the emulator that ANABRANCH_MINISTACK
names. Two times are taken from just before the process is made:

    init    until it asks for its first event: configuration, connections, whatever it reads first
    first   until the first event is answered

The event is the least that each can be given: no records for archive and speed, a health check for
query, one event for ingest, a tick for batch. The kernel has the program in memory after the first
start, which does not count. On AWS, fetching and unpacking the code and starting the machine comes on
top; processors are others.
"""

import argparse
import contextlib
import http.server
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile

import boto3

FUNCTIONS = ("archive", "speed", "query", "ingest", "batch")
PATIENCE_SECONDS = 30


def http_event(method, path, body=None):
    """An event of API Gateway's HTTP API, version 2.0."""
    event = {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {"host": "example", "content-type": "application/x-ndjson"},
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "example", "domainPrefix": "example",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"},
            "requestId": "1", "routeKey": "$default", "stage": "$default",
            "time": "01/Mar/2026:00:00:00 +0000", "timeEpoch": 1772323200000,
        },
        "isBase64Encoded": False,
    }
    return event | ({"body": body} if body else {})


EVENTS = {
    "archive": {"Records": []},
    "speed": {"Records": []},
    "query": http_event("GET", "/healthz"),
    "ingest": http_event("POST", "/v1/events", '{"event_time":"2026-03-01T00:00:00Z"}'),
    "batch": {"action": "tick"},
}


class Start:
    """One start of a function: the times, and what it answered."""

    def __init__(self, event):
        self.event = json.dumps(event).encode()
        self.begun = time.perf_counter()
        self.asked = self.answered = None
        self.answer = self.error = None
        self.done = threading.Event()


class RuntimeApi(http.server.BaseHTTPRequestHandler):
    """Lambda's runtime API, as much of it as one event takes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        start = self.server.start
        if start.asked is not None:
            # The second event never comes.
            start.done.wait()
            self.close_connection = True
            return
        start.asked = time.perf_counter()
        self.reply(200, start.event, {
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + PATIENCE_SECONDS) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:bench",
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
        })

    def do_POST(self):
        start = self.server.start
        start.answered = time.perf_counter()
        body = self.rfile.read(int(self.headers.get("content-length", 0))) if "content-length" in self.headers else self.chunks()
        if self.path.endswith("/response"):
            start.answer = body
        else:
            start.error = f"{self.path}: {body.decode(errors='replace')}"
        start.done.set()
        # It may be stopped before it hears that it was heard.
        with contextlib.suppress(ConnectionError):
            self.reply(202, b"{}", {})

    def chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def reply(self, status, body, headers):
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        """A program that is stopped resets its connections."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, address)


def main():
    arguments = parse_arguments()
    emulator = os.environ.get("ANABRANCH_MINISTACK") or sys.exit(
        "cold_start.py: ANABRANCH_MINISTACK is not set: `make bench-aws` starts an emulator"
    )
    names = create_stores(emulator)
    lines = ["| function | program, MB | zip, MB | init, ms | (least, most) | first answer, ms |", "|---|--:|--:|--:|--:|--:|"]
    found = [name for name in FUNCTIONS if program(arguments.folder, name).exists()]
    if not found:
        sys.exit(f"cold_start.py: {arguments.folder}: none of {', '.join(FUNCTIONS)} is there")
    for name in found:
        with tempfile.TemporaryDirectory() as root:
            root = pathlib.Path(root)
            shutil.copy(program(arguments.folder, name), root / "bootstrap")
            subprocess.run(["strip", root / "bootstrap"], check=True)
            shutil.copytree(arguments.project, root / "project", ignore=shutil.ignore_patterns("events", ".anabranch"))
            starts = [run(name, root, emulator, names) for _ in range(arguments.starts + 1)][1:]
            init = [1000 * (start.asked - start.begun) for start in starts]
            first = [1000 * (start.answered - start.begun) for start in starts]
            size = (root / "bootstrap").stat().st_size / 1e6
            lines.append(
                f"| {name} | {size:.1f} | {zipped(root) / 1e6:.1f} | {statistics.median(init):.1f} "
                f"| {min(init):.1f}, {max(init):.1f} | {statistics.median(first):.1f} |"
            )
            print(lines[-1], file=sys.stderr)
    report = "\n".join(lines)
    if arguments.write:
        (pathlib.Path(__file__).parent / "results" / "cold_start.md").write_text(report + "\n")
    print(report)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--project", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent / "examples" / "clickstream")
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="write bench/results/cold_start.md")
    return parser.parse_args()


def program(folder, name):
    packed = folder / name / "bootstrap"
    return packed if packed.exists() else folder / name


def create_stores(url):
    """Empty tables, buckets and a stream, as the stack has them; the functions' variables for them."""
    client = lambda service: boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    tag = uuid.uuid4().hex[:8]
    names = {kind: f"cold-{kind}-{tag}" for kind in ("stream", "raw", "views", "failures", "speed", "control")}
    for kind in ("raw", "views", "failures"):
        client("s3").create_bucket(Bucket=names[kind])
    for kind, sort_key in (("speed", "B"), ("control", "S")):
        client("dynamodb").create_table(
            TableName=names[kind], BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": sort_key}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
    client("kinesis").create_stream(StreamName=names["stream"], ShardCount=1)
    client("kinesis").get_waiter("stream_exists").wait(StreamName=names["stream"])
    return {
        "ANABRANCH_STREAM": names["stream"], "ANABRANCH_RAW_BUCKET": names["raw"], "ANABRANCH_VIEWS_BUCKET": names["views"],
        "ANABRANCH_FAILURES_BUCKET": names["failures"], "ANABRANCH_SPEED_TABLE": names["speed"],
        "ANABRANCH_CONTROL_TABLE": names["control"], "ANABRANCH_EPOCH": "60s", "ANABRANCH_LOG": "warn",
        "ANABRANCH_BATCH_EVERY": "15m", "ANABRANCH_NATIVE_MAX_BYTES": str(4 << 30),
    }


def run(name, root, emulator, names):
    """Starts a function, gives it one event, and stops it. Each start has an API of its own: what the
    last one still asked for when it was stopped is not this one's."""
    server = Server(("127.0.0.1", 0), RuntimeApi)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    environment = names | {
        "PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(root), "_HANDLER": "bootstrap",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}", "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "bench", "AWS_LAMBDA_LOG_STREAM_NAME": "bench", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": emulator,
    }
    with tempfile.TemporaryFile() as log:
        start = server.start = Start(EVENTS[name])
        process = subprocess.Popen([root / "bootstrap"], env=environment, cwd=root, stdout=log, stderr=log)
        try:
            answered = start.done.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
            process.wait()
            start.done.set()
            server.shutdown()
            server.socket.close()
        if not answered or start.error or b'"errorType"' in start.answer:
            log.seek(0)
            said = start.error or start.answer or "no answer"
            sys.exit(f"cold_start.py: {name}: {said}\n{log.read().decode(errors='replace')}")
    return start


def zipped(root):
    """The size of a function's code as it is deployed."""
    path = root / "code.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file() and file != path:
                archive.write(file, file.relative_to(root))
    return path.stat().st_size


if __name__ == "__main__":
    main()
