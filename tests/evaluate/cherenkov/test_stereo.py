import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.evaluate.cherenkov.images import ImageTable
from merkhet.evaluate.cherenkov.stereo import impact_distance, reconstruct, sky_vector
from merkhet.io.cherenkov.direction import to_offset
from merkhet.io.cherenkov.hillas import HILLAS
from tests.showers import POINTING, array, events, image_table


def line_shower(*, source, core, telescopes, low=4000.0, high=9000.0):
    """The images of a shower that is a line of light from the height ``low`` to ``high`` above the telescopes."""
    subarray = array().subarray
    axis = sky_vector(np.array([source]), POINTING[None])[0]
    points = np.array([core[0], core[1], 0]) + axis * np.linspace(low, high, 51)[:, None] / axis[2]
    columns = {name: np.zeros(len(telescopes)) for name in HILLAS}
    for row, slot in enumerate(telescopes):
        tel = subarray.telescopes[slot]
        sight = points - np.array([tel["x"], tel["y"], tel["z"]])
        alt = np.arctan2(sight[:, 2], np.hypot(sight[:, 0], sight[:, 1]))
        offset = to_offset(alt, np.arctan2(-sight[:, 1], sight[:, 0]), POINTING)
        middle, (x, y) = offset.mean(axis=0), offset[-1] - offset[0]
        columns["hillas_fov_lon"][row], columns["hillas_fov_lat"][row] = middle
        columns["hillas_psi"][row] = np.rad2deg(np.arctan2(y, x))
        columns["hillas_length"][row] = np.hypot(x, y) / 4
    columns |= {"hillas_width": np.full(len(telescopes), 0.05), "hillas_intensity": np.full(len(telescopes), 500.0),
                "morphology_n_pixels": np.full(len(telescopes), 20.0)}  # fmt: skip
    event = np.zeros(len(telescopes), dtype=np.int64)
    return ImageTable(subarray, 1, event, np.array(telescopes), columns, POINTING[None])


@given(
    st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    st.tuples(st.floats(-180, 180), st.floats(-180, 180)),
)
def test_lines_of_light_are_found_exactly(source, core):
    table = line_shower(source=source, core=core, telescopes=[0, 1, 2, 3, 5, 7, 9])
    found = reconstruct(table)
    assert found.is_valid[0]
    assert found.lon[0] == pytest.approx(source[0], abs=0.02)
    assert found.lat[0] == pytest.approx(source[1], abs=0.02)
    assert np.hypot(found.core_x[0] - core[0], found.core_y[0] - core[1]) < 5


def test_impact_distances_are_perpendicular_to_the_axis():
    table = line_shower(source=(0.0, 20.0), core=(30.0, -40.0), telescopes=[0, 4])  # from the zenith
    found = impact_distance(table, lon=np.array([0.0]), lat=np.array([20.0]), core=np.array([[30.0, -40.0]]))
    np.testing.assert_allclose(found, [np.hypot(100, 40), np.hypot(30, 40)])


def test_the_height_is_that_of_the_middle_of_the_light():
    table = line_shower(source=(0.3, 0.2), core=(20.0, 50.0), telescopes=[0, 1, 2, 3])
    up = sky_vector(np.array([[0.3, 0.2]]), POINTING[None])[0, 2]
    assert reconstruct(table).height_max[0] * up == pytest.approx(6300, rel=0.05)


def test_one_image_or_parallel_ones_cross_nowhere():
    one = line_shower(source=(0.3, 0.2), core=(20.0, 50.0), telescopes=[0])
    assert not reconstruct(one).is_valid[0]
    both = line_shower(source=(0.3, 0.2), core=(20.0, 50.0), telescopes=[0, 1])
    both.parameters["hillas_psi"][:] = 10.0
    assert not reconstruct(both).is_valid[0]


def test_simulated_gammas_point_back_to_their_source():
    table, truth = image_table(60), events(60).truth
    found = reconstruct(table)
    chosen = found.is_valid & (truth["shower_primary_id"] == 0) & (found.images >= 3)
    offset = to_offset(truth["alt"], truth["az"], POINTING)
    apart = np.hypot(found.lon - offset[:, 0], found.lat - offset[:, 1])[chosen]
    core = np.hypot(found.core_x - truth["core_x"], found.core_y - truth["core_y"])[chosen]
    assert len(apart) > 8
    assert np.median(apart) < 0.3
    assert np.median(core) < 50
    assert 5000 < np.median(found.height_max[chosen]) < 12_000
