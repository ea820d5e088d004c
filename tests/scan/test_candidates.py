"""Peaks and merging, against loops that do the same one by one."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from merkhet.scan.candidates import SAME_OBJECT_RATIO, merge, peaks, strongest
from merkhet.scan.grid import Grid


def make_grid(logit, *, step=16.0, covered=None, **maps) -> Grid:
    logit = np.asarray(logit, dtype=np.float32)
    zero = np.zeros_like(logit)
    covered = np.ones(logit.shape, dtype=bool) if covered is None else covered
    given = {"dx": zero, "dy": zero, "size_arcsec": zero + 60, "p_halo": zero + 1, "p_ring": zero, **maps}
    return Grid(0, step, ((step - 1) / 2, (step - 1) / 2), covered, {"logit": logit, **given})


def make_candidates(x, y, size, score, *, scale=2.0) -> Table:
    n = len(x)
    return Table(
        {"x": x, "y": y, "size_arcsec": size, "score": score, "scale_px": np.full(n, scale), "id": np.arange(n)}
    )


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9))
def test_a_peak_is_above_its_eight_neighbors(seed, rows, columns):
    rng = np.random.default_rng(seed)
    logit = rng.permutation(rows * columns).reshape(rows, columns) - 20.0
    covered = rng.random(logit.shape) < 0.8
    found = peaks([make_grid(logit, covered=covered)], least_logit=-10)
    expected = []
    for row in range(rows):
        for column in range(columns):
            around = np.where(covered, logit, -np.inf)[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            if covered[row, column] and logit[row, column] >= max(-10, around.max()):
                expected.append((logit[row, column], 7.5 + 16 * column, 7.5 + 16 * row))
    assert list(zip(found["score"], found["x"], found["y"], strict=True)) == sorted(expected, reverse=True)


def test_a_flat_field_has_one_peak_and_an_uncovered_one_none():
    flat = np.ones((5, 6))
    assert len(peaks([make_grid(flat)], least_logit=0)) == 1
    assert len(peaks([make_grid(flat, covered=np.zeros((5, 6), dtype=bool))], least_logit=0)) == 0
    assert peaks([], least_logit=0).colnames[:4] == ["x", "y", "size_arcsec", "score"]


def test_a_peak_has_place_size_kind_and_the_logits_beside_it():
    fine, coarse = np.full((8, 8), -5.0), np.full((4, 4), -3.0)
    fine[2, 5], coarse[1, 3], coarse[3, 0] = 2.0, 1.0, -1.0
    offset = np.full((8, 8), 3.0, dtype=np.float32)
    ring = np.full((8, 8), 2.0, dtype=np.float32)
    grids = [make_grid(coarse, step=32.0), make_grid(fine, dx=offset, dy=-offset, p_ring=ring)]
    found = peaks(grids, least_logit=-2)
    first = found[0]
    assert (first["x"], first["y"]) == (7.5 + 16 * 5 + 3, 7.5 + 16 * 2 - 3)
    assert (first["cell_x"], first["cell_y"], first["scale_px"]) == (7.5 + 16 * 5, 7.5 + 16 * 2, 16)
    assert (first["label"], first["size_arcsec"], first["score"]) == ("ring", 60, 2)
    assert np.isnan(first["score_finer"])
    assert first["score_coarser"] == 1.0  # one cell beside the one that it lies in
    assert found["score_finer"][1] == 2.0
    assert np.isnan(found["score_coarser"][1])
    assert found["score_finer"][2] == -5.0


def greedy(points, radius, score):
    """Take the strongest, drop what shows the same object, again and again."""
    left, kept = sorted(range(len(score)), key=lambda i: (-score[i], i)), []
    while left:
        best, *rest = left
        kept.append(best)
        left = []
        for other in rest:
            apart = np.hypot(*(points[best] - points[other]))
            small, large = sorted((radius[best], radius[other]))
            if not (apart <= small or (apart <= large <= SAME_OBJECT_RATIO * small)):
                left.append(other)
    return sorted(kept)


@given(st.integers(0, 10_000), st.integers(0, 60))
def test_the_strongest_stay_as_if_taken_one_by_one(seed, number):
    rng = np.random.default_rng(seed)
    points, radius = rng.uniform(0, 100, (number, 2)), 10 ** rng.uniform(-0.5, 1.7, number)
    score = rng.integers(0, 5, number).astype(float)  # many are equal
    kept = strongest(points, radius, score)
    assert np.flatnonzero(kept).tolist() == greedy(points, radius, score)


@given(st.integers(0, 10_000))
def test_merging_again_changes_nothing_and_the_order_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    n = 40
    columns = rng.uniform(0, 300, n), rng.uniform(0, 300, n), 10 ** rng.uniform(1, 3, n), rng.normal(size=n)
    candidates = make_candidates(*columns)
    merged = merge(candidates, pixel_arcsec=4.0)
    assert merge(merged, pixel_arcsec=4.0)["id"].tolist() == merged["id"].tolist()
    shuffled = candidates[rng.permutation(n)]
    assert merge(shuffled, pixel_arcsec=4.0)["id"].tolist() == merged["id"].tolist()
    assert np.all(np.diff(merged["score"]) <= 0)


def test_windows_of_three_sizes_around_one_object_are_one():
    nested = make_candidates([100, 110, 90.0], [100, 95, 120.0], [np.nan] * 3, [1.0, 3.0, 2.0])
    nested["scale_px"] = [64.0, 128.0, 256.0]
    assert merge(nested, pixel_arcsec=np.nan)["id"].tolist() == [1]


def test_a_crowd_is_not_chained_into_one():
    x = np.arange(0, 400, 10.0)
    row = make_candidates(x, 0 * x, np.full(len(x), 48.0), np.cos(x))  # circles of 12 px every 10 px
    merged = merge(row, pixel_arcsec=4.0)
    assert len(merged) >= len(x) / 3
    assert np.diff(np.sort(merged["x"])).min() > 12


@pytest.mark.parametrize(("x", "objects"), [(500.0, 1), (505.0, 1), (800.0, 2)])
def test_a_small_object_inside_a_large_ring_is_another_unless_it_is_its_center(x, objects):
    pair = make_candidates([500.0, x], [500.0, 500.0], [4000.0, 60.0], [2.0, 1.0])
    assert len(merge(pair, pixel_arcsec=4.0)) == objects
