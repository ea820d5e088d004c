import json
import shutil

import pytest

from merkhet.errors import ConfigError, InputError
from merkhet.report.run import read_run


@pytest.fixture
def copy(run, tmp_path):
    """A run of its own."""
    return shutil.copytree(run, tmp_path / "copy")


def test_whole_run(run):
    found = read_run(run)
    assert found.experiment.name == "Toy radio galaxies"
    assert found.bundle is not None
    assert found.bundle.provenance.epochs == (7,)
    assert found.history is not None
    assert found.history.colnames[0] == "epoch"
    assert set(found.metrics) == set(found.predictions) == set(found.galleries) == {"val", "test"}
    assert (found.folds, found.bundles) == ((), [found.bundle])
    assert found.rejects is not None
    assert len(found.rejects) == 3
    assert found.split == "test"


def test_only_the_experiment_is_needed(copy):
    for name in ("metrics.json", "history.csv", "rejects.csv", "bundle/bundle.json"):
        (copy / name).unlink()
    for split in ("val", "test"):
        (copy / f"predictions_{split}.parquet").unlink()
        (copy / f"gallery_{split}.parquet").unlink()
    found = read_run(copy)
    assert (found.bundle, found.history, found.rejects) == (None, None, None)
    assert (found.metrics, found.predictions, found.galleries, found.split) == ({}, {}, {}, None)


def test_run_of_folds(folded_run):
    found = read_run(folded_run)
    assert set(found.metrics) == {"test"}
    assert [(fold.number, fold.n) for fold in found.folds] == [(1, 20), (2, 20), (3, 20)]
    assert (found.bundle, len(found.bundles)) == (None, 3)
    assert found.history is not None
    assert found.history.colnames[:3] == ["fold", "member", "epoch"]


def test_folds_whose_folders_are_gone(folded_run, tmp_path):
    copy = shutil.copytree(folded_run, tmp_path / "copy")
    shutil.rmtree(copy / "folds")
    found = read_run(copy)
    assert [fold.bundle for fold in found.folds] == [None] * 3
    assert found.bundles == []


def test_validation_speaks_where_there_is_no_test_split(copy):
    metrics = json.loads((copy / "metrics.json").read_text())
    (copy / "metrics.json").write_text(json.dumps({"val": metrics["val"]}))
    assert read_run(copy).split == "val"


def test_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"no experiment\.yaml; expected a run folder"):
        read_run(tmp_path)


@pytest.mark.parametrize(("content", "message"), [("{", "cannot be read as JSON"), ("[1]", "holds a list")])
def test_damaged_metrics(copy, content, message):
    (copy / "metrics.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_run(copy)


def test_bundle_of_another_schema(copy):
    path = copy / "bundle" / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "extra": 1}))
    with pytest.raises(ConfigError, match=r"bundle\.json: extra: unknown key"):
        read_run(copy)
