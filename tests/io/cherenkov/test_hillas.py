import numpy as np
import pytest

from merkhet.io.cherenkov.cleaning import TailCuts, clean
from merkhet.io.cherenkov.direction import camera_to_offset
from merkhet.io.cherenkov.hillas import HILLAS, border_pixels, count_islands, image_parameters
from tests.showers import array, events

# What ctapipe 0.28 makes of the image below: hillas_parameters, leakage_parameters, concentration_parameters and
# morphology_parameters, in the TelescopeFrame, of the cameras of telescopes 1 and 14.
CTAPIPE = {
    0: {
        "hillas_intensity": 3792.20838067123,
        "hillas_skewness": -1.7274779628687753,
        "hillas_kurtosis": 6.1133625392768165,
        "hillas_fov_lon": 0.45506468930159216,
        "hillas_fov_lat": -0.5319789886653165,
        "hillas_r": 0.7000610800712517,
        "hillas_phi": -49.455706976018476,
        "hillas_length": 0.6535825213848786,
        "hillas_width": 0.12854667893243418,
        "hillas_psi": 28.298442818872154,
        "leakage_pixels_width_1": 0.03314917127071823,
        "leakage_pixels_width_2": 0.0718232044198895,
        "leakage_intensity_width_1": 0.01773829094029126,
        "leakage_intensity_width_2": 0.03307847793666409,
        "concentration_cog": 0.0687116980363886,
        "concentration_core": 0.4583337911421591,
        "concentration_pixel": 0.023692227235157733,
        "morphology_n_pixels": 181.0,
        "morphology_n_islands": 2.0,
    },
    2: {
        "hillas_intensity": 2405.1086854879577,
        "hillas_skewness": -0.011974218054794733,
        "hillas_kurtosis": 1.2046973237558285,
        "hillas_fov_lon": -0.7476369941342835,
        "hillas_fov_lat": -1.1920982868396766,
        "hillas_r": 1.407145834831713,
        "hillas_phi": -122.09431379775161,
        "hillas_length": 1.5818236627880586,
        "hillas_width": 0.1288581648459692,
        "hillas_psi": 28.64291905534602,
        "leakage_pixels_width_1": 0.020833333333333332,
        "leakage_pixels_width_2": 0.052083333333333336,
        "leakage_intensity_width_1": 0.006038102898574472,
        "leakage_intensity_width_2": 0.02810038906233516,
        "concentration_cog": 0.0,
        "concentration_core": 0.19264391898096303,
        "concentration_pixel": 0.03770432295515647,
        "morphology_n_pixels": 96.0,
        "morphology_n_islands": 2.0,
    },
}


def on_sky(place):
    kind = array().subarray.types[place]
    offset = camera_to_offset(kind.camera.pix_x, kind.camera.pix_y, focal_length_m=kind.focal_length_m)
    return kind, offset[:, 0], offset[:, 1]


def ellipse(lon, lat, *, angle, center=(0.7, -0.4), length=0.35, width=0.14):
    along = np.cos(angle) * (lon - center[0]) + np.sin(angle) * (lat - center[1])
    across = -np.sin(angle) * (lon - center[0]) + np.cos(angle) * (lat - center[1])
    return along, across, 90 * np.exp(-0.5 * (along / length) ** 2 - 0.5 * (across / width) ** 2)


@pytest.mark.parametrize("place", CTAPIPE)
def test_agrees_with_ctapipe(place):
    kind, lon, lat = on_sky(place)
    along, across, _ = ellipse(lon, lat, angle=0.5)
    charge = 90 * np.exp(-0.5 * ((along + 0.3 * along**2) / 0.35) ** 2 - 0.5 * (across / 0.14) ** 2)
    charge = (charge + 2 * np.sin(7 * lon) * np.cos(5 * lat))[None]
    mask = clean(charge, neighbors=kind.camera.neighbors(diagonal=False), cuts=TailCuts(6.5, 3.5, 1))
    found = image_parameters(charge, np.zeros_like(charge), mask, kind=kind)
    for name, value in CTAPIPE[place].items():
        assert found[name][0] == pytest.approx(value, abs=1e-9, rel=1e-8), name


@pytest.mark.parametrize("angle_deg", [-80.0, -30.0, 0.0, 45.0, 90.0])
def test_an_ellipse_has_its_own_size_and_angle(angle_deg):
    kind, lon, lat = on_sky(1)
    *_, charge = ellipse(lon, lat, angle=np.deg2rad(angle_deg), center=(0.3, 0.2))
    found = image_parameters(charge[None], np.zeros_like(charge)[None], charge[None] > 0, kind=kind)
    assert found["hillas_length"][0] == pytest.approx(0.35, rel=0.01)
    assert found["hillas_width"][0] == pytest.approx(0.14, rel=0.01)
    away = (found["hillas_psi"][0] - angle_deg + 90) % 180 - 90
    assert away == pytest.approx(0, abs=0.3)
    assert found["hillas_kurtosis"][0] == pytest.approx(3, abs=0.05)


def test_the_time_gradient_is_the_slope_along_the_axis():
    kind, lon, lat = on_sky(0)
    along, _, charge = ellipse(lon, lat, angle=0.5)
    time = 20 + 7.5 * along
    found = image_parameters(charge[None], time[None], charge[None] > 3, kind=kind)
    assert found["timing_slope"][0] == pytest.approx(7.5, rel=1e-3)
    assert found["timing_deviation"][0] == pytest.approx(0, abs=0.01)


def test_images_of_one_pixel_or_none_have_no_axis():
    kind, *_ = on_sky(0)
    charge = np.full((2, kind.camera.n_pixels), 10.0)
    mask = np.zeros(charge.shape, dtype=bool)
    mask[1, 900] = True
    found = image_parameters(charge, charge, mask, kind=kind)
    assert found["morphology_n_pixels"].tolist() == [0, 1]
    assert found["morphology_n_islands"].tolist() == [0, 1]
    assert np.isnan(found["hillas_psi"]).all()
    assert np.isnan(found["hillas_intensity"][0])
    assert found["hillas_width"][1] == found["hillas_length"][1] == 0


def test_no_images_have_all_parameters():
    kind, *_ = on_sky(0)
    empty = np.empty((0, kind.camera.n_pixels))
    found = image_parameters(empty, empty, empty > 0, kind=kind)
    assert set(found) == set(HILLAS)
    assert {len(values) for values in found.values()} == {0}


def test_images_do_not_depend_on_each_other():
    block, subarray = events(60), array().subarray
    name = subarray.type_names[1]
    images = block.images[name]
    alone = image_parameters(images.charge[3:4], images.time[3:4], images.mask[3:4], kind=subarray.type(name))
    for key, values in alone.items():
        np.testing.assert_allclose(values[0], images.parameters[key][3], rtol=1e-9, err_msg=key)


def test_islands_and_borders_of_a_row_of_pixels():
    neighbors = np.array([[1, -1], [0, 2], [1, 3], [2, 4], [3, -1]])
    mask = np.array([[1, 1, 0, 1, 1], [0, 0, 0, 0, 0], [1, 0, 1, 0, 1]], dtype=bool)
    np.testing.assert_array_equal(count_islands(mask, neighbors), [2, 0, 3])
    np.testing.assert_array_equal(border_pixels(neighbors, width=1), [1, 0, 0, 0, 1])
    np.testing.assert_array_equal(border_pixels(neighbors, width=2), [1, 1, 0, 1, 1])
