"""Models that come with the package: found by name, wherever a model does."""

from pathlib import Path

import pytest

from merkhet.bundle import spec
from merkhet.bundle.spec import find_bundle, is_packaged, packaged_models
from merkhet.bundle.store import load_bundle
from merkhet.errors import InputError
from merkhet.train.prepare import with_absolute_paths
from tests.bundle.bundles import make_bundle
from tests.train.experiments import make_experiment


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    make_bundle(tmp_path / "package" / "toy-model")
    monkeypatch.setattr(spec, "PACKAGED", tmp_path / "package")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.mark.usefixtures("packaged")
def test_a_name_stands_for_a_model(tmp_path):
    assert packaged_models() == ["toy-model"]
    assert find_bundle("toy-model") == tmp_path / "package" / "toy-model"
    assert load_bundle("toy-model").spec.hash


@pytest.mark.usefixtures("packaged")
def test_what_lies_in_the_file_system_goes_first():
    make_bundle(Path("toy-model"), seed=3)
    assert not is_packaged("toy-model")
    assert load_bundle("toy-model").spec.hash != load_bundle(spec.PACKAGED / "toy-model").spec.hash


@pytest.mark.usefixtures("packaged")
def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        InputError, match="no such folder; expected a run folder, a bundle folder, or one of the package"
    ):
        find_bundle("toy-modle")


@pytest.mark.usefixtures("packaged")
def test_an_experiment_keeps_the_name_and_makes_paths_absolute(sky, tmp_path):
    named = with_absolute_paths(make_experiment(sky, "train.finetune.bundle=toy-model"))
    assert named.train.finetune is not None
    assert str(named.train.finetune.bundle) == "toy-model"
    other = with_absolute_paths(make_experiment(sky, "train.finetune.bundle=run/bundle"))
    assert other.train.finetune is not None
    assert other.train.finetune.bundle == tmp_path / "here" / "run" / "bundle"


@pytest.mark.parametrize("name", packaged_models())
def test_each_model_of_the_package_loads_and_has_a_card(name):
    assert load_bundle(name).spec.provenance.rows["train"] > 0
    assert (find_bundle(name) / spec.CARD).stat().st_size > 500
    assert sum(path.stat().st_size for path in find_bundle(name).iterdir()) < 2_000_000
