import dataclasses

from merkhet.report.provenance import citation, provenance_rows
from merkhet.report.run import read_run


def test_one_model(run):
    found = read_run(run)
    assert found.bundle is not None
    rows = dict(provenance_rows(found))
    assert rows["Model"] == found.bundle.hash
    assert rows["torch"] == "2.13.0"
    assert rows["Weights kept"] == "epoch 7"
    assert found.bundle.hash[:12] in citation(found)
    bare = dataclasses.replace(found, bundle=None)
    assert (provenance_rows(bare), citation(bare)) == ([], "")


def test_one_model_for_each_fold(folded_run):
    found = read_run(folded_run)
    rows = dict(provenance_rows(found))
    for fold in found.folds:
        assert fold.bundle is not None
        assert rows[f"Model of fold {fold.number}"] == f"{fold.bundle.hash} (epochs 7, 8 by member)"
        assert fold.bundle.hash[:12] in citation(found)
    assert rows["Seed"] == "42"
    assert "3 folds" in citation(found)
    gone = dataclasses.replace(found, folds=tuple(dataclasses.replace(fold, bundle=None) for fold in found.folds))
    assert (provenance_rows(gone), citation(gone)) == ([], "")
