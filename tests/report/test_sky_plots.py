"""Maps, cutouts and profiles: y upwards, circles where the detections are, nothing that fails on odd images."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import Circle

from merkhet.report.sky_plots import Picture, category_colors, cutout_plot, profile_plot, survey_map
from merkhet.scan.measure import Profile
from tests.report.scans import darkness
from tests.scan.fields import make_header, make_tile

NOTHING = Table({"x": [], "y": [], "radius_px": [], "category": []}, dtype=[float, float, float, str])


def detections(**columns):
    return Table({"x": [30.0], "y": [90.0], "radius_px": [8.0], "category": ["DEFINITE"], **columns})


def circles(figure):
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Circle)]


def corner_picture():
    counts = np.zeros((80, 80))
    counts[50:70, 10:30] = 5  # upper left
    return Picture.of(counts, valid=np.ones(counts.shape, dtype=bool))


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40))
def test_picture_keeps_the_mean_and_its_size_is_bounded(height, width, side):
    picture = Picture.of(np.full((height, width), 3.0), valid=np.ones((height, width), dtype=bool), side=side)
    assert max(picture.pixels.shape) <= side
    whole = picture.pixels[: height // picture.block, : width // picture.block]
    assert whole == pytest.approx(3.0 * picture.block**2, rel=1e-6)


def test_places_in_a_picture_are_those_of_the_pixels(rng):
    counts = np.zeros((60, 90))
    counts[40, 71] = 1
    picture = Picture.of(counts, valid=np.ones(counts.shape, dtype=bool), side=30)
    row, column = np.unravel_index(picture.pixels.argmax(), picture.pixels.shape)
    assert abs(picture.at(71) - column) <= 0.5
    assert abs(picture.at(40) - row) <= 0.5


def test_gaps_are_no_number_and_do_not_darken_what_is_beside_them():
    valid = np.ones((40, 40), dtype=bool)
    valid[:, 20:] = False
    picture = Picture.of(np.full((40, 40), 2.0), valid=valid)
    assert np.isnan(picture.pixels[:, 20:]).all()
    assert picture.pixels[:, :20] == pytest.approx(2.0)


def test_map_has_y_upwards(tmp_path):
    survey_map(corner_picture(), detections=NOTHING, save_path=tmp_path / "a.png")
    upper = darkness(tmp_path / "a.png", left=0.1, right=0.5, bottom=0.55, top=0.95)
    lower = darkness(tmp_path / "a.png", left=0.1, right=0.5, bottom=0.15, top=0.5)
    assert upper > lower + 20


@pytest.mark.parametrize("sky", [True, False])
def test_map_circles_each_detection(sky, rng):
    tile = make_tile(rng.poisson(0.1, (120, 120)), header=make_header((120, 120)), sky=sky)
    figure = survey_map(
        Picture.of(tile.counts, valid=tile.valid, side=60), detections=detections(number=[7]), wcs=tile.wcs
    )
    (circle,) = circles(figure)
    assert circle.center == pytest.approx((14.75, 44.75))
    assert circle.radius == pytest.approx(4)
    assert [text.get_text() for text in figure.axes[0].texts if text.get_text() == "7"] == ["7"]


def test_map_names_the_categories_that_are_there():
    figure = survey_map(corner_picture(), detections=detections(), categories=["DEFINITE", "POSSIBLE"])
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["definite"]


def test_coordinates_stand_where_the_sky_is(rng):
    tile = make_tile(np.zeros((400, 400)), header=make_header((400, 400)))
    figure = survey_map(Picture.of(tile.counts, valid=tile.valid, side=100), detections=NOTHING, wcs=tile.wcs)
    axes = figure.axes[0]
    place = axes.wcs.world_to_pixel(tile.wcs.pixel_to_world(200.0, 40.0))  # type: ignore[attr-defined]
    assert place == pytest.approx((200.5 / 4 - 0.5, 40.5 / 4 - 0.5), abs=1e-6)


def test_cutout_has_y_upwards_and_a_circle(tmp_path):
    figure = cutout_plot(corner_picture(), circle=(20.0, 60.0, 10.0), pixel_arcsec=4.0, save_path=tmp_path / "a.png")
    assert [(circle.center, circle.radius) for circle in circles(figure)] == [((20.0, 60.0), 10.0)]
    upper = darkness(tmp_path / "a.png", left=0.15, right=0.35, bottom=0.65, top=0.85)
    assert upper > 50 + darkness(tmp_path / "a.png", left=0.55, right=0.9, bottom=0.1, top=0.4)


def test_cutout_without_a_radius_has_no_circle():
    assert circles(cutout_plot(corner_picture(), circle=None)) == []


@pytest.mark.parametrize("counts", [[0, 0, 0, 0], [40, 9, 1, 0]])
def test_profile_is_drawn_whatever_was_counted(counts, tmp_path):
    counts = np.array(counts, dtype=float)
    profile = Profile(
        edges_arcsec=np.array([0.0, 10.0, 30.0, 90.0, 200.0]),
        counts=counts,
        low=counts * 0.7,
        high=counts * 1.3 + 1.8,
        psf=np.array([30.0, 3.0, 1.0, 0.0]),
        background=np.array([0.1, 0.5, 3.0, 0.0]),
        area_arcmin2=np.array([0.1, 0.7, 5.0, 0.0]),
    )
    figure = profile_plot(profile, size_arcsec=60.0, save_path=tmp_path / "a.svg")
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert labels == ["background", "+ point source", "size", "counts"]
    assert (tmp_path / "a.svg").stat().st_size > 1000


def test_colors_differ():
    assert len(set(category_colors(["a", "b", "c"]).values())) == 3
