"""Calibration on tiles: probabilities that hold, false alarms that were counted, weights that stay."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from safetensors.torch import load_file

from merkhet.bundle.store import build_task, load_bundle, save_bundle
from merkhet.config.bundle import BundleSpec, Provenance
from merkhet.config.data import ReadSpec
from merkhet.config.inputs import InputSpec
from merkhet.config.models import FCN
from merkhet.config.normalize import Counts
from merkhet.config.tasks import Detect
from merkhet.errors import ConfigError, InputError
from merkhet.io.rejects import Reject
from merkhet.io.tables import write_table
from merkhet.scan import calibrate as module
from merkhet.scan.calibrate import calibrate, count_false_alarms, fit_combination
from merkhet.scan.patches import BANDS
from tests.bundle.bundles import TASK as CLASSIFY
from tests.bundle.bundles import make_bundle

TASK = Detect(classes=("halo", "ring"))
PROVENANCE = Provenance(
    created="2026", merkhet="0", versions={}, seed=0, data_fingerprint="", rows={}, epochs=(1,), experiment={}
)


def rows_of(rng, n):
    """Detections whose chance of being real is a logistic function of three logits."""
    scores = rng.normal(0, 2, (n, 3))
    chance = 1 / (1 + np.exp(-(-1 + 1.5 * scores[:, 0] + 0.5 * scores[:, 1])))
    table = Table(dict(zip(("score", "score_finer", "score_coarser"), scores.T, strict=True)))
    return table, rng.uniform(size=n) < chance


def test_finds_the_weights_of_the_scales():
    table, real = rows_of(np.random.default_rng(0), 20_000)
    level = np.arange(20_000) % 2
    fitted = fit_combination(table, real, level=level, levels=3, least=-8)
    assert fitted.bias[:2] == pytest.approx((-1, -1), abs=0.15)
    assert fitted.own[:2] == pytest.approx((1.5, 1.5), abs=0.15)
    assert (fitted.finer, fitted.coarser) == pytest.approx((0.5, 0), abs=0.1)


def test_a_level_that_is_too_sure_of_itself_is_believed_less():
    table, real = rows_of(np.random.default_rng(0), 20_000)
    level = np.arange(20_000) % 2
    table["score"] = np.where(level == 1, 5 * np.asarray(table["score"]) + 4, table["score"])
    fitted = fit_combination(table, real, level=level, levels=2, least=-100)
    task = TASK.model_copy(update={"combination": fitted})
    scores = [np.asarray(table[name]) for name in ("score", "score_finer", "score_coarser")]
    probability = task.probability(*scores, level=level)
    for which in (0, 1):
        assert probability[level == which].mean() == pytest.approx(real[level == which].mean(), abs=0.01)
    assert fitted.own[1] == pytest.approx(fitted.own[0] / 5, rel=0.2)


def test_a_level_without_objects_is_as_the_others():
    table, real = rows_of(np.random.default_rng(0), 2000)
    fitted = fit_combination(table, real, level=np.zeros(2000, dtype=int), levels=2, least=-8)
    assert fitted.own[1] == pytest.approx(fitted.own[0], rel=0.6)


def test_a_scale_that_does_not_exist_counts_as_the_least():
    table, real = rows_of(np.random.default_rng(0), 2000)
    missing = table.copy()
    missing["score_coarser"] = np.nan
    table["score_coarser"] = -4.0
    level = np.zeros(2000, dtype=int)
    first, second = (fit_combination(rows, real, level=level, levels=1, least=-4) for rows in (missing, table))
    assert first == second


def test_false_alarms_are_counted():
    probability = np.array([0.2, 0.9, 0.5, 0.5])
    curve = count_false_alarms(probability, square_degrees=2.0)
    assert curve.at(0.1) == 2.0
    assert curve.at(0.9) == 0.5
    assert curve.at(0.2) == 2.0
    assert curve.at(1.0) == 0.25
    many = count_false_alarms(np.random.default_rng(0).uniform(size=5000), square_degrees=10)
    assert len(many.probability) < 80
    assert many.at(0.5) == pytest.approx(250, rel=0.1)
    assert (np.diff(many.at(np.linspace(0, 1, 50))) <= 0).all()


def test_no_false_alarm_leaves_half_of_one():
    curve = count_false_alarms(np.empty(0), square_degrees=10)
    assert curve.at(1.0) == 0.05


@pytest.fixture
def survey(tmp_path):
    """A tile of the sky, a truth of 60 halos on it, and detections of them beside 200 false alarms."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cunit = ["RA---SIN", "DEC--SIN"], ["deg", "deg"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [10.0, 20.0], [150.5, 150.5], [-0.01, 0.01]
    fits.PrimaryHDU(np.ones((300, 300), dtype=np.int32), header=wcs.to_header()).writeto(tmp_path / "image.fits")
    write_table(Table({"image": ["image.fits"]}), tmp_path / "tiles.csv")
    rng = np.random.default_rng(0)
    x, y = 10.0 + 4 * np.arange(60), 10.0 + 4 * rng.permutation(60)
    sky = wcs.pixel_to_world(x, y)
    truth = Table({"ra": sky.ra.deg, "dec": sky.dec.deg, "kind": ["halo"] * 60, "label": ["halo"] * 60})
    truth["snr"], truth["size"] = 10.0, 60.0
    write_table(truth, tmp_path / "truth.ecsv")
    false = wcs.pixel_to_world(rng.uniform(10, 290, 200), np.full(200, 2.0))
    rows = Table({"ra": [*sky.ra.deg, *false.ra.deg], "dec": [*sky.dec.deg, *false.dec.deg]})
    rows["score"] = np.concatenate([rng.normal(2, 1.5, 60), rng.normal(-1, 1.5, 200)])
    rows["score_finer"], rows["score_coarser"] = np.nan, rng.normal(0, 1, 260)
    rows["scale_px"] = np.where(np.arange(260) % 2, 16.0, 32.0)
    rows["probability"], rows["size_arcsec"] = 1 / (1 + np.exp(-rows["score"])), 60.0
    return tmp_path, rows


