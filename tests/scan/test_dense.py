"""A network answers the same however a tile is cut, and the same as for a piece that is cut out with its context."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.bundle.store import load_bundle
from merkhet.config.tasks import Detect
from merkhet.errors import ConfigError
from merkhet.scan.dense import DenseDetector
from merkhet.scan.detectors import BOXES, find_detector
from merkhet.scan.field import Field
from tests.bundle.bundles import make_bundle
from tests.scan.fields import make_detector, make_tile

SHAPE = (200, 150)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_detector(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture(scope="module")
def tile():
    rng = np.random.default_rng(8)
    counts = rng.poisson(0.3, SHAPE)
    counts[90:110, 70:90] += rng.poisson(2, (20, 20))
    exposure = np.full(SHAPE, 100.0)
    exposure[:64, :48] = 0  # whole cells without exposure
    exposure[150:155] = 0
    return make_tile(counts, exposure=exposure)


@pytest.fixture(scope="module")
def whole(model, tile):
    detector = DenseDetector(model, tile=1024, device="cpu")
    return [detector.grid(Field(tile), level) for level in range(3)]


@settings(max_examples=12)
@given(side=st.integers(16, 260))
def test_answers_do_not_depend_on_the_size_of_the_blocks(model, tile, whole, side):
    detector = DenseDetector(model, tile=side, device="cpu")
    for expected in whole:
        found = detector.grid(Field(tile), expected.level)
        np.testing.assert_array_equal(found.covered, expected.covered)
        for name, values in expected.maps.items():
            np.testing.assert_allclose(found.maps[name], values, atol=1e-4, rtol=1e-4, err_msg=name)


def test_a_cell_is_answered_as_in_a_piece_cut_out_with_its_context(model, tile, whole):
    """The definition: the unfolded network, in plain torch, on one window of one cell and 80 pixels around."""
    task = load_bundle(model).task
    assert task.scan is not None
    context = task.scan.context
    for row, column in ((0, 8), (5, 4), (9, 9), (12, 0)):
        y, x = 16 * row - context, 16 * column - context
        bands = np.zeros((1, 3, 16 + 2 * context, 16 + 2 * context), dtype=np.float32)
        valid = np.zeros_like(bands, dtype=bool)
        for dy in range(bands.shape[2]):
            inside = np.array([x + dx for dx in range(bands.shape[3]) if 0 <= x + dx < SHAPE[1]])
            if 0 <= y + dy < SHAPE[0]:
                for band, image in enumerate((tile.counts, tile.exposure, tile.background)):
                    bands[0, band, dy, inside - x] = image[y + dy, inside]
                valid[0, :, dy, inside - x] = tile.valid[y + dy, inside][:, None]
        batch = {
            "image": torch.from_numpy(bands), "valid": torch.from_numpy(valid), "noise": torch.ones(1, 3),
            "scale": torch.tensor([4.0]), "index": torch.zeros(1, dtype=torch.int64),
        }  # fmt: skip
        with torch.inference_mode():
            maps = task.decode(task(batch), batch).maps
        middle = context // 16
        for name in ("logit", "dx", "dy", "p_halo"):
            assert whole[0].maps[name][row, column] == pytest.approx(maps[name][0, middle, middle], abs=1e-4)
        size = min(maps["size"][0, middle, middle], 4 * 16)
        assert whole[0].maps["size_arcsec"][row, column] == pytest.approx(4 * size, rel=1e-4)


def test_sides_of_a_tile_that_were_not_observed_change_nothing(model, tile):
    """They are cut off; whole cells of them, so that the others stay where they are."""
    inner = np.s_[37:170, 21:118]
    exposure = np.zeros(SHAPE)
    exposure[inner] = 100
    framed = make_tile(tile.counts, exposure=exposure)
    shifted = np.s_[32:170, 16:118]  # the same cells, but for the corner
    small = make_tile(tile.counts[shifted], exposure=exposure[shifted])
    detector = DenseDetector(model, tile=64, device="cpu")
    whole, part = (detector.grid(Field(one), 0) for one in (framed, small))
    for name, values in part.maps.items():
        np.testing.assert_allclose(whole.maps[name][2:11, 1:8], values, atol=1e-4, rtol=1e-4, err_msg=name)
    assert whole.covered.sum() == part.covered.sum() == 9 * 7


def test_grids_lie_on_the_pixels_of_the_tile(whole):
    for level, grid in enumerate(whole):
        step = 16 * 2**level
        assert (grid.step, grid.origin) == (step, ((step - 1) / 2,) * 2)
        assert grid.covered.shape == (-(-SHAPE[0] // step), -(-SHAPE[1] // step))
        x, y = grid.positions()
        assert len(x) == grid.covered.shape[1] and y[1] - y[0] == step
    assert not whole[0].covered[:4, :3].any() and whole[0].covered[4:].all()
    assert np.isnan(whole[0].maps["logit"][:4, :3]).all()
    assert np.isfinite(whole[0].maps["logit"][whole[0].covered]).all()


def test_candidates_come_with_probability_label_and_size(model, tile):
    detector = DenseDetector(model, device="cpu")
    found = detector.detect(Field(tile))
    assert detector.labels == ("halo", "ring") and detector.hash and detector.name == str(model)
    assert [grid.level for grid in found.grids] == [0, 1, 2]
    rows = found.candidates
    assert len(rows) and set(rows["label"]) <= {"halo", "ring"}
    for name in ("x", "y", "size_arcsec", "score", "probability", "scale_px"):
        assert np.isfinite(rows[name]).all()
    config = load_bundle(model).spec.task
    assert isinstance(config, Detect)
    expected = config.probability(
        rows["score"], rows["score_finer"], rows["score_coarser"], level=np.log2(np.asarray(rows["scale_px"]) / 16)
    )
    np.testing.assert_allclose(rows["probability"], expected)
    assert rows["flags"].dtype == np.int32


def test_no_size_is_larger_than_a_level_can_tell(whole):
    for level, grid in enumerate(whole):
        assert np.nanmax(grid.maps["size_arcsec"]) <= 4 * 16 * 4 * 2**level


def test_a_tile_smaller_than_a_cell_is_scanned(model, rng):
    found = DenseDetector(model, device="cpu").detect(Field(make_tile(rng.poisson(0.3, (9, 11)))))
    assert [grid.covered.shape for grid in found.grids] == [(1, 1)] * 3


def test_a_tile_without_world_coordinates_has_pixels_alone(model, rng):
    found = DenseDetector(model, device="cpu").detect(Field(make_tile(rng.poisson(0.3, (90, 70)), sky=False)))
    assert np.isnan(found.candidates["size_arcsec"]).all()
    assert np.isfinite(found.candidates["x"]).all()


def test_what_cannot_be_scanned_densely_is_refused(model, tmp_path):
    with pytest.raises(ConfigError, match="its task is classify; a dense scan needs one that detects"):
        make_bundle(tmp_path / "classifier")
        DenseDetector(tmp_path / "classifier")
    with pytest.raises(ConfigError, match="--tile is 8; expected at least 16"):
        DenseDetector(model, tile=8)


def test_the_detector_is_found_by_the_task_of_the_model(model):
    assert isinstance(find_detector(model, tile=64, device="cpu", windows=None), DenseDetector)
    with pytest.raises(
        ConfigError, match=r"--windows does not go with .*, a model that is run densely, which takes --"
    ):
        find_detector(model, windows=(64,))
    assert BOXES == "boxes"


def test_openvino_answers_as_torch_does_for_blocks_of_any_size(model, tile, whole):
    pytest.importorskip("openvino")
    detector = DenseDetector(model, tile=48, device="cpu", backend="openvino")
    found = detector.grid(Field(tile), 0)
    np.testing.assert_allclose(found.maps["logit"], whole[0].maps["logit"], atol=1e-3)
