"""Windows of a tile answer as if they had been cut out and classified one by one."""

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import zoom

import merkhet
from merkhet.config.tasks import Classify
from merkhet.errors import ConfigError
from merkhet.io.catalog import Flag
from merkhet.scan.field import Field
from merkhet.scan.windows import REEXAMINED, WindowDetector
from tests.bundle.bundles import INPUT, make_bundle
from tests.scan.surveys import make_classifier, make_counts, make_tile, make_wcs

SIZE = 16


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return make_classifier(tmp_path_factory.mktemp("model") / "bundle", size=SIZE)


@pytest.fixture
def tile(rng):
    """A tile that windows of 16 px every 6 px overhang, with a hole in it."""
    valid = np.ones((60, 43), dtype=bool)
    valid[20:35, 10:30] = False
    return make_tile(make_counts(rng, shape=(60, 43), sources=[(30, 12, 200, 3.0)]), valid=valid, wcs=make_wcs())


def cut_out(tile, row, column, size):
    """A window as the file that it would be: NaN beyond the tile and where it is not valid."""
    image = np.full((size, size), np.nan, dtype=np.float32)
    rows, columns = tile.shape
    inside = np.where(tile.valid, tile.counts, np.nan)[row : row + size, column : column + size]
    image[: min(size, rows - row), : min(size, columns - column)] = inside
    return image


def probabilities(model, images):
    return np.asarray(merkhet.load(model).predict(images)["p_halo"])


def of_grid(grid):
    return 1 / (1 + np.exp(-grid.maps["logit"].astype(float)))


def test_every_window_has_the_probability_of_its_cutout(model, tile):
    (grid,) = WindowDetector(model, stride=6, threshold=0.01).detect(Field(tile)).grids
    assert grid.covered.shape == (9, 6)
    assert (grid.origin, grid.step) == ((7.5, 7.5), 6.0)
    images = [cut_out(tile, 6 * row, 6 * column, SIZE) for row, column in zip(*np.nonzero(grid.covered), strict=True)]
    expected = probabilities(model, images)
    assert np.ptp(expected) > 0.1
    assert of_grid(grid)[grid.covered] == pytest.approx(expected, abs=1e-5)
    assert grid.maps["p_halo"][grid.covered] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("resample", ["sum", "zoom"])
def test_larger_windows_come_to_the_model_with_their_photons_or_interpolated(model, tile, resample):
    detector = WindowDetector(model, windows=[32], stride=16, threshold=0.01, resample=resample)
    (grid,) = detector.detect(Field(tile)).grids
    images = []
    for row, column in np.ndindex(grid.covered.shape):
        window = np.nan_to_num(cut_out(tile, 16 * row, 16 * column, 32))
        summed = window.reshape(SIZE, 2, SIZE, 2).sum(axis=(1, 3))
        images.append(summed if resample == "sum" else zoom(window, 0.5, order=1))
    assert of_grid(grid).ravel() == pytest.approx(probabilities(model, images), abs=1e-5)


def test_windows_beyond_what_was_observed_are_not_covered(model, tile, rng):
    valid = np.zeros((64, 64), dtype=bool)
    valid[:20, :20] = True
    (grid,) = (
        WindowDetector(model, stride=16).detect(Field(make_tile(make_counts(rng, shape=(64, 64)), valid=valid))).grids
    )
    assert grid.covered.tolist() == [[row < 2 and column < 2 for column in range(4)] for row in range(4)]
    assert not np.isfinite(grid.maps["logit"][~grid.covered]).any()