def bundle(folder):
    torch.manual_seed(0)
    spec = InputSpec(bands=BANDS, shape=(64, 64))
    model = FCN(widths=(2, 2, 2, 2), convolutions=(1, 1, 1, 1))
    task = build_task(task=TASK, model=model, normalize=Counts(), spec=spec)
    made = BundleSpec(
        input=spec,
        read=ReadSpec(),
        normalize=Counts(),
        model=model,
        task=TASK,
        provenance=PROVENANCE,
        weights_sha256="",
    )
    return save_bundle(folder, made, task.state_dict())


def test_a_bundle_learns_what_its_answers_are_worth(survey, monkeypatch):
    folder, rows = survey
    before = bundle(folder / "bundle")
    weights = load_file(folder / "bundle" / "weights.safetensors")
    monkeypatch.setattr(module, "scan", lambda *a, **k: SimpleNamespace(rows=rows, rejects=()))
    done = calibrate(folder / "bundle", folder / "tiles.csv", truth=folder / "truth.ecsv")
    assert (done.hits, done.false_alarms) == (60, 200)
    assert done.square_degrees == pytest.approx(9, rel=0.02)
    spec = load_bundle(folder / "bundle").spec
    assert spec.hash == done.spec.hash != before.hash
    assert isinstance(spec.task, Detect)
    assert spec.task.false_alarms is not None
    level = np.log2(np.asarray(rows["scale_px"]) / 16)
    probability = spec.task.probability(rows["score"], rows["score_finer"], rows["score_coarser"], level=level)
    assert probability.sum() == pytest.approx(60, rel=0.02), "as many are expected as were found"
    assert spec.task.false_alarms.at(0.0) == pytest.approx(200 / done.square_degrees)
    after = load_file(folder / "bundle" / "weights.safetensors")
    assert all(torch.equal(after[name], value) for name, value in weights.items())


def test_what_was_fitted_before_does_not_matter(survey, monkeypatch):
    folder, rows = survey
    bundle(folder / "bundle")
    monkeypatch.setattr(module, "scan", lambda *a, **k: SimpleNamespace(rows=rows, rejects=()))
    first, second = (
        calibrate(folder / "bundle", folder / "tiles.csv", truth=folder / "truth.ecsv").spec.task for _ in range(2)
    )
    assert first == second


def test_too_few_hits_are_no_calibration(survey, monkeypatch):
    folder, rows = survey
    bundle(folder / "bundle")
    monkeypatch.setattr(module, "scan", lambda *a, **k: SimpleNamespace(rows=rows[50:], rejects=()))
    with pytest.raises(InputError, match="10 of its objects were found; expected 20 or more"):
        calibrate(folder / "bundle", folder / "tiles.csv", truth=folder / "truth.ecsv")


def test_a_tile_that_cannot_be_used_is_named(survey, monkeypatch):
    folder, rows = survey
    bundle(folder / "bundle")
    rejects = (Reject("image.fits", "read", "is truncated"),)
    monkeypatch.setattr(module, "scan", lambda *a, **k: SimpleNamespace(rows=rows, rejects=rejects))
    with pytest.raises(InputError, match=r"image\.fits: is truncated"):
        calibrate(folder / "bundle", folder / "tiles.csv", truth=folder / "truth.ecsv")


def test_other_models_are_refused(survey):
    folder, _ = survey
    make_bundle(folder / "bundle")
    with pytest.raises(ConfigError, match=f"its task is {CLASSIFY.kind}; calibration on tiles is for models"):
        calibrate(folder / "bundle", folder / "tiles.csv", truth=folder / "truth.ecsv")
    with pytest.raises(ConfigError, match="radio-galaxies comes with the package and is not changed"):
        calibrate("radio-galaxies", folder / "tiles.csv", truth=folder / "truth.ecsv")
