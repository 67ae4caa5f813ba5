"""Drives every event source mapping that is deployed at AWS_ENDPOINT_URL, until it is interrupted.

python -m event_source_mapping [--poll SECONDS]
"""

import argparse
import logging
import os
import signal
import sys
import threading

import boto3
from botocore.config import Config

from .deployed import role_of, take_over
from .destination import Destination
from .invoke import Lambda
from .mapping import Mapping

# The longest that Lambda lets a function run.
INVOKE_S = 900


def mappings(poll_s):
    """The mappings of the stack, ready to start."""
    functions = boto3.client(
        "lambda", config=Config(read_timeout=INVOKE_S, retries={"max_attempts": 0}, max_pool_connections=64)
    )
    kinesis, s3 = boto3.client("kinesis"), boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    return [
        Mapping(
            settings,
            kinesis,
            Lambda(functions, settings),
            Destination(s3, settings),
            role_of(functions, settings),
            poll_s=poll_s,
        )
        for settings in take_over(functions)
    ]


def main():
    parser = argparse.ArgumentParser(prog="event_source_mapping", description=__doc__.partition("\n\n")[0])
    parser.add_argument(
        "--poll", type=float, default=1.0, metavar="SECONDS", help="between reads of an idle shard"
    )
    arguments = parser.parse_args()
    if not os.environ.get("AWS_ENDPOINT_URL"):
        sys.exit(
            "event_source_mapping: AWS_ENDPOINT_URL is not set: it stands in for Lambda on an emulator only"
        )
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    driven = mappings(arguments.poll)
    if not driven:
        sys.exit("event_source_mapping: no mapping of a Kinesis stream is deployed")
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    for mapping in driven:
        mapping.start()
        logging.info("%s delivers to %s", mapping.settings.stream, mapping.settings.function_arn)
    over.wait()
    for mapping in driven:
        mapping.stop()
        logging.info("%s: %s", mapping.settings.function_arn, dict(mapping.tally))


if __name__ == "__main__":
    main()
