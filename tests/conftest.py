"""Shared fixtures: random generators, real data."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tests.skies import make_sky

# The same examples every time, on slow machines too: a change is never refused for what chance drew.
# Look for new ones with: pytest --hypothesis-profile=search
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    """Networks that a test builds start alike on every run; a test that never loads torch does not load it for this."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(20260101)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real instrument data, or a skip that says where it was looked for."""
    root = Path(os.environ.get("MERKHET_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no real data at {root}; set MERKHET_REAL_DATA")
    return root


@pytest.fixture(scope="session")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of a small sky (see :mod:`tests.skies`); read it, never change it."""
    return make_sky(tmp_path_factory.mktemp("sky"))
