"""The packaged detector of halos: it still finds what it found, and nothing where there is nothing."""

import numpy as np
import pytest

from merkhet.bundle.store import load_bundle
from merkhet.config.tasks import Detect
from merkhet.evaluate.detection import evaluate_detections, match_catalog
from merkhet.evaluate.tiling import read_tiling
from merkhet.io.tables import read_table
from merkhet.scan.dense import DenseDetector
from merkhet.scan.field import Field
from merkhet.scan.images import list_tiles, read_tile
from merkhet.scan.inject import inject
from merkhet.scan.injected import Injection
from merkhet.scan.survey import scan
from merkhet.simulate.halos import Survey, simulate_survey
from merkhet.simulate.halos.psf import King

MODEL = "halo-scan-lite"


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Two small tiles, and one halo of S/N 36 on them."""
    folder = tmp_path_factory.mktemp("sky")
    simulate_survey(folder / "sky", tiles=2, seed=1, survey=Survey(size_px=1200))
    return folder / "sky" / "tiles.csv"


def test_finds_the_halo_and_no_other(sky):
    truth = read_table(sky.with_name("truth.ecsv"))
    (halo,) = truth[np.asarray(truth["label"]) == "halo"]
    (found,) = scan(MODEL, sky, threshold=0.65)
    assert found.label == "halo"
    assert found.probability > 0.9
    distance = np.hypot((found.ra - halo["ra"]) * np.cos(np.deg2rad(halo["dec"])), found.dec - halo["dec"]) * 3600
    assert distance < 20
    assert found.size_arcsec == pytest.approx(halo["size"], rel=0.5)


def test_the_size_of_the_blocks_changes_no_probability(sky):
    tile = read_tile(list_tiles([sky])[0])
    for level in (0, 2):
        logits = [
            DenseDetector(MODEL, tile=side, device="cpu").grid(Field(tile), level).maps["logit"] for side in (160, 832)
        ]
        one, other = (1 / (1 + np.exp(-logit)) for logit in logits)
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_its_probabilities_and_false_alarms_were_calibrated():
    task = load_bundle(MODEL).spec.task
    assert isinstance(task, Detect)
    assert len(task.combination.bias) == task.levels
    assert task.false_alarms is not None
    assert task.false_alarms.square_degrees > 500
    assert task.false_alarms.at(0.85) < task.false_alarms.at(0.3)


@pytest.mark.real
def test_real_fields_without_halos_give_no_definite_one(real_data):
    images = sorted((real_data / "xray").glob("*merged_img.fits"))
    found = scan(MODEL, images, separate=True, threshold=0.2)
    assert not found.rejects
    assert "DEFINITE" not in set(found.table["category"])


@pytest.mark.real
@pytest.mark.slow
def test_halos_injected_into_real_fields_are_found(real_data, tmp_path):
    images = sorted((real_data / "xray").glob("*merged_img.fits"))
    injection = Injection(number=50, snr=(10, 30), psf=King(4.4, 1.5))
    inject(images, tmp_path / "injected", injection=injection, seed=3)
    tiles = tmp_path / "injected" / "tiles.csv"
    found = scan(MODEL, tiles, separate=True)
    truth = read_table(tiles.with_name("truth.ecsv"))
    tiling = read_tiling(tiles, separate=True)
    matched = match_catalog(found.table, truth, tiling=tiling, source="scan", of="truth")
    completeness = evaluate_detections(matched, n_bootstrap=0)["operating_points"]["catalog"]["completeness"]["all"]
    assert completeness["n"] == 50
    assert completeness["value"] >= 0.8
