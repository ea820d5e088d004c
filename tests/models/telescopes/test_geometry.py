import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from merkhet.evaluate.cherenkov.images import ImageTable
from merkhet.evaluate.cherenkov.stereo import impact_distance, reconstruct, sky_vector
from merkhet.models.telescopes.geometry import Axes, Crossing, cross, in_pointing_frame
from tests.showers import POINTING, image_table

EVENTS = 150


@pytest.fixture(scope="module")
def used() -> ImageTable:
    """The usable images of simulated showers."""
    table = image_table(EVENTS)
    return table.take(table.usable)


def padded(table: ImageTable) -> Axes:
    """The images with a place for each telescope of the array, those without an image zero."""
    place = (table.event, table.slot)

    def spread(values):
        values = np.asarray(values, dtype=np.float32)
        whole = np.zeros((table.events, len(table.subarray.telescopes), *values.shape[1:]), dtype=np.float32)
        whole[place] = values
        return torch.from_numpy(whole)

    psi = np.deg2rad(table["hillas_psi"])
    pointing = torch.from_numpy(table.pointing[table.event]).float()
    return Axes(
        center=spread(np.stack([table["hillas_fov_lon"], table["hillas_fov_lat"]], axis=1)),
        axis=spread(np.stack([np.cos(psi), np.sin(psi)], axis=1)),
        length=spread(table["hillas_length"]),
        width=spread(table["hillas_width"]),
        size=spread(table["hillas_intensity"]),
        leakage=spread(table["leakage_intensity_width_2"]),
        used=spread(np.ones(len(table))),
        position=spread(in_pointing_frame(torch.from_numpy(table.position).float(), pointing)),
    )


def test_it_crosses_axes_as_in_double_precision(used):
    found, expected = cross(padded(used)), reconstruct(used)
    valid = found.valid.numpy() > 0
    assert (valid == expected.is_valid).mean() > 0.98  # nearly parallel ones may fall on either side
    both = valid & expected.is_valid
    assert both.sum() > EVENTS / 2
    apart = np.linalg.norm(found.direction.numpy() - np.stack([expected.lon, expected.lat], axis=1), axis=1)[both]
    assert np.quantile(apart, 0.95) < 2e-3
    # Far from parallel, impact distances agree to a meter: cores are given across the pointing and not on the ground.
    core = np.stack([expected.core_x, expected.core_y], axis=1)
    impact = impact_distance(used, lon=expected.lon, lat=expected.lat, core=core)
    mine = found.impact.numpy()[used.event, used.slot]
    assert np.nanquantile(np.abs(mine - impact)[both[used.event]], 0.9) < 2
    height = np.abs(found.height.numpy() / expected.height_max - 1)[both]
    assert np.quantile(height, 0.9) < 0.01


def test_events_whose_axes_do_not_cross_are_zero(used):
    one = used.take(used.slot == np.bincount(used.slot).argmax())
    found = cross(padded(one))
    assert not any(part.any() for part in found)
    assert isinstance(found, Crossing)


def test_the_frame_of_the_pointing_is_the_one_of_sky_vectors(rng):
    """A unit step from the array towards an offset of the sky has the same coordinates in both."""
    offset = rng.uniform(-3, 3, (20, 2))
    step = sky_vector(offset, np.tile(POINTING, (20, 1)))
    found = in_pointing_frame(torch.from_numpy(step).float(), torch.from_numpy(POINTING).float().expand(20, 2))
    lon, lat = np.deg2rad(offset).T
    expected = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    assert_allclose(found.numpy(), expected, atol=1e-6)


def test_without_a_pointing_telescopes_look_up():
    found = in_pointing_frame(torch.tensor([[10.0, 20.0, 3.0]]), torch.full((1, 2), torch.nan))
    assert_allclose(found.numpy(), [[3, -20, -10]], atol=1e-5)
