import numpy as np
import pytest

from merkhet.simulate.cherenkov.light import Photons
from merkhet.simulate.cherenkov.response import WINDOW_NS, PixelLookup, count_photons, respond, triggers
from tests.showers import array, instrument


@pytest.mark.parametrize("place", [0, 1, 2])
def test_positions_fall_into_the_nearest_pixel(place, rng):
    camera = array().subarray.types[place].camera
    reach = np.abs(camera.positions).max()
    x, y = rng.uniform(-reach, reach, (2, 5000)).astype(np.float32)
    found = instrument().lookups[place].find(x, y)
    distance = np.hypot(x[:, None] - camera.pix_x, y[:, None] - camera.pix_y)
    nearest = distance.argmin(axis=1)
    inside = found >= 0
    assert (found[inside] == nearest[inside]).mean() > 0.96  # cells of the grid straddle the edges of pixels
    if camera.pixel_shape == "square":
        near = np.maximum(np.abs(x - camera.pix_x[nearest]), np.abs(y - camera.pix_y[nearest]))
        covered = (near < camera.pixel_width / 2).mean()
    else:
        covered = camera.pix_area.sum() / (2 * reach) ** 2
    assert inside.mean() == pytest.approx(covered, abs=0.02)


def test_what_misses_the_camera_is_lost():
    camera = array().subarray.types[0].camera
    found = PixelLookup(camera).find(np.array([0.0, 9.0, -9.0], np.float32), np.array([0.0, 9.0, 0.0], np.float32))
    assert found[0] >= 0
    assert found[1:].tolist() == [-1, -1]


def test_photons_are_counted_with_their_mean_time():
    camera = array().subarray.types[0].camera
    pixel = [5, 5, 700]
    photons = Photons(
        np.array([0, 0]), np.array([0, 1]), np.array([0, 0, 1]), camera.pix_x[pixel].astype(np.float32),
        camera.pix_y[pixel].astype(np.float32), np.array([10, 20, 30], np.float32),
    )  # fmt: skip
    counts, time = count_photons(photons, instrument().lookups[0])
    assert (counts.sum(), counts[0, 5], counts[1, 700]) == (3, 2, 1)
    assert (time[0, 5], time[1, 700]) == (15, 30)


def test_dark_pixels_have_the_noise_of_sky_and_electronics(rng):
    detector = array().detectors[0]
    dark = np.zeros((20, 1855), np.int32)
    image = respond(dark, dark.astype(np.float32), detector=detector, rng=rng)
    assert image.charge.mean() == pytest.approx(0, abs=0.03)
    variance = detector.night_sky_pe * (1 + 0.4**2) + detector.electronic_pe**2
    assert image.charge.var() == pytest.approx(variance, rel=0.03)
    assert image.time.std() == pytest.approx(WINDOW_NS / np.sqrt(12), rel=0.03)


def test_bright_pixels_clip_and_keep_time(rng):
    detector = array().detectors[0]
    true = np.zeros((1, 1855), np.int32)
    true[0, :50], true[0, 50:80] = 100_000, 400
    time = np.where(true > 1000, 26_000.0, 26_005.0).astype(np.float32)
    image = respond(true, time, detector=detector, rng=rng)
    assert image.charge.max() == detector.saturation_pe
    assert image.charge[0, 50:80].mean() == pytest.approx(400, rel=0.03)
    assert np.median(image.time[0, 50:80]) - np.median(image.time[0, :50]) == pytest.approx(5, abs=0.3)


def test_three_touching_pixels_trigger_and_scattered_ones_do_not():
    camera = array().subarray.types[0].camera
    neighbors = camera.neighbors()
    charge = np.zeros((4, camera.n_pixels), np.float32)
    inner = int(np.argmin(np.hypot(camera.pix_x, camera.pix_y)))
    charge[0, [inner, *neighbors[inner, :2]]] = 10
    charge[1, [inner, neighbors[inner, 0]]] = 10
    charge[2, [3, 900, 1700, 1200]] = 10
    charge[3] = 5
    assert triggers(charge, neighbors=neighbors, threshold_pe=6.0).tolist() == [True, False, False, False]
