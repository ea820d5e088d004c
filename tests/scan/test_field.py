"""The margin of a tile holds its neighbors' photons, each once, as one image of the whole sky would."""

import numpy as np
import pytest
from astropy.io import fits

from merkhet.scan import neighbors as neighbors_module
from merkhet.scan.field import Field
from merkhet.scan.images import read_tile
from merkhet.scan.listing import TileFiles
from merkhet.scan.neighbors import Neighbor, survey_neighbors
from merkhet.scan.pyramid import Layers
from tests.scan.fields import make_header, make_tile, write_image

SIDE, STEP = 96, 64  # of a tile, and from tile to tile: they overlap
CENTER = 4


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Nine tiles cut out of one image, with the same projection, and that image."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("sky")
    side = SIDE + 2 * STEP
    counts = rng.poisson(0.3, (side, side)).astype(np.int32)
    y, x = np.mgrid[:side, :side]
    exposure = (100 + 0.2 * x + 0.1 * y).astype(np.float32)
    exposure[100:140, :20] = 0
    images = (counts, exposure, 0.003 * exposure, np.ones_like(counts))
    whole = Layers(*((image * (exposure > 0)).astype(np.float32) for image in images))
    header = make_header((side, side))
    files = []
    for number in range(9):
        row, column = divmod(number, 3)
        here = np.s_[row * STEP : row * STEP + SIDE, column * STEP : column * STEP + SIDE]
        own = header.copy()
        own["CRPIX1"] -= column * STEP
        own["CRPIX2"] -= row * STEP
        paths = [
            write_image(folder / f"{name}{number}.fits", image[here], header=own)
            for name, image in (("image", counts), ("exposure", exposure), ("background", np.float32(0.003) * exposure))
        ]
        files.append(TileFiles(str(number), *paths))
    return whole, files, folder


@pytest.fixture(scope="module")
def field(sky):
    _, files, folder = sky
    return Field(read_tile(files[CENTER]), survey_neighbors(files, folder=folder / "scratch"))


@pytest.mark.parametrize(("level", "margin"), [(0, 30), (1, 32), (2, 16), (3, 8), (4, 4), (5, 2)])
def test_margins_are_those_of_one_image_of_the_whole_sky(sky, field, level, margin):
    whole = sky[0]
    for _ in range(level):
        whole = whole.halved()
    found = field.level(level, margin=margin)
    first, side = STEP // 2**level - margin, SIDE // 2**level + 2 * margin
    around = 2 * side  # what lies beyond the sky is 0
    here = (slice(around + first, around + first + side),) * 2
    expected = {name: np.pad(image, around)[here] for name, image in vars(whole).items()}
    np.testing.assert_array_equal(found.counts, expected["counts"])
    np.testing.assert_array_equal(found.valid, expected["observed"] > 0)
    # Maps are kept at a quarter of the resolution: in a slope a pixel is up to 1.5 pixels off.
    np.testing.assert_allclose(found.exposure, expected["exposure"], atol=0 if level > 2 else 0.5, rtol=1e-5)
    np.testing.assert_allclose(found.background, expected["background"], rtol=0.01 if level < 2 else 1e-4)
    assert found.pixel_arcsec == pytest.approx(4 * 2**level)
    assert found.origin == ((2**level - 1) / 2 - margin * 2**level,) * 2


def test_what_no_neighbor_covers_is_not_valid(field):
    level = field.level(3, margin=30)
    assert level.counts.shape == (72, 72)
    covered = np.zeros((72, 72), dtype=bool)
    covered[30 - 8 : 30 + 12 + 8, 30 - 8 : 30 + 12 + 8] = True
    assert not level.valid[~covered].any()
    assert (level.counts[~covered] == 0).all() and (level.background[~covered] == 0).all()


def test_the_tile_itself_is_untouched(sky, field):
    tile = read_tile(sky[1][CENTER])
    level = field.level(0, margin=10)
    np.testing.assert_array_equal(level.counts[10:-10, 10:-10], tile.counts)
    np.testing.assert_array_equal(level.exposure[10:-10, 10:-10], tile.exposure)
    np.testing.assert_array_equal(field.level(0).counts, tile.counts)


def test_a_tile_alone_has_an_empty_margin(sky):
    level = Field(read_tile(sky[1][CENTER])).level(1, margin=5)
    assert not level.valid[:5].any() and not level.valid[:, -5:].any()
    assert level.valid[5:-5, 5:-5].all()


def test_a_tile_without_world_coordinates_has_an_empty_margin(sky, rng):
    _, files, folder = sky
    tile = make_tile(rng.poisson(0.3, (SIDE, SIDE)), sky=False)
    level = Field(tile, survey_neighbors(files, folder=folder / "scratch")).level(0, margin=5)
    assert not level.valid[:5].any() and np.isnan(level.pixel_arcsec)


