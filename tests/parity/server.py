"""A running `anabranch dev`, to be asked, fed and killed over HTTP as a user's would be."""

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from decimal import Decimal

from project import Answer, Question

START_S, STOP_S, REPLY_S = 60, 60, 60


class Server:
    def __init__(self, command, folder, data, log, options=()):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        listen = f"127.0.0.1:{self.port}"
        self.command = [str(command), "dev", str(folder), "--data", str(data), "--listen", listen, *options]
        self.process = None

    def start(self):
        """Starts it, and waits until it serves."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not self.serves():
            assert self.process.poll() is None, f"the server ended; its log is {self.log}"
            assert time.monotonic() < deadline, f"the server does not serve; its log is {self.log}"
            time.sleep(0.02)

    def serves(self):
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=1) as reply:
                return reply.status == 200
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ctrl-C, which it must heed with a clean exit."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(STOP_S) == 0, f"exit code {self.process.returncode} after Ctrl-C"

    def post(self, body):
        """Whether the server acknowledged the events; not if it dies meanwhile."""
        headers = {"content-type": "application/x-ndjson"}
        request = urllib.request.Request(f"{self.url}/v1/events", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=REPLY_S) as reply:
                reply.read()
                return reply.status == 200
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"status {refused.code}: {refused.read().decode()}") from refused
        except OSError:
            return False

    def ask(self, view, question=Question()):
        query = urllib.parse.urlencode(question.parameters())
        with urllib.request.urlopen(f"{self.url}/v1/views/{view}?{query}", timeout=REPLY_S) as reply:
            return Answer(json.loads(reply.read(), parse_float=Decimal))
