"""Which images a model calls unlike its training data."""

import json

import numpy as np
import pytest
import torch
from astropy.io import fits

import merkhet
from merkhet.bundle.store import load_bundle, save_bundle
from merkhet.config.reference import Reference
from merkhet.data.noise import sky_noise
from merkhet.evaluate.novelty import Features, fit_novelty
from merkhet.infer.predict import predict
from merkhet.io.catalog import Flag
from merkhet.tasks.novelty import to_tensors
from tests.bundle.bundles import make_bundle, make_task
from tests.skies import make_header, make_image, write_image

RANGES = {"pixel_scale_arcsec": (1.8, 5.0), "noise": ((0.8e-3, 1.2e-3),), "peak": ((10, 30),)}


def features_of(images):
    task = make_task().eval()
    pixels = np.stack(images)[:, None]
    noise = np.stack([sky_noise(image, np.isfinite(image)) for image in pixels])
    image = torch.from_numpy(pixels)
    with torch.inference_mode():
        return task({"image": image, "valid": image.isfinite(), "noise": torch.from_numpy(noise)})["features"].numpy()


@pytest.fixture
def bundle(tmp_path):
    """A bundle that was trained on blobs at two scales."""
    rng = np.random.default_rng(3)
    spec = make_bundle(tmp_path / "plain")
    side = [Features(features_of([make_image(k, rng) for k in ("single", "double") * n])) for n in (150, 60)]
    novelty = fit_novelty(*side)
    assert novelty is not None
    reference = Reference.model_validate({**RANGES, "features": novelty.reference})
    weights = {**load_bundle(tmp_path / "plain").task.state_dict(), **to_tensors(novelty)}
    save_bundle(tmp_path / "bundle", spec.model_copy(update={"reference": reference}), weights)
    return tmp_path / "bundle"


def flag_of(bundle, image, flag):
    return bool(merkhet.load(bundle).predict(image)["flags"][0] & flag)


@pytest.mark.parametrize(
    ("scale", "other"), [(1.8, False), (3.0, False), (5.2, False), (1.72, False), (5.3, True), (1.7, True)]
)
def test_a_scale_is_another_outside_the_range_of_the_training_images(tmp_path, bundle, rng, scale, other):
    path = write_image(tmp_path / "a.fits", make_image("single", rng), make_header(scale_arcsec=scale))
    assert flag_of(bundle, path, Flag.OTHER_SCALE) == other


def test_without_a_scale_there_is_no_other_scale(tmp_path, bundle, rng):
    path = write_image(tmp_path / "a.fits", make_image("single", rng), fits.Header({"BUNIT": "Jy/beam"}))
    assert merkhet.load(bundle).predict(path)["flags"][0] == Flag.NO_WCS


def test_images_like_the_training_data_are_not_flagged(bundle, rng):
    model = merkhet.load(bundle)
    tables = [model.predict(make_image(kind, rng)) for kind in ("single", "double") * 20]
    assert sum(bool(table["flags"][0] & Flag.UNLIKE_TRAINING) for table in tables) <= 2
    assert tables[0].colnames[-3:] == ["novelty", "flags", "model"]


def test_noise_and_peak_are_flagged_whatever_the_features_say(tmp_path, bundle, rng):
    spec = load_bundle(bundle).spec
    reference = Reference.model_validate({**RANGES, "features": None})
    save_bundle(tmp_path / "b", spec.model_copy(update={"reference": reference}), load_bundle(bundle).task.state_dict())
    image = make_image("single", rng)
    assert "novelty" not in merkhet.load(tmp_path / "b").predict(image).colnames
    for factor, flagged in ((1, False), (1.3, False), (2, True), (0.4, True)):
        assert flag_of(tmp_path / "b", factor * image, Flag.UNLIKE_TRAINING) == flagged, factor
    empty = rng.normal(0, 1e-3, image.shape).astype(np.float32)
    assert flag_of(tmp_path / "b", empty, Flag.UNLIKE_TRAINING)
    bright = empty.copy()
    bright[12, 12] = 0.1
    assert flag_of(tmp_path / "b", bright, Flag.UNLIKE_TRAINING)


def test_a_novelty_above_one_is_flagged(tmp_path, bundle, rng):
    y, x = np.mgrid[:24, :24]
    checks = (make_image("single", rng) + 2e-3 * (-1.0) ** (x + y)).astype(np.float32)
    write_image(tmp_path / "checks.fits", checks)
    write_image(tmp_path / "blob.fits", make_image("single", rng))
    table = predict(bundle, [tmp_path / "checks.fits", tmp_path / "blob.fits"]).table
    assert (table["novelty"] > 1).tolist() == [True, False]
    assert (table["flags"] & Flag.UNLIKE_TRAINING > 0).tolist() == [True, False]


def test_the_network_runs_once(bundle, rng, monkeypatch):
    model = merkhet.load(bundle)
    calls = []
    model._task.network.register_forward_hook(lambda *_: calls.append(1))
    model.predict(make_image("single", rng))
    assert len(calls) == 1


def test_openvino_finds_the_same_novelty(bundle, rng):
    pytest.importorskip("openvino")
    image = make_image("double", rng)
    tables = [merkhet.load(bundle, backend=name).predict(image) for name in ("torch", "openvino")]
    assert tables[0]["novelty"][0] == pytest.approx(tables[1]["novelty"][0], rel=1e-3)


def test_a_bundle_from_before_has_the_flags_of_before(tmp_path, rng):
    make_bundle(tmp_path / "old")
    content = json.loads((tmp_path / "old" / "bundle.json").read_text())
    assert content["reference"] is None
    image = 9 * make_image("single", rng)
    table = merkhet.load(tmp_path / "old").predict(image)
    assert (table["flags"][0], "novelty" in table.colnames) == (Flag.NO_WCS, False)
    path = write_image(tmp_path / "a.fits", image, make_header(scale_arcsec=5))
    assert merkhet.load(tmp_path / "old").predict(path)["flags"][0] == Flag.OTHER_SCALE


def test_tensors_that_are_missing_are_one_clear_line(tmp_path, bundle):
    loaded = load_bundle(bundle)
    save_bundle(tmp_path / "b", loaded.spec, loaded.task.state_dict())
    with pytest.raises(merkhet.errors.InputError, match=r"do not fit the architecture: 'reference\.means'"):
        load_bundle(tmp_path / "b")