def test_candidates_lie_on_the_tile_with_the_probability_of_their_window(model, tile):
    detector = WindowDetector(model, windows=(SIZE, 32), threshold=0.3)
    found = detector.detect(Field(tile))
    table = found.candidates
    assert len(found.grids) == 2
    assert set(table["scale_px"]) <= {16.0, 32.0}
    assert np.all(table["probability"] >= 0.3)
    assert np.all((table["x"] >= 0) & (table["x"] <= 42) & (table["y"] >= 0) & (table["y"] <= 59))
    assert set(table["label"]) == {"halo"}
    for row in table[table["scale_px"] == SIZE]:
        first = int(row["cell_y"] - 7.5), int(row["cell_x"] - 7.5)
        image = cut_out(tile, *first, SIZE)
        assert row["probability"] == pytest.approx(probabilities(model, [image])[0], abs=1e-5)
        assert bool(row["flags"] & Flag.INVALID_PIXELS) == np.isnan(image).any()


def test_a_source_is_centered_on_its_photons_and_has_their_size(model, rng):
    counts = make_counts(rng, shape=(96, 96), sources=[(53.3, 41.6, 3000, 5.0)], rate=0.02)
    tile = make_tile(counts, wcs=make_wcs(), rate=0.02)
    table = WindowDetector(model, windows=[64], stride=8, threshold=1e-9).detect(Field(tile)).candidates
    near = table[np.hypot(table["x"] - 53.3, table["y"] - 41.6) < 10]
    assert len(near)
    assert near["x"][0] == pytest.approx(53.3, abs=0.4)
    assert near["y"][0] == pytest.approx(41.6, abs=0.4)


def test_a_second_look_is_the_weighted_mean_of_logits(model, rng):
    tile = make_tile(make_counts(rng, shape=(96, 96)), wcs=make_wcs())
    field = Field(tile)
    once = WindowDetector(model, threshold=0.2).detect(field).candidates
    twice = WindowDetector(model, threshold=0.2, reexamine=True).detect(field).candidates
    assert sum(REEXAMINED.values()) == pytest.approx(1)
    x, y = np.asarray(once["x"]), np.asarray(once["y"])
    expected = np.zeros(len(once))
    for factor, weight in REEXAMINED.items():
        size = round(factor * SIZE)
        detector = WindowDetector(model, windows=[size], stride=1, threshold=0.2)
        logit = detector.detect(field).grids[0].maps["logit"]
        row, column = (np.rint(place - (size - 1) / 2).astype(int) for place in (y, x))
        inside = (row >= 0) & (column >= 0) & (row < logit.shape[0]) & (column < logit.shape[1])
        expected += weight * np.where(inside, logit[np.where(inside, row, 0), np.where(inside, column, 0)], np.nan)
    stay = expected >= np.log(0.2 / 0.8)
    whole = np.isfinite(expected)
    assert whole.sum() >= 3
    for place, score in zip(np.stack([x, y], axis=1)[whole & stay], expected[whole & stay], strict=True):
        match = (twice["x"] == place[0]) & (twice["y"] == place[1])
        assert np.asarray(twice["score"])[match] == pytest.approx([score], abs=1e-4)
    assert np.all(twice["probability"] >= 0.2)


def test_a_tile_smaller_than_the_window_is_one_window(model, rng):
    tile = make_tile(make_counts(rng, shape=(9, 12)))
    found = WindowDetector(model, threshold=0.001).detect(Field(tile))
    assert of_grid(found.grids[0]).ravel() == pytest.approx(probabilities(model, [cut_out(tile, 0, 0, SIZE)]), abs=1e-5)
    assert all(found.candidates["flags"] & Flag.RESHAPED)
    assert np.isnan(found.candidates["size_arcsec"]).all()


