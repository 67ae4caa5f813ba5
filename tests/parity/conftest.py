"""Parity: the answers of the real command, compared with those of an independent engine.

DuckDB (and, where it has no exact form of an aggregate, plain Python) answers the same questions
over the same events. Exact aggregates must be equal to the last digit; sketches must keep the
bounds that their documentation states, around the exact value.
"""

import os
import pathlib

import pytest

from project import Project

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def anabranch():
    """The path of the command under test."""
    path = pathlib.Path(os.environ.get("ANABRANCH") or ROOT / "target/release/anabranch")
    if not path.is_file():
        pytest.fail(f"no command at {path}: run `make build`, or set ANABRANCH to its path")
    return path.resolve()


@pytest.fixture(scope="session")
def examples():
    return ROOT / "examples"


@pytest.fixture(scope="module")
def new_project(anabranch, tmp_path_factory):
    """Makes a `Project` of a folder, over a data folder of its own."""

    def make(folder):
        return Project(anabranch, folder, tmp_path_factory.mktemp("data") / "data")

    return make
