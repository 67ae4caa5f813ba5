"""kinesis-local, the emulator of Kinesis that reshards as Kinesis does, on 127.0.0.1."""

import os
import pathlib
import shutil
import subprocess
import time

import boto3
from emulator import CREDENTIALS, REGION, free_port, without_aws

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE / "node_modules/kinesis-local"
READY_S = 60


class KinesisLocal:
    def __init__(self, log):
        self.log, self.port = pathlib.Path(log), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        node = shutil.which("node")
        assert node, "kinesis-local needs Node.js 20 or newer (Debian: apt-get install nodejs npm)"
        assert PACKAGE.is_dir(), f"no {PACKAGE}: `make e2e` installs it"
        settings = {
            "KINESIS_MOCK_PLAIN_PORT": str(self.port),
            "KINESIS_MOCK_TLS_PORT": str(free_port()),
            "KINESIS_MOCK_CERT_PATH": str(PACKAGE / "server.json"),
            "AWS_REGION": REGION,
            "LOG_LEVEL": "ERROR",
        }
        command = [node, "--require", str(HERE / "loopback.cjs"), str(PACKAGE / "main.js")]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=without_aws(os.environ) | settings, stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_S
        while True:
            try:
                return self.client().list_streams()
            except Exception as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"kinesis-local does not start; its log is {self.log}") from error
                time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def client(self):
        keys = {name.lower(): value for name, value in CREDENTIALS.items()}
        return boto3.client("kinesis", endpoint_url=self.url, region_name=REGION, **keys)

    def open_shards(self, stream):
        """The shards that take records, by the start of their hash keys."""
        shards = self.client().list_shards(StreamName=stream)["Shards"]
        still = [s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        return sorted(still, key=lambda s: int(s["HashKeyRange"]["StartingHashKey"]))

    def await_active(self, stream):
        self.client().get_waiter("stream_exists").wait(
            StreamName=stream, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
        deadline = time.monotonic() + READY_S
        while (
            self.client().describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"][
                "StreamStatus"
            ]
            != "ACTIVE"
        ):
            assert time.monotonic() < deadline, f"{stream} does not become active"
            time.sleep(0.1)

    def split(self, stream):
        """Splits the first open shard in its middle."""
        shard = self.open_shards(stream)[0]
        keys = shard["HashKeyRange"]
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2 + 1
        self.client().split_shard(
            StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle)
        )
        self.await_active(stream)

    def merge(self, stream):
        """Merges the first two open shards."""
        first, second, *_ = self.open_shards(stream)
        self.client().merge_shards(
            StreamName=stream, ShardToMerge=first["ShardId"], AdjacentShardToMerge=second["ShardId"]
        )
        self.await_active(stream)
