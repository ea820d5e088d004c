"""Complete synthetic runs, made once for the tests that only read them."""

from pathlib import Path

import pytest

from tests.report.runs import write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("run") / "toy")


@pytest.fixture(scope="session")
def folded_run(tmp_path_factory) -> Path:
    """Three folds of two members each."""
    return write_run(tmp_path_factory.mktemp("folds") / "toy", folds=3, members=2)
