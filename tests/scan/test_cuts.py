"""Windows: every pixel is in one, and photons are kept whatever the size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.errors import ConfigError
from merkhet.scan.cuts import Cutter, WindowGrid, rebin
from merkhet.scan.field import Field
from tests.scan.surveys import make_counts, make_tile


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 30), st.data())
def test_no_pixel_is_left_out(rows, columns, window, data):
    stride = data.draw(st.integers(1, window))
    grid = WindowGrid.over((rows, columns), window=window, stride=stride)
    seen = np.zeros((rows, columns), dtype=int)
    for row in range(grid.rows):
        for column in range(grid.columns):
            seen[row * stride : row * stride + window, column * stride : column * stride + window] += 1
    assert seen.min() >= 1
    overhang = max((n - 1) * stride + window - length for n, length in ((grid.rows, rows), (grid.columns, columns)))
    assert grid.overhang((rows, columns)) == overhang
    places = np.concatenate(
        [np.stack(batch) for batch in grid.batches(np.ones((grid.rows, grid.columns), bool), size=7)], axis=1
    )
    assert len({tuple(place) for place in places.T}) == places.shape[1] == grid.rows * grid.columns


def test_a_stride_that_leaves_gaps_is_refused():
    with pytest.raises(ConfigError, match="expected 1 to 16"):
        WindowGrid.over((100, 100), window=16, stride=17)


@pytest.mark.parametrize(("width", "size"), [(32, 16), (16, 16), (24, 16), (8, 16), (10, 7)])
def test_rebinning_shares_photons_out_by_area(width, size, rng):
    windows = rng.poisson(1.0, (3, width, width)).astype(np.float32)
    fine = np.kron(windows, np.ones((1, size, size))) / size**2  # pixels that divide both
    expected = fine.reshape(3, size, width, size, width).sum(axis=(2, 4))
    assert rebin(windows, size) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert rebin(windows, size).sum(axis=(1, 2)) == pytest.approx(windows.sum(axis=(1, 2)), rel=1e-5)


def test_windows_are_what_slicing_gives_and_their_valid_share_its_mean(rng):
    valid = rng.random((50, 40)) < 0.7
    tile = make_tile(make_counts(rng, shape=(50, 40)), valid=valid)
    cutter = Cutter(Field(tile).level(0, margin=20))
    x, y = np.array([3, -5, 39]), np.array([4, 45, -20])
    padded = np.pad(tile.counts, 20)
    for window, column, row in zip(cutter.cut("signal", x, y, size=20), x + 20, y + 20, strict=True):
        assert np.array_equal(window, padded[row : row + 20, column : column + 20])
    grid = WindowGrid.over((50, 40), window=16, stride=12)
    share = cutter.valid_share(grid)
    inside = np.pad(valid, ((0, 20), (0, 20)))
    for row, column in np.ndindex(share.shape):
        assert share[row, column] == inside[12 * row : 12 * row + 16, 12 * column : 12 * column + 16].mean()
    with pytest.raises(IndexError):
        cutter.cut("signal", np.array([-21]), np.array([0]), size=20)