@pytest.mark.parametrize("rotation", [0.0, 37.0])
def test_photons_of_a_neighbor_turned_on_the_sky_all_arrive(tmp_path, rng, rotation):
    tile = make_tile(rng.poisson(0.3, (64, 64)), header=make_header((64, 64)))
    counts = rng.poisson(0.4, (64, 64)).astype(np.int32)
    header = make_header((64, 64), ra=150.12, rotation_deg=rotation)  # a little away: all of it lies in the margin
    files = TileFiles("turned", write_image(tmp_path / "turned.fits", counts, header=header))
    (neighbor,) = survey_neighbors([files], folder=tmp_path)
    assert isinstance(neighbor, Neighbor)
    y, x = np.nonzero(counts)
    there = tile.wcs.world_to_pixel(neighbor.footprint.wcs.pixel_to_world(x, y))
    for level, margin in ((0, 200), (1, 100), (3, 25)):
        found = Field(tile, [neighbor]).level(level, margin=margin)
        outside = found.counts.copy()
        outside[margin:-margin, margin:-margin] = 0
        # At the very edge a pixel is the neighbor's or not by its center: photons there may find no pixel.
        assert outside.sum() == pytest.approx(counts.sum(), rel=0.05 * 2**level / 2)
        row, column = (np.rint(v).astype(np.int64) >> level for v in (there[1], there[0]))
        inner = neighbor.footprint.depth(x, y) > 2**level
        expected = np.zeros_like(outside)
        np.add.at(expected, (row[inner] + margin, column[inner] + margin), counts[y, x][inner])
        assert (outside >= expected).all()


def test_pixels_of_another_size_hold_as_many_photons_per_area(tmp_path, rng):
    tile = make_tile(np.zeros((32, 32)), header=make_header((32, 32)))
    shape = (400, 400)
    paths = [
        write_image(tmp_path / f"{name}.fits", image, header=make_header(shape, ra=150.1, pixel_arcsec=2))
        for name, image in (
            ("image", rng.poisson(0.5, shape).astype(np.int32)),
            ("exposure", np.full(shape, 9.0)),
            ("background", np.full(shape, 0.5)),
        )
    ]
    level = Field(tile, survey_neighbors([TileFiles("fine", *paths)], folder=tmp_path)).level(1, margin=40)
    covered = level.valid.copy()
    covered[40:-40, 40:-40] = False
    assert covered.sum() > 500
    np.testing.assert_allclose(level.background[covered], 0.5 * 16, rtol=1e-4)
    assert level.counts[covered].mean() == pytest.approx(8, rel=0.05)


def test_a_neighbor_is_read_once_and_its_damage_is_not_ours(sky, tmp_path, monkeypatch):
    _, files, _ = sky
    reads = []

    def count_reads(files, *, hdu):
        reads.append(files.id)
        return read_tile(files, hdu=hdu)

    monkeypatch.setattr(neighbors_module, "read_tile", count_reads)
    damaged = tmp_path / "damaged.fits"
    damaged.write_bytes(files[0].image.read_bytes()[: 3 * 2880])
    tiles = [TileFiles("damaged", damaged), *files[1:]]
    for _ in range(2):
        field = Field(read_tile(files[CENTER]), survey_neighbors(tiles, folder=tmp_path / "scratch"))
        margin = field.level(0, margin=20)
    assert sorted(reads) == sorted({"damaged", "1", "2", "3", "5", "6", "7", "8"})
    assert not margin.valid[:15, :15].any(), "the corner that only the damaged one covers"
    assert margin.valid[:10, 40:80].all()


def test_a_margin_of_one_pixel_and_a_neighbor_of_one_row_will_do(tmp_path):
    tile = make_tile(np.zeros((8, 8)), header=make_header((8, 8)))
    header = make_header((1, 8))
    header["CRPIX2"] = -3.5  # its only row is the one above the tile, whose center is at 4.5
    files = TileFiles("row", write_image(tmp_path / "row.fits", np.arange(8)[None], header=header))
    level = Field(tile, survey_neighbors([files], folder=tmp_path)).level(0, margin=1)
    assert level.valid.sum() == 64 + 8
    assert level.counts.sum() == 28


def test_dense_images_are_kept_as_coarser_photons(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(neighbors_module, "MAX_PHOTONS", 300)
    tile = make_tile(rng.poisson(5, (64, 64)))
    arrays = neighbors_module.condense(tile)
    assert len(arrays["counts"]) <= 300
    assert arrays["counts"].sum() == tile.counts.sum()
    assert np.average(arrays["x"], weights=arrays["counts"]) == pytest.approx(31.5, abs=1)


def test_fits_headers_of_the_tiles_stay_usable(sky):
    assert isinstance(read_tile(sky[1][0]).header, fits.Header)
