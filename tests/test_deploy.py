"""What is shipped for clusters and containers, as far as it can be run without one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import vstack

from merkhet.io.tables import read_table
from tests.bundle.bundles import INPUT, make_bundle

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "deploy" / "predict.slurm"
NAMES = [f"{observation}_XX_{band}MHz.fits" for observation in (11, 12, 13) for band in ("72-80", "80-88")]


def submit(part, parts, *arguments, merkhet="merkhet"):
    """Run the script as SLURM would run one task of the array."""
    task = {"SLURM_ARRAY_TASK_ID": str(part), "SLURM_ARRAY_TASK_COUNT": str(parts), "SLURM_CPUS_PER_TASK": "1"}
    environment = {**os.environ, **task, "MERKHET": merkhet}
    command = ["bash", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def snapshots(tmp_path, rng):
    (tmp_path / "images").mkdir()
    for name in NAMES:
        fits.writeto(tmp_path / "images" / name, rng.normal(size=(24, 24)).astype(np.float32))
    (tmp_path / "list.csv").write_text("".join(f"images/{name},0,\n" for name in NAMES))
    return tmp_path


def test_each_task_takes_whole_observations_and_together_they_take_all(snapshots):
    for part in (1, 2, 3, 4):
        done = submit(part, 4, "model", snapshots / "list.csv", snapshots / "out", merkhet="true")
        assert done.returncode == 0, done.stderr
    lists = [(snapshots / "out" / f"list_{part}.csv").read_text().split() for part in (1, 2, 3, 4)]
    assert lists == [[f"images/{name},0," for name in NAMES[k : k + 2]] for k in (0, 2, 4)] + [[]]
    assert "no observation is left" in done.stdout


def test_rejects_are_no_failure_and_faults_are(snapshots):
    codes = {"0": 0, "2": 2, "3": 0, "130": 130}
    for code, expected in codes.items():
        fake = snapshots / f"exit{code}"
        fake.write_text(f"#!/bin/bash\nexit {code}\n")
        fake.chmod(0o755)
        done = submit(1, 1, "model", snapshots / "list.csv", snapshots / "out", merkhet=str(fake))
        assert done.returncode == expected
    assert submit(1, 1, "model").returncode == 2


@pytest.mark.slow
def test_the_job_writes_headers_catalogs_and_verdicts(snapshots):
    make_bundle(snapshots / "model", INPUT)
    python = sys.executable
    for part in (1, 2):
        done = submit(
            part, 2, snapshots / "model", snapshots / "list.csv", snapshots / "out", merkhet=f"{python} -m merkhet"
        )
        assert done.returncode == 0, done.stderr
    verdicts = vstack([read_table(snapshots / "out" / f"verdict_{part}.csv") for part in (1, 2)])
    assert sorted(verdicts["observation"].tolist()) == [11, 12, 13]
    assert verdicts["subbands"].tolist() == [2, 2, 2]
    assert all("MKLABEL" in fits.getheader(snapshots / "images" / name) for name in NAMES)


def test_the_container_copies_what_is_there_and_ignores_the_rest():
    recipe = (ROOT / "deploy" / "Dockerfile").read_text()
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", recipe, re.MULTILINE) for name in line.split()]
    allowed = re.findall(r"^!(.+)$", (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert sorted(copied) == sorted(allowed)
    assert all((ROOT / name).exists() for name in copied)
    metadata = (ROOT / "pyproject.toml").read_text()
    for needed in re.findall(r'^(?:readme = |license-files = \[)"(.+?)"', metadata, re.MULTILINE):
        assert needed in copied, f"the package is built from {needed}"
