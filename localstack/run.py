"""Runs the stack of infra/ on this machine, without an account: emulator, deployment, delivery, ticks.

    run.py [PROJECT] [--port 4566] [--endpoint URL] [--functions FOLDER] [--tick SECONDS]

Ctrl-C stops all of it. Nothing is kept: the next run begins with an empty stack. With --endpoint the
emulator is one that runs already, in Docker for example, and stays.
"""

import argparse
import logging
import os
import pathlib
import signal
import sys
import tempfile
import threading
import urllib.parse

import boto3
from botocore.config import Config
from deploy import ROOT, Deployer
from emulator import CREDENTIALS, REGION, Emulator, without_aws

from event_source_mapping.__main__ import mappings

HERE = pathlib.Path(__file__).resolve().parent
# A function may run on for as long as `batch` does at most.
TICK_S = 900


class Running:
    """An emulator that somebody else started."""

    def __init__(self, url):
        self.url = url

    @property
    def environment(self):
        names = {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        return without_aws(os.environ) | CREDENTIALS | names


def tick(client, function, every_s, over):
    """Invokes `batch` as the schedule of the stack does, but more often than once a minute."""
    while not over.is_set():
        try:
            reply = client.invoke(FunctionName=function, Payload=b'{"action":"tick"}')
            if "FunctionError" in reply:
                logging.error("batch failed: %s", reply["Payload"].read().decode(errors="replace"))
        except client.exceptions.TooManyRequestsException:
            pass  # One run at a time; the schedule's own is under way.
        over.wait(every_s)


def told(outputs, url, project):
    """What to try."""
    api = urllib.parse.urlsplit(outputs["ApiUrl"])
    signed = f"--aws-sigv4 aws:amz:{REGION}:execute-api --user test:test -H 'host: {api.netloc}'"
    view = sorted(path.stem for path in (project / "views").glob("*.sql"))[0]
    return f"""
The stack runs at {url}; its API is {outputs["ApiUrl"]}

  export AWS_ENDPOINT_URL={url} AWS_REGION={REGION} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  anabranch generate clickstream --rate 200 | anabranch produce - --to kinesis://{outputs["StreamName"]}
  curl {signed} '{url}/v1/views/{view}?limit=5'
  curl {signed} {url}/v1/status
  curl {signed} {url}/v1/audit

Ctrl-C stops it.
"""


def run(emulator, arguments, folder, over):
    deployer = Deployer(emulator, folder)
    logging.info("deploying %s", arguments.project)
    deployer.bootstrap()
    outputs = deployer.deploy(arguments.project, arguments.functions, HERE / "deploy.json")
    os.environ.update(emulator.environment)
    client = boto3.client("lambda", config=Config(read_timeout=TICK_S, retries={"max_attempts": 0}))
    ticking = threading.Thread(target=tick, args=(client, outputs["BatchFunction"], arguments.tick, over))
    ticking.start()
    driven = mappings(poll_s=1.0)
    for mapping in driven:
        mapping.start()
    print(told(outputs, emulator.url, arguments.project), flush=True)
    over.wait()
    for mapping in driven:
        mapping.stop()
    ticking.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("project", type=pathlib.Path, nargs="?", default=ROOT / "examples/clickstream")
    parser.add_argument("--port", type=int, default=4566, help="of the emulator; 0 takes a free one")
    parser.add_argument("--endpoint", metavar="URL", help="of an emulator that runs already")
    parser.add_argument(
        "--functions", type=pathlib.Path, default=ROOT / "target/release", help="their folder"
    )
    parser.add_argument("--tick", type=float, default=5, metavar="SECONDS", help="between looks of `batch`")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with tempfile.TemporaryDirectory(prefix="anabranch-local-") as folder:
        emulator = Emulator(pathlib.Path(folder) / "ministack.log", arguments.port)
        if arguments.endpoint:
            return run(Running(arguments.endpoint), arguments, folder, over)
        emulator.start()
        try:
            run(emulator, arguments, folder, over)
        except Exception as error:
            sys.exit(f"run.py: {error}\n{emulator.log.read_text()[-2000:]}")
        finally:
            emulator.stop()


if __name__ == "__main__":
    main()
