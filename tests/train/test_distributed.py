"""Two processes train one model with nothing but Lightning's own options, through the command that one takes."""

import csv
import json
import os
import subprocess
import sys

import pytest
import yaml

from merkhet.bundle.store import load_bundle
from tests.train.experiments import make_experiment


@pytest.mark.slow
def test_two_processes_share_a_training(sky, tmp_path):
    experiment = make_experiment(sky, "train.epochs=2").model_dump(mode="json")
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(experiment))
    command = [sys.executable, "-m", "merkhet", "train", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "run")]
    command += ["train.devices=2", "train.strategy=ddp", "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rejected"] == 0
    with (tmp_path / "run" / "history.csv").open() as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2"]
    assert load_bundle(tmp_path / "run").spec.provenance.rows["train"] > 0
    assert not list((tmp_path / "run").rglob(".*"))
