"""The HTTP API of the deployed stack, asked with signed requests as a user's program asks it."""

import http.client
import json
import urllib.parse
from dataclasses import dataclass
from decimal import Decimal

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from emulator import CREDENTIALS, REGION

from project import Answer, Question

REPLY_S = 120
ROOT = Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes

    def json(self):
        return json.loads(self.body, parse_float=Decimal)


class Api:
    def __init__(self, url, credentials=ROOT):
        """`credentials`: None sends unsigned requests."""
        # The name stands for the API; that it leads to this machine is not left to a resolver.
        self.host = urllib.parse.urlsplit(url).netloc
        self.port = urllib.parse.urlsplit(url).port
        self.credentials = credentials

    def request(self, method, path, body=b"", headers=()):
        url = f"http://{self.host}{path}"
        request = AWSRequest(method, url, headers=dict(headers) | {"host": self.host}, data=body)
        if self.credentials is not None:
            SigV4Auth(self.credentials, "execute-api", REGION).add_auth(request)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REPLY_S)
        try:
            connection.request(method, path, body or None, dict(request.headers.items()))
            reply = connection.getresponse()
            return Reply(reply.status, reply.read())
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def post(self, lines):
        """Posts events, one JSON text each."""
        return self.request("POST", "/v1/events", b"\n".join(lines), {"content-type": "application/x-ndjson"})

    def ask(self, view, question=Question()):
        query = urllib.parse.urlencode(sorted(question.parameters()), quote_via=urllib.parse.quote)
        reply = self.get(f"/v1/views/{view}" + (f"?{query}" if query else ""))
        assert reply.status == 200, f"status {reply.status}: {reply.body.decode(errors='replace')}"
        return Answer(reply.json())
