"""What training looked like: ranges of the training rows alone, and features that make a limit."""

import io

import numpy as np
import pytest
import torch
from astropy.io import fits
from rich.console import Console

import merkhet
from merkhet.bundle.store import join, load_bundle
from merkhet.config.ensemble import Ensemble
from merkhet.config.inputs import Band
from merkhet.data.noise import sky_noise
from merkhet.data.peak import peak_over_noise
from merkhet.io.catalog import Flag
from merkhet.io.tables import read_table
from merkhet.train import reference as module
from merkhet.train.fit import fit
from merkhet.train.prepare import find_samples, prepare, starting_task
from merkhet.train.reference import make_reference, remarks
from tests.skies import make_image, make_sky
from tests.train.experiments import make_experiment

CPU = torch.device("cpu")
SPLIT = "split={train: 0.5, val: 0.4, test: 0.1}"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return make_sky(tmp_path_factory.mktemp("many"), 150, seed=2)


@pytest.fixture(scope="module")
def prepared(table):
    return prepare(*find_samples(make_experiment(table, SPLIT)))


def task_of(prepared):
    torch.manual_seed(0)
    return starting_task(prepared.experiment).eval()


def test_the_ranges_are_those_of_the_training_rows(prepared):
    reference, _ = make_reference(task_of(prepared), prepared, device=CPU)
    images = [fits.getdata(path)[None] for path in prepared.table("train")["mk_path"]]
    noise = [sky_noise(image, np.isfinite(image)) for image in images]
    peaks = [peak_over_noise(*pair) for pair in zip(images, noise, strict=True)]
    assert reference.noise[0] == pytest.approx(np.percentile(noise, [1, 99]))
    assert reference.peak[0] == pytest.approx(np.percentile(peaks, [1, 99]))
    assert reference.pixel_scale_arcsec == pytest.approx((1.8, 1.8))


def test_the_limits_come_from_validation_rows_by_class(prepared):
    reference, tensors = make_reference(task_of(prepared), prepared, device=CPU)
    features = reference.features
    assert features is not None
    assert features.classes == ("double", "single")
    assert features.train_rows == len(prepared.rows("train"))
    assert features.val_rows == len(prepared.rows("val"))
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        "reference.means": (2, 8),
        "reference.whitening": (8, 8),
    }


def test_an_ensemble_is_measured_on_its_first_member_as_the_image_stands(prepared):
    first, second = task_of(prepared), starting_task(prepared.experiment).eval()
    together = join([first, second], Ensemble(members=2, orientations="d4"), spec=prepared.experiment.input)
    alone, alone_tensors = make_reference(first, prepared, device=CPU)
    reference, tensors = make_reference(together, prepared, device=CPU)
    assert reference == alone
    batch = prepared.dataset.fetch(prepared.rows("test"))
    with torch.inference_mode():
        torch.testing.assert_close(together(batch)["features"], first(batch)["features"])
    for name, tensor in alone_tensors.items():
        torch.testing.assert_close(tensors[name], tensor)


def test_of_many_rows_some_are_drawn_by_the_seed(prepared, monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 40)
    first, _ = make_reference(task_of(prepared), prepared, device=CPU)
    again, _ = make_reference(task_of(prepared), prepared, device=CPU)
    assert first == again
    assert first.features is not None
    assert first.features.train_rows == 40


def test_bands_that_are_no_signal_and_tasks_without_features_have_none(prepared, monkeypatch):
    task, forward = task_of(prepared), task_of(prepared).forward
    monkeypatch.setattr(task, "forward", lambda batch: {"logits": forward(batch)["logits"]})
    weight = prepared.experiment.input.model_copy(update={"bands": (Band(name="w", role="weight"),)})
    monkeypatch.setitem(prepared.experiment.__dict__, "input", weight)
    reference, tensors = make_reference(task, prepared, device=CPU)
    assert (reference.noise, reference.peak, reference.features, tensors) == ((None,), (None,), None, {})


def test_a_run_knows_what_it_has_seen(table, tmp_path):
    run = fit(make_experiment(table, SPLIT, "train.epochs=4", "model.dropout=0"), tmp_path / "run")
    assert load_bundle(run.folder).novelty is not None
    model = merkhet.load(run.folder)
    samples = read_table(run.samples)
    same = model.predict([str(path) for path in samples["mk_path"][samples["split"] == "test"]])
    assert (same["novelty"] > 1).mean() < 0.1
    rng = np.random.default_rng(1)
    stripes = make_image("single", rng) + 0.01 * np.sin(np.arange(24)).astype(np.float32)
    empty = rng.normal(0, 1e-3, (24, 24)).astype(np.float32)
    for image in (stripes, empty, 4 * make_image("single", rng)):
        assert model.predict(image)["flags"][0] & Flag.UNLIKE_TRAINING


def test_pixel_scales_that_differ_are_remarked_upon_and_kept(tmp_path):
    table = make_sky(tmp_path / "sky", 60)
    prepared = prepare(*find_samples(make_experiment(table)))
    assert remarks(prepared) == []
    for path in sorted((tmp_path / "sky" / "images").iterdir())[::2]:
        fits.setval(path, "CDELT1", value=-5 / 3600)
        fits.setval(path, "CDELT2", value=5 / 3600)
    screen = io.StringIO()
    run = fit(make_experiment(table, "train.epochs=1"), tmp_path / "run", console=Console(file=screen, width=300))
    assert 'training images differ in pixel scale, from 1.8" to 5"' in screen.getvalue()
    model = merkhet.load(run.folder)
    flags = model.predict(tmp_path / "sky" / "images")["flags"]
    assert not (flags & Flag.OTHER_SCALE).any()
