"""A complete synthetic run, made once for the tests that only read it."""

from pathlib import Path

import pytest

from tests.report.runs import write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("run") / "toy")
