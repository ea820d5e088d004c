import numpy as np
import pytest

from merkhet.simulate.cherenkov import Observation
from merkhet.simulate.cherenkov.cascades import Emitters
from merkhet.simulate.cherenkov.recording import Stream, deepest
from tests.showers import array, events, image_table, instrument


def stream(seed=3):
    return Stream("gamma", instrument=instrument(), observation=Observation(), rng=np.random.default_rng(seed))


def test_events_do_not_depend_on_the_portions_they_are_taken_in():
    whole, parts = stream(), stream()
    block = whole.take(24)
    first, second = parts.take(7), parts.take(17)
    np.testing.assert_array_equal(block.event_id, np.concatenate([first.event_id, second.event_id]))
    assert whole.thrown == parts.thrown == block.event_id[-1]
    name = array().subarray.type_names[1]
    np.testing.assert_array_equal(
        block.images[name].charge, np.concatenate([first.images[name].charge, second.images[name].charge])
    )


def test_every_event_has_two_telescopes_or_more_with_what_they_saw():
    block, subarray = events(60), array().subarray
    assert block.triggered(subarray).sum(axis=1).min() >= 2
    for images in block.images.values():
        assert (np.diff(images.event) >= 0).all()
        assert np.isfinite(images.charge).all()
        assert images.true.sum(axis=1).min() >= 6


def test_images_are_no_perfect_ellipses():
    """Some are cut off at the edge, some fall into pieces, bright ones clip, and light is skewed."""
    table = image_table(60)
    assert (table["leakage_intensity_width_1"] > 0.1).mean() > 0.05
    assert (table["morphology_n_islands"] > 1).mean() > 0.1
    assert np.nanstd(table["hillas_skewness"]) > 0.2


def test_more_energy_gives_more_light():
    table, truth = image_table(60), events(60).truth
    total = np.bincount(table.event, np.nan_to_num(table["hillas_intensity"]), minlength=60)
    assert np.corrcoef(np.log(truth["energy"]), np.log(total + 1))[0, 1] > 0.5


def test_the_deepest_point_is_where_most_light_comes_from(rng):
    depth = np.concatenate([rng.normal(300, 60, 3000), rng.normal(500, 60, 3000)])
    shower = np.repeat([0, 1], 3000)
    empty = np.zeros((6000, 3))
    shining = Emitters(shower, empty, empty, np.zeros(6000), np.ones(6000), depth, np.ones(6000))
    found = deepest(shining, showers=3)
    assert found[:2] == pytest.approx([300, 500], abs=25)
    assert found[2] == 0
