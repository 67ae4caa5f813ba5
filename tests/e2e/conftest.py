"""End to end: the stack of infra/, deployed by CDK to an emulator, with the compiled functions.

One emulator for all, with IAM enforced: every function has the rights of its role and no others.
"""

import json
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "localstack"), str(ROOT / "tests/parity")]

from deploy import Deployer  # noqa: E402
from emulator import Emulator  # noqa: E402
from kinesis_local import KinesisLocal  # noqa: E402
from proxy import Proxy  # noqa: E402
from traffic import Traffic  # noqa: E402
from world import World  # noqa: E402

PROJECT = HERE / "project"


def built(variable, path, how):
    path = pathlib.Path(os.environ.get(variable) or ROOT / path)
    if not path.exists():
        pytest.fail(f"no {path}: run `{how}`, or set {variable}")
    return path.resolve()


@pytest.fixture(scope="session")
def command():
    return built("ANABRANCH", "target/release/anabranch", "make build AWS=1")


@pytest.fixture(scope="session")
def functions():
    """The folder of the compiled functions."""
    return built("ANABRANCH_FUNCTIONS", "target/release/speed", "make e2e").parent


@pytest.fixture(scope="session")
def emulator(tmp_path_factory):
    emulator = Emulator(tmp_path_factory.mktemp("emulator") / "ministack.log", enforce_iam=True)
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture(scope="session")
def deployer(emulator, tmp_path_factory):
    deployer = Deployer(emulator, tmp_path_factory.mktemp("cdk"))
    deployer.bootstrap()
    return deployer


@pytest.fixture(scope="session")
def proxy(emulator):
    """Before DynamoDB, for the functions that are told of it."""
    proxy = Proxy(emulator.port)
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture(scope="session")
def kinesis_local(tmp_path_factory):
    kinesis = KinesisLocal(tmp_path_factory.mktemp("kinesis") / "kinesis-local.log")
    kinesis.start()
    yield kinesis
    kinesis.stop()


@pytest.fixture(scope="session")
def new_world(emulator, deployer, command, functions, tmp_path_factory):
    """Deploys the stack under a name of its own, and makes a `World` of it."""
    worlds = []

    def make(name, **more):
        folder = tmp_path_factory.mktemp(name)
        config = folder / "deploy.json"
        config.write_text(json.dumps(json.loads((PROJECT / "deploy.json").read_text()) | {"stackName": name}))
        outputs = deployer.deploy(PROJECT, functions, config)
        world = World(emulator, outputs, Traffic(command, folder), command, PROJECT, config, **more)
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        world.traffic.close()


@pytest.fixture(scope="session")
def world(new_world):
    """The stack that most tests share: what one has sent is still there in the next one's answers."""
    world = new_world("anabranch-e2e")
    # Deploys the definitions and registers the shards, as the first minute of a stack does.
    world.tick()
    return world
