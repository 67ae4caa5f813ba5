"""A deployed stack under a test: its functions, its stream, the mappings that drive them, and the traffic.

traffic ─> stream ─> mappings ─> archive, speed ─┐
                                 batch ──────────┴─> HTTP API ─> compared with the oracle
"""

import contextlib
import json
import subprocess
import threading
import time
from dataclasses import replace

import boto3
from botocore.config import Config
from event_source_mapping.deployed import role_of, take_over
from event_source_mapping.destination import Destination
from event_source_mapping.invoke import Lambda
from event_source_mapping.mapping import Mapping
from event_source_mapping.shard import Backoff

from api import Api
from project import Question

REST_S = 180
LAYERS = ("archive", "speed")
# A little longer than an epoch of what is deployed here.
EPOCH_S = 1.2
# How many records one request of PutRecords may have.
MOST_PUT = 500
ALL = Question(group_by=())


class World:
    def __init__(self, emulator, outputs, traffic, command, project, config, kinesis_url=None):
        """`config`: the file that it was deployed with; `kinesis_url`: where the stream is, if not in
        the emulator."""
        self.emulator, self.outputs, self.traffic, self.command = emulator, outputs, traffic, str(command)
        # The project that is deployed, and how.
        self.project, self.config = project, config
        self.epoch = json.loads(config.read_text())["epoch"]
        self.stream = outputs["StreamName"]
        self.api = Api(outputs["ApiUrl"])
        self.kinesis_url = kinesis_url or emulator.url
        self.kinesis = self.client("kinesis", endpoint_url=self.kinesis_url)
        self.s3 = self.client("s3", config=Config(s3={"addressing_style": "path"}))
        self.functions = self.client(
            "lambda", config=Config(read_timeout=900, retries={"max_attempts": 0}, max_pool_connections=64)
        )
        self.mappings, self.checkpoints = {}, {}

    def client(self, service, **more):
        names = self.emulator.environment
        usual = {"endpoint_url": self.emulator.url, "region_name": names["AWS_REGION"]}
        keys = {name.lower(): names[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return boto3.client(service, **(usual | keys | more))

    def name(self, layer):
        return self.outputs[f"{layer.title()}Function"]

    # ---- the mappings

    @contextlib.contextmanager
    def driven(self, wrap=lambda layer, invoke: invoke, again=False, **changed):
        """Runs the deployed mappings, from where they were stopped; `again`: from the beginning.

        `changed`: settings that differ from what was deployed; `wrap` may stand before invocations.
        """
        checkpoints = {} if again else self.checkpoints
        for settings in take_over(self.functions, self.stream):
            layer = next(layer for layer in LAYERS if settings.function_arn.endswith(self.name(layer)))
            self.mappings[layer] = Mapping(
                replace(settings, **changed),
                self.kinesis,
                wrap(layer, Lambda(self.functions, settings)),
                Destination(self.s3, settings),
                role_of(self.functions, settings),
                poll_s=0.1,
                backoff=Backoff(0.05, 1),
                checkpoints=checkpoints.get(layer, {}),
            )
        assert set(self.mappings) == set(LAYERS), "each layer has a mapping of its own"
        try:
            for mapping in self.mappings.values():
                mapping.start()
            yield self.mappings
        finally:
            for mapping in self.mappings.values():
                mapping.stop()
            self.checkpoints = {layer: mapping.checkpoints() for layer, mapping in self.mappings.items()}
            self.mappings = {}

    def settle(self):
        """Waits until both layers have taken all that is in the stream."""
        for mapping in self.mappings.values():
            mapping.await_rest(REST_S)

    def tally(self, kind):
        return {layer: mapping.tally[kind] for layer, mapping in self.mappings.items()}

    @contextlib.contextmanager
    def configured(self, layers, **variables):
        """Functions with more in their environment, and a cold start into it."""
        before = {}
        for layer in layers:
            reply = self.functions.get_function_configuration(FunctionName=self.name(layer))
            before[layer] = reply["Environment"]
            self.configure(layer, before[layer]["Variables"] | variables)
        try:
            yield
        finally:
            for layer, environment in before.items():
                self.configure(layer, environment["Variables"])

    def configure(self, layer, variables):
        self.functions.update_function_configuration(
            FunctionName=self.name(layer), Environment={"Variables": variables}
        )

    # ---- events

    def post(self, count):
        """Over HTTP."""
        reply = self.api.post(self.traffic.next_request(count))
        assert reply.status == 200, f"status {reply.status}: {reply.body.decode(errors='replace')}"
        assert reply.json()["accepted"] == count, reply.body

    def produce(self, count):
        """With the user's command."""
        lines = b"\n".join(self.traffic.next_request(count)) + b"\n"
        environment = self.emulator.environment | {"AWS_ENDPOINT_URL_KINESIS": self.kinesis_url}
        call = [self.command, "produce", "-", "--to", f"kinesis://{self.stream}"]
        done = subprocess.run(call, input=lines, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def put(self, payloads):
        """With the SDK, as a user's own producer does; keys spread over the shards."""
        for start in range(0, len(payloads), MOST_PUT):
            part = payloads[start : start + MOST_PUT]
            records = [{"Data": data, "PartitionKey": str(at)} for at, data in enumerate(part, start)]
            while records:
                reply = self.kinesis.put_records(StreamName=self.stream, Records=records)
                records = [r for r, result in zip(records, reply["Records"]) if "ErrorCode" in result]

    # ---- batch

    def batch(self, **event):
        """Invokes `batch`; another run may be under way, because it runs once a minute by itself."""
        deadline = time.monotonic() + REST_S
        while True:
            try:
                reply = self.functions.invoke(
                    FunctionName=self.name("batch"), Payload=json.dumps(event).encode()
                )
            except self.functions.exceptions.TooManyRequestsException:
                assert time.monotonic() < deadline, "batch runs on and on"
                time.sleep(0.1)
                continue
            payload = reply["Payload"].read()
            assert "FunctionError" not in reply, payload.decode(errors="replace")
            return json.loads(payload)

    def tick(self):
        return self.batch(action="tick")

    @contextlib.contextmanager
    def ticking(self):
        """Ticks all the while, because shards are opened and closed one generation after the other."""
        over = threading.Event()

        def work():
            while not over.wait(1):
                self.tick()

        ticker = threading.Thread(target=work)
        ticker.start()
        try:
            yield
        finally:
            over.set()
            ticker.join()

    def build(self, mode="incremental"):
        return self.batch(action="build", mode=mode)

    def cover(self, mode="incremental"):
        """Builds until no event is left that no version covers; returns the version's number.

        A heartbeat has to pass each shard before the last epoch with an event is sealed, and that
        epoch has to be over.
        """
        self.settle()
        time.sleep(EPOCH_S)
        if mode != "incremental":
            self.build(mode)
        deadline = time.monotonic() + REST_S
        while True:
            report = self.build()
            if report["heartbeats"] == report["published"] == report["waiting"] == 0:
                return self.receipt()["version"]
            assert time.monotonic() < deadline, f"there is always more to cover: {report}"
            self.settle()

    # ---- answers

    def receipt(self):
        return self.api.ask("requests", ALL).receipt

    def compare(self, **more):
        """At rest every answer is exact."""
        self.settle()
        return self.traffic.compare(self.api.ask, **more)

    def audit(self):
        """The user's command over the stack's tables and buckets."""
        names = ("RawBucket", "ViewsBucket", "SpeedTable", "ControlTable")
        variables = dict(zip(("RAW_BUCKET", "VIEWS_BUCKET", "SPEED_TABLE", "CONTROL_TABLE"), names))
        environment = {f"ANABRANCH_{variable}": self.outputs[name] for variable, name in variables.items()}
        call = [self.command, "audit", str(self.project), "--aws", "--epoch", self.epoch, "--format", "json"]
        done = subprocess.run(
            call, env=self.emulator.environment | environment, capture_output=True, check=False
        )
        assert done.returncode in (0, 3), done.stderr.decode(errors="replace")
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def watched(self):
        """Asks all the while: no answer counts less than one before, or more than was sent."""
        over, faults = threading.Event(), []

        def watch():
            least = 0
            while not over.wait(0.05) and not faults:
                answer = self.api.ask("requests", ALL)
                count = answer.rows[0]["events"] if answer.rows else 0
                most = self.traffic.accepted
                if not least <= count <= most and answer.receipt["complete"]:
                    faults.append(f"an answer counts {count}, not {least} to {most}: {answer.receipt}")
                least = max(least, count)

        def watch_and_tell():
            try:
                watch()
            except BaseException as error:
                faults.append(repr(error))

        watcher = threading.Thread(target=watch_and_tell)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
        assert not faults, faults[0]
