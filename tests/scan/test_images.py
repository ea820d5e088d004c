"""A tile is read with its maps; what is wrong with either is masked and flagged, or refused in one line."""

import gzip

import numpy as np
import pytest

from merkhet.errors import InputError
from merkhet.io.catalog import Flag
from merkhet.scan.images import TileFiles, list_tiles, read_tile
from tests.scan.fields import make_header, write_image

SHAPE = (40, 50)


@pytest.fixture
def files(tmp_path, rng):
    counts = rng.poisson(0.2, SHAPE).astype(np.int32)
    exposure = np.full(SHAPE, 300, dtype=np.float32)
    exposure[:, :5] = 0
    return TileFiles(
        "tile",
        write_image(tmp_path / "counts.fits.gz", counts, BUNIT="count"),
        write_image(tmp_path / "exposure.fits", exposure),
        write_image(tmp_path / "background.fits", np.full(SHAPE, 0.2, dtype=np.float32)),
    )


def with_counts(tmp_path, counts, **cards):
    return TileFiles("tile", write_image(tmp_path / "other.fits", counts, **cards))


def test_a_tile_holds_nothing_where_it_was_not_exposed(files):
    tile = read_tile(files)
    assert (tile.id, tile.path, tile.flags, tile.shape) == ("tile", files.image, 0, SHAPE)
    assert tile.pixel_arcsec == pytest.approx(4)
    assert not tile.valid[:, :5].any() and tile.valid[:, 5:].all()
    for image in (tile.counts, tile.exposure, tile.background):
        assert image.dtype == np.float32 and image.shape == SHAPE
        assert (image[:, :5] == 0).all()
    assert (tile.background[:, 5:] == np.float32(0.2)).all()
    assert tile.counts.sum() == tile.counts[:, 5:].sum() > 0


def test_without_maps_exposure_and_background_are_estimated_and_flagged(files):
    tile = read_tile(TileFiles("tile", files.image))
    assert tile.flags == Flag.NO_EXPOSURE | Flag.ESTIMATED_BACKGROUND
    assert (tile.exposure == 1).all()
    assert np.median(tile.background) == pytest.approx(0.2, rel=0.2)


def test_without_world_coordinates_a_tile_is_flagged(tmp_path):
    files = TileFiles("tile", write_image(tmp_path / "plain.fits", np.ones(SHAPE), header=make_header()[:0]))
    tile = read_tile(files)
    assert tile.wcs is None and np.isnan(tile.pixel_arcsec)
    assert tile.flags & Flag.NO_WCS


def test_counts_that_are_none_are_left_out(tmp_path):
    counts = np.ones(SHAPE, dtype=np.float32)
    counts[0, :4] = [np.nan, np.inf, -1, -99]
    tile = read_tile(with_counts(tmp_path, counts))
    assert not tile.valid[0, :4].any() and tile.valid.sum() == counts.size - 4
    assert (tile.counts[0, :4] == 0).all()
    assert tile.flags & Flag.BAD_COUNTS


def test_what_a_subtraction_left_below_zero_is_no_photon(tmp_path):
    counts = np.ones(SHAPE, dtype=np.float32)
    counts[3, 3], counts[4, 4] = -0.06, 2.94
    tile = read_tile(with_counts(tmp_path, counts))
    assert tile.valid.all() and tile.counts[3, 3] == 0 and tile.counts[4, 4] == np.float32(2.94)
    assert tile.flags & Flag.BAD_COUNTS


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_whole_numbers_are_counts_whatever_their_type(tmp_path, dtype):
    tile = read_tile(with_counts(tmp_path, np.full(SHAPE, 3, dtype=dtype)))
    assert not tile.flags & Flag.BAD_COUNTS
    assert (tile.counts == 3).all()


@pytest.mark.parametrize(
    ("counts", "cards", "message"),
    [
        (np.ones((2, *SHAPE)), {}, r"3-D \(2, 40, 50\); expected 2-D"),
        (np.ones(SHAPE), {"BUNIT": "count / s"}, "holds rates .*expected counts. Give the counts image"),
        (np.ones(SHAPE), {"BUNIT": "ct s**-1"}, "holds rates"),
        (np.ones(SHAPE), {"BUNIT": "counts/sec"}, "holds rates"),
        (np.full(SHAPE, np.nan), {}, "no valid pixel"),
    ],
)
def test_images_that_hold_no_counts_are_refused(tmp_path, counts, cards, message):
    with pytest.raises(InputError, match=message):
        read_tile(with_counts(tmp_path, counts, **cards))


def test_a_map_of_another_shape_is_refused(files, tmp_path):
    other = write_image(tmp_path / "small.fits", np.ones((30, 50)))
    with pytest.raises(InputError, match=r"small.fits: the map is \(30, 50\) \(y, x\); expected \(40, 50\)"):
        read_tile(TileFiles("tile", files.image, other))


@pytest.mark.parametrize("header", [{"dec": 10.001}, {"rotation_deg": 3}, {"pixel_arcsec": 4.2}])
def test_a_map_of_another_part_of_the_sky_is_refused(files, tmp_path, header):
    other = write_image(tmp_path / "moved.fits", np.ones(SHAPE), header=make_header(SHAPE, **header))
    with pytest.raises(InputError, match=r"lies up to [\d.]+ pixels from counts.fits.gz on the sky"):
        read_tile(TileFiles("tile", files.image, None, other))


def test_a_map_without_world_coordinates_lies_on_the_pixels_of_the_counts(files, tmp_path):
    other = write_image(tmp_path / "bare.fits", np.full(SHAPE, 7.0), header=make_header()[:0])
    assert (read_tile(TileFiles("tile", files.image, other)).exposure == 7).all()


def test_a_truncated_file_is_named(files, tmp_path):
    short = tmp_path / "short.fits.gz"
    whole = files.image.read_bytes()
    short.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"short.fits.gz: is truncated"):
        read_tile(TileFiles("tile", short))
    short.write_bytes(gzip.compress(gzip.decompress(whole)[:4000]))
    with pytest.raises(InputError, match=r"short.fits.gz: is truncated"):
        read_tile(TileFiles("tile", short))


@pytest.mark.real
def test_xmm_images_are_read_with_their_exposure_maps(real_data):
    for files in list_tiles([f"{real_data}/xray/*merged_img.fits"]):
        tile = read_tile(files)
        assert tile.flags == Flag.BAD_COUNTS | Flag.ESTIMATED_BACKGROUND, "pn has its out-of-time events subtracted"
        assert tile.valid.mean() == pytest.approx(0.514, abs=0.001)
        assert 0.3 < tile.background.sum() / tile.counts.sum() < 0.6
        assert tile.pixel_arcsec == pytest.approx(4.35)
