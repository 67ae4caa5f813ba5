"""The event source mapping, held to what AWS says of it: without a stream, a function or a clock."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "localstack"))