def test_exposure_is_averaged_where_photons_are_summed(tmp_path, rng):
    model = make_classifier(tmp_path / "bundle", size=SIZE, bands=3)
    tile = make_tile(make_counts(rng, shape=(32, 32)), wcs=make_wcs())
    (grid,) = WindowDetector(model, windows=[32], threshold=0.001).detect(Field(tile)).grids
    bands = [band.reshape(SIZE, 2, SIZE, 2) for band in (tile.counts, tile.exposure, tile.background)]
    image = np.stack([bands[0].sum(axis=(1, 3)), bands[1].mean(axis=(1, 3)), bands[2].sum(axis=(1, 3))])
    assert of_grid(grid)[0, 0] == pytest.approx(probabilities(model, [image])[0], abs=1e-5)


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        (Classify(mode="multiclass", classes=("none", "halo", "ring")), ("halo", "ring")),
        (Classify(mode="multilabel", classes=("halo", "ring")), ("halo", "ring")),
    ],
)
def test_several_kinds_are_told_apart(tmp_path, tile, task, labels):
    model = make_classifier(tmp_path / "bundle", size=SIZE, task=task)
    detector = WindowDetector(model, threshold=0.001)
    (grid,) = detector.detect(Field(tile)).grids
    row, column = 0, 1
    answer = merkhet.load(model).predict(cut_out(tile, row, 8 * column, SIZE))
    kinds = np.array([float(answer[f"p_{name}"][0]) for name in labels])
    assert detector.labels == labels
    assert [float(grid.maps[f"p_{name}"][row, column]) for name in labels] == pytest.approx(kinds.tolist(), abs=1e-5)
    presence = kinds.max() if task.mode == "multilabel" else 1 - float(answer["p_none"][0])
    assert of_grid(grid)[row, column] == pytest.approx(presence, abs=1e-5)


@pytest.mark.parametrize(("precision", "tolerance"), [("f32", 1e-4), ("bf16", 0.05)])
def test_openvino_answers_the_same(model, tile, precision, tolerance):
    openvino = pytest.importorskip("openvino")
    if precision == "bf16" and "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no bfloat16")
    grids = [
        WindowDetector(model, stride=6, threshold=0.01, **options).detect(Field(tile)).grids[0]
        for options in ({}, {"backend": "openvino", "precision": precision})
    ]
    covered = grids[0].covered
    assert of_grid(grids[1])[covered] == pytest.approx(of_grid(grids[0])[covered], abs=tolerance)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"windows": []}, "expected different sizes"),
        ({"windows": [16, 16]}, "expected different sizes"),
        ({"windows": [1]}, "2 pixels or more"),
        ({"resample": "mean"}, "resample 'mean' is unknown; choose from sum, zoom"),
        ({"backend": "tensorflow"}, "backend 'tensorflow' is unknown"),
    ],
)
def test_wrong_options_are_refused(model, options, message):
    with pytest.raises(ConfigError, match=message):
        WindowDetector(model, **options)


def test_a_stride_wider_than_a_window_is_refused(model, tile):
    with pytest.raises(ConfigError, match="stride 17: expected 1 to 16"):
        WindowDetector(model, stride=17).detect(Field(tile))


def test_models_that_windows_do_not_suit_are_refused(tmp_path):
    make_bundle(tmp_path / "wide", INPUT.model_copy(update={"shape": (24, 30)}))
    with pytest.raises(ConfigError, match="windows are square"):
        WindowDetector(str(tmp_path / "wide"))
    beam = INPUT.bands[0].model_copy(update={"role": "beam"})
    make_bundle(tmp_path / "beam", INPUT.model_copy(update={"bands": (beam,)}))
    with pytest.raises(ConfigError, match="band image is none of signal, exposure, background"):
        WindowDetector(str(tmp_path / "beam"))


@pytest.mark.real
def test_a_real_field_is_scanned_as_it_is_cut_out(model, real_data):
    path = next((real_data / "xray").glob("*img.fits"))
    image = np.asarray(fits.getdata(path), dtype=np.float32)[200:264, 200:264]
    tile = make_tile(image)
    (grid,) = WindowDetector(model, stride=16, threshold=0.01).detect(Field(tile)).grids
    images = [image[16 * row : 16 * row + SIZE, 16 * column : 16 * column + SIZE] for row, column in np.ndindex(4, 4)]
    assert of_grid(grid).ravel() == pytest.approx(probabilities(model, images), abs=1e-5)
