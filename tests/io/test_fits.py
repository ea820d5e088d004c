import bz2
import gzip
import pickle
import shutil
import tracemalloc
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merkhet.errors import InputError
from merkhet.io import scratch
from merkhet.io.fits import ImageFile, read_image
from merkhet.io.reading import quiet_astropy


def write(path: Path, data: Any, **cards: Any) -> Path:
    """Write a FITS file whose stored numbers are ``data`` as they are: cards of scaling are added afterwards."""
    fits.PrimaryHDU(np.asarray(data)).writeto(path)
    if cards:
        with quiet_astropy, fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
            for keyword, value in cards.items():
                hdus[0].header[keyword] = value
    return path


def raw_patch(path: Path, old: str, new: str) -> Path:
    """Change one card of a file byte by byte, where astropy would refuse to."""
    content = path.read_bytes()
    assert content.count(old.ljust(80).encode()) == 1
    path.write_bytes(content.replace(old.ljust(80).encode(), new.ljust(80).encode()))
    return path


# -- pixels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8", "f4", "f8"])
def test_every_bitpix_becomes_native_float32(tmp_path, rng, dtype):
    data = rng.integers(0, 100, (5, 7)).astype(dtype)
    image, info = read_image(write(tmp_path / "a.fits", data))
    assert image.dtype == np.dtype("=f4") and image.dtype.isnative
    assert image.flags.writeable and image.flags.c_contiguous
    np.testing.assert_array_equal(image, data.astype(np.float32))
    assert info.shape == (5, 7) and info.hdu == 0 and info.name == "PRIMARY"


@pytest.mark.parametrize("dtype", ["u2", "u4", "u8", "i1"])
def test_unsigned_convention_is_exact_for_small_counts(tmp_path, dtype):
    data = np.array([[0, 1, 5], [100, 101, 127]], dtype=dtype)
    image, _ = read_image(write(tmp_path / "a.fits", data))
    np.testing.assert_array_equal(image, data.astype(np.float32))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=st.lists(st.integers(-(2**15), 2**15 - 1), min_size=6, max_size=6),
    scale=st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-6),
    zero=st.floats(-1e6, 1e6),
    blank=st.integers(-(2**15), 2**15 - 1) | st.just(0),
)
def test_scaling_follows_the_standard(tmp_path, stored, scale, zero, blank):
    path = tmp_path / "a.fits"
    path.unlink(missing_ok=True)
    data = np.array(stored, dtype="i2").reshape(2, 3)
    write(path, data, BSCALE=scale, BZERO=zero, BLANK=blank)
    expected = np.where(data == blank, np.nan, zero + scale * data.astype(float)).astype(np.float32)
    np.testing.assert_array_equal(read_image(path)[0], expected)


def test_blank_is_honored_beside_the_unsigned_convention(tmp_path):
    path = write(tmp_path / "a.fits", np.array([[1, 2], [3, 4]], dtype="u2"), BLANK=2 - 2**15)
    np.testing.assert_array_equal(read_image(path)[0], [[1, np.nan], [3, 4]])


def test_blank_does_not_touch_floats(tmp_path):
    path = write(tmp_path / "a.fits", np.array([[1, np.nan], [3, 4]], dtype="f4"), BLANK=3)
    np.testing.assert_array_equal(read_image(path)[0], [[1, np.nan], [3, 4]])


def test_values_beyond_float32_are_infinite_without_a_warning(tmp_path):
    image, _ = read_image(write(tmp_path / "a.fits", np.array([[1e300, -1e300], [1.0, 2.0]])))
    np.testing.assert_array_equal(image, [[np.inf, -np.inf], [1, 2]])


@pytest.mark.parametrize("card", ["BSCALE", "BZERO", "BLANK"])
def test_scaling_that_is_no_number_is_refused(tmp_path, card):
    path = write(tmp_path / "a.fits", np.ones((2, 2), dtype="i2"), **{card: "x"})
    with pytest.raises(InputError, match=rf"a\.fits: .*{card}"):
        read_image(path)


# -- shapes, planes, sections ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "plane", "expected"),
    [
        ((4, 5), None, (4, 5)),
        ((4, 5), 0, (4, 5)),
        ((1, 4, 5), None, (4, 5)),
        ((1, 1, 4, 5), 0, (4, 5)),
        ((3, 4, 5), None, (3, 4, 5)),
        ((3, 4, 5), 2, (4, 5)),
        ((1, 3, 4, 5), None, (3, 4, 5)),
        ((3, 1, 4, 5), 1, (4, 5)),
        ((1, 3, 1, 4, 5), 1, (4, 5)),
        ((1, 5), None, (1, 5)),
        ((2, 1, 5), None, (2, 1, 5)),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_axes_of_length_one_are_dropped_and_a_plane_chosen(tmp_path, shape, plane, expected, compressed):
    data = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    path = tmp_path / "a.fits"
    if compressed:
        hdu = fits.CompImageHDU(data, compression_type="GZIP_1", quantize_level=0)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    else:
        write(path, data)
    image, info = read_image(path, plane=plane)
    cube = data.reshape([n for n in shape[:-2] if n > 1] + list(shape[-2:]))
    np.testing.assert_array_equal(image, cube if plane is None or cube.ndim == 2 else cube[plane])
    assert info.shape == image.shape == expected


@pytest.mark.parametrize(("shape", "plane", "last"), [((3, 4, 5), 3, 2), ((3, 4, 5), -1, 2), ((1, 1, 4, 5), 1, 0)])
def test_a_plane_out_of_range_names_the_range(tmp_path, shape, plane, last):
    path = write(tmp_path / "a.fits", np.zeros(shape, dtype="f4"))
    with pytest.raises(InputError, match=f"no plane {plane}.*expected 0 to {last}"):
        ImageFile(path, plane=plane)


def test_two_long_axes_in_front_of_the_image_are_refused(tmp_path):
    path = write(tmp_path / "a.fits", np.zeros((4, 3, 4, 5), dtype="f4"))
    with pytest.raises(InputError, match=r"4-D \(4, 3, 4, 5\) with 2 axes longer than 1"):
        read_image(path, plane=0)


_slices = st.tuples(st.integers(0, 11), st.integers(1, 12)).filter(lambda ends: ends[0] < ends[1])


@pytest.fixture(scope="module")
def cubes(tmp_path_factory):
    """The same cube of int16 with BLANK and scaling, plain, compressed and gzipped; and its true values."""
    folder = tmp_path_factory.mktemp("cubes")
    rng = np.random.default_rng(1)
    stored = rng.integers(-50, 50, (1, 12, 12, 12)).astype("i2")
    write(folder / "plain.fits", stored, BLANK=7, BSCALE=0.5, BZERO=3.0)
    fits.CompImageHDU(stored, compression_type="RICE_1", tile_shape=(1, 1, 5, 5)).writeto(folder / "tiled.fits.fz")
    with fits.open(folder / "tiled.fits.fz", mode="update", disable_image_compression=True) as hdus:
        hdus[1].header.update(BLANK=7, BSCALE=0.5, BZERO=3.0)
    (folder / "zipped.fits.gz").write_bytes(gzip.compress((folder / "plain.fits").read_bytes()))
    truth = np.where(stored == 7, np.nan, stored * 0.5 + 3.0).astype("f4")[0]
    return folder, truth


@pytest.mark.parametrize("name", ["plain.fits", "tiled.fits.fz", "zipped.fits.gz"])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ends=st.tuples(_slices, _slices, _slices))
def test_a_section_equals_the_slice_of_the_whole(cubes, name, ends):
    folder, truth = cubes
    section = tuple(slice(*pair) for pair in ends)
    with ImageFile(folder / name) as file:
        np.testing.assert_array_equal(file.read(section), truth[section])
        np.testing.assert_array_equal(file.read(), truth)
    with ImageFile(folder / name, plane=section[0].start) as file:
        np.testing.assert_array_equal(file.read(section[1:]), truth[section[0].start][section[1:]])


@pytest.mark.parametrize(
    "section",
    [
        (slice(0, 3),),
        (slice(-2, 3), slice(0, 3)),
        (slice(0, 7), slice(0, 3)),
        (slice(2, 2), slice(0, 3)),
        (slice(0, 4, 2), slice(0, 3)),
    ],
)
def test_a_section_that_numpy_would_clip_or_wrap_is_refused(tmp_path, section):
    with ImageFile(write(tmp_path / "a.fits", np.zeros((6, 6)))) as file, pytest.raises(ValueError, match="section"):
        file.read(section)


def test_a_closed_file_says_so(tmp_path):
    file = ImageFile(write(tmp_path / "a.fits", np.zeros((6, 6))))
    file.close()
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.read()
    assert file.info.shape == (6, 6)


def test_sections_of_a_mosaic_take_memory_for_the_section_only(tmp_path):
    path = tmp_path / "mosaic.fits"
    write(path, np.zeros((2, 2), dtype="i2"), BSCALE=2.0, BLANK=-1)
    raw_patch(path, "NAXIS1  =                    2", "NAXIS1  =               100000")
    raw_patch(path, "NAXIS2  =                    2", "NAXIS2  =                50000")
    with path.open("r+b") as stream:
        stream.truncate(2880 + 100_000 * 50_000 * 2)  # 10 GB, sparse: the disk holds its header alone
        stream.seek(2880 + (40_000 * 100_000 + 60_000) * 2)
        stream.write(b"\x00\x05")
    tracemalloc.start()
    try:
        with ImageFile(path) as file:
            image = file.read((slice(39_990, 40_010), slice(59_990, 60_010)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert image[10, 10] == 10 and image.sum() == 10
    assert peak < 2e6


def test_only_tiles_under_the_section_are_decompressed(tmp_path, rng, monkeypatch):
    from astropy.io.fits.hdu.compressed import _tiled_compression

    path = tmp_path / "a.fits.fz"
    data = rng.integers(0, 1000, (256, 256)).astype("i4")
    fits.CompImageHDU(data, tile_shape=(32, 32)).writeto(path)
    inflate = Mock(wraps=_tiled_compression._decompress_tile)
    monkeypatch.setattr(_tiled_compression, "_decompress_tile", inflate)
    with ImageFile(path) as file:
        section = (slice(40, 70), slice(64, 90))
        np.testing.assert_array_equal(file.read(section), data[section])
    assert inflate.call_count == 2


# -- formats --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"])
@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_tile_compression(tmp_path, rng, kind, dtype):
    if kind == "PLIO_1" and dtype == "f4":
        pytest.skip("PLIO holds integers only")
    data = rng.normal(100, 10, (40, 50)).astype(dtype)
    path = tmp_path / "a.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, compression_type=kind, name="SCI")]).writeto(path)
    image, info = read_image(path)
    assert (info.hdu, info.name, info.shape) == (1, "SCI", (40, 50))
    np.testing.assert_array_equal(image, fits.getdata(path, 1).astype("f4"))  # lossy: astropy is the reference


def test_nan_of_quantized_floats_survives(tmp_path, rng):
    data = rng.normal(size=(40, 50)).astype("f4")
    data[3:5, 7:9] = np.nan
    fits.CompImageHDU(data, compression_type="RICE_1", quantize_level=16).writeto(tmp_path / "a.fits.fz")
    image, _ = read_image(tmp_path / "a.fits.fz")
    np.testing.assert_array_equal(np.isnan(image), np.isnan(data))
    np.testing.assert_allclose(image, data, atol=0.3)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_compressed_files_are_told_by_their_content(tmp_path, rng, compress):
    data = rng.normal(size=(9, 8)).astype("f4")
    plain = write(tmp_path / "a.fits", data)
    (tmp_path / "misnamed.fits").write_bytes(compress(plain.read_bytes()))
    np.testing.assert_array_equal(read_image(tmp_path / "misnamed.fits")[0], data)


@pytest.mark.parametrize("memory", [2**28, 1000])
def test_compressed_files_are_inflated_once(tmp_path, rng, monkeypatch, memory):
    monkeypatch.setattr(scratch, "MEMORY_BYTES", memory)
    data = rng.normal(size=(64, 64)).astype("f4")
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(write(tmp_path / "a.fits", data).read_bytes()))
    with ImageFile(path) as file:
        path.unlink()
        for _ in range(3):
            np.testing.assert_array_equal(file.read((slice(3, 9), slice(0, 64))), data[3:9])


def test_a_small_plain_file_and_a_mapped_one_read_alike(tmp_path, rng, monkeypatch):
    data = rng.normal(size=(64, 64)).astype("f4")
    path = write(tmp_path / "a.fits", data)
    monkeypatch.setattr(scratch, "_SMALL_BYTES", 0)
    np.testing.assert_array_equal(read_image(path)[0], data)


# -- HDUs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(tmp_path):
    """Primary without data, a table, a spectrum, two images, one of them compressed."""
    path = tmp_path / "many.fits"
    fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])], name="EVENTS"),
            fits.ImageHDU(np.zeros(9, dtype="f4"), name="SPEC"),
            fits.ImageHDU(np.full((3, 3), 3.0, dtype="f4"), name="SCI"),
            fits.CompImageHDU(np.full((4, 4), 4, dtype="i2"), name="MASK"),
        ]
    ).writeto(path)
    return path


@pytest.mark.parametrize(("hdu", "value"), [(None, 3), (3, 3), ("SCI", 3), (" sci", 3), ("mask", 4), (4, 4)])
def test_hdu_by_index_by_name_or_the_first_image(many, hdu, value):
    image, info = read_image(many, hdu=hdu)
    assert (image == value).all()
    assert info.hdu == value


@pytest.mark.parametrize("hdu", [5, -1, "BKG"])
def test_an_absent_hdu_names_those_that_exist(many, hdu):
    with pytest.raises(InputError, match=r"has no HDU .*0 \(PRIMARY: no data\), 1 \(EVENTS: table\), .*3 \(SCI: 2-D"):
        ImageFile(many, hdu=hdu)


@pytest.mark.parametrize("hdu", [0, 1, "EVENTS", "SPEC"])
def test_an_hdu_without_an_image_is_refused(many, hdu):
    with pytest.raises(InputError, match=f"HDU {hdu!r} is no image; expected .*SCI"):
        ImageFile(many, hdu=hdu)


def test_no_image_at_all(tmp_path):
    fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])]).writeto(tmp_path / "t.fits")
    with pytest.raises(InputError, match=r"t\.fits: no HDU holds an image; there is 0 \(PRIMARY: no data\), 1 "):
        read_image(tmp_path / "t.fits")


# -- bad files ------------------------------------------------------------------------------------------------------


def refused(path: Path, match: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=match) as caught:
            read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folder_empty_and_foreign_files(tmp_path):
    refused(tmp_path / "none.fits", "no such file")
    refused(tmp_path, "is a folder")
    (tmp_path / "empty.fits").touch()
    refused(tmp_path / "empty.fits", "empty")
    (tmp_path / "page.fits").write_text("<html>404</html>")
    refused(tmp_path / "page.fits", "not FITS: it starts with b'<html>404")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path, "page.fits")
    refused(tmp_path / "a.zip", "is a zip archive")


@pytest.mark.parametrize("cut", [1, 2880, 3000, 5000])
@pytest.mark.parametrize("small", [2**20, 0])
def test_a_truncated_file(tmp_path, monkeypatch, cut, small):
    monkeypatch.setattr(scratch, "_SMALL_BYTES", small)
    path = write(tmp_path / "a.fits", np.ones((30, 30), dtype="f4"))
    content = path.read_bytes()
    path.write_bytes(content[: 2880 + 3600 - cut])
    refused(path, r"truncated|cannot be read as FITS")


def test_missing_padding_at_the_end_is_no_fault(tmp_path):
    path = write(tmp_path / "a.fits", np.ones((30, 30), dtype="f4"))
    path.write_bytes(path.read_bytes()[: 2880 + 3600])
    assert (read_image(path)[0] == 1).all()


def test_a_truncated_tile_compressed_file(tmp_path, rng):
    path = tmp_path / "a.fits.fz"
    fits.CompImageHDU(rng.integers(0, 9999, (100, 100)).astype("i4")).writeto(path)
    content = path.read_bytes()
    for cut in (2881, 8000, len(content) - 6000):
        path.write_bytes(content[:-cut])
        refused(path, "truncated|cannot be read as FITS|no HDU holds an image")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_a_truncated_or_damaged_compressed_file(tmp_path, rng, compress):
    content = compress(write(tmp_path / "a.fits", rng.normal(size=(90, 90))).read_bytes())
    (tmp_path / "a.gz").write_bytes(content[:-1000])
    refused(tmp_path / "a.gz", "truncated")
    middle = len(content) // 2
    (tmp_path / "b.gz").write_bytes(content[:middle] + bytes(50) + content[middle + 50 :])
    refused(tmp_path / "b.gz", "cannot be inflated")


def test_an_unknown_bitpix_is_refused(tmp_path):
    path = write(tmp_path / "a.fits", np.ones((30, 30), dtype="f4"))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"BITPIX  =                  -32", b"BITPIX  =                   24"))
    refused(path, "BITPIX|no HDU holds an image")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4 * 2880 - 1), st.integers(0, 255)), min_size=1, max_size=8), st.booleans())
def test_damaged_bytes_never_raise_anything_else(tmp_path_factory, damage, compressed):
    folder = tmp_path_factory.getbasetemp()
    source = folder / f"whole{compressed}.fits"
    if not source.exists():
        data = np.arange(900, dtype="f4").reshape(30, 30)
        (fits.CompImageHDU(data) if compressed else fits.ImageHDU(data, name="SCI")).writeto(source)
    content = bytearray(source.read_bytes())
    for place, value in damage:
        content[place % len(content)] = value
    path = folder / "damaged.fits"
    path.write_bytes(bytes(content))
    try:
        image, info = read_image(path)
    except InputError:
        return
    assert image.dtype == np.float32 and image.shape == info.shape


def test_reading_leaves_the_file_and_its_time_alone(tmp_path):
    path = write(tmp_path / "a.fits", np.ones((30, 30), dtype="i2"), BSCALE=2.0)
    before = path.read_bytes(), path.stat().st_mtime_ns
    path.chmod(0o444)
    image, _ = read_image(path)
    image[:] = 0
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


# -- what the header says -------------------------------------------------------------------------------------------


def test_info_gives_unit_scale_beam_and_survives_a_process_boundary(tmp_path):
    path = write(
        tmp_path / "a.fits",
        np.zeros((4, 5), dtype="f4"),
        BUNIT="JY/BEAM ",
        BMAJ=0.01,
        BMIN=0.005,
        BPA=30.0,
        CTYPE1="RA---TAN",
        CTYPE2="DEC--TAN",
        CRVAL1=10.0,
        CRVAL2=45.0,
        CRPIX1=3.0,
        CRPIX2=2.0,
        CDELT1=-0.001,
        CDELT2=0.001,
    )
    _, info = read_image(path)
    for seen in (info, pickle.loads(pickle.dumps(info))):
        assert seen.unit == "JY/BEAM"
        assert seen.pixel_scale_arcsec == pytest.approx(3.6)
        assert seen.beam is not None and seen.beam.major_arcsec == pytest.approx(36)
        assert seen.wcs is not None
        assert seen.wcs.pixel_to_world(2, 1).separation(SkyCoord(10, 45, unit="deg")).arcsec < 1e-6


def test_no_wcs_no_unit_no_beam(tmp_path):
    _, info = read_image(write(tmp_path / "a.fits", np.zeros((4, 5))))
    assert (info.wcs, info.pixel_scale_arcsec, info.unit, info.beam) == (None, None, None, None)


def test_a_card_that_cannot_be_parsed_costs_the_unit_not_the_image(tmp_path):
    path = write(tmp_path / "a.fits", np.ones((4, 5), dtype="f4"), BUNIT="Jy")
    image, info = read_image(raw_patch(path, "BUNIT   = 'Jy      '", "BUNIT   = Jy/beam, or so"))
    assert (image == 1).all() and info.unit is None


# -- real data ------------------------------------------------------------------------------------------------------


def reference(path: Path) -> tuple[np.ndarray, fits.Header]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, memmap=False) as hdus:
            return np.squeeze(hdus[0].data).astype("f4"), hdus[0].header


@pytest.mark.real
@pytest.mark.parametrize("pattern", ["radio/[!1]*.fits*", "radio/1904-66*", "xray/*m*g.fits", "xray/*map.fits",
                                     "xray/*psf3.fits", "mirabest_original/*.fits"])  # fmt: skip
def test_real_images_equal_astropy_without_a_warning(real_data, pattern):
    paths = sorted(real_data.glob(pattern))
    assert paths
    for path in paths:
        image, info = read_image(path)
        expected, header = reference(path)
        np.testing.assert_array_equal(image, expected)
        assert info.unit == (header.get("BUNIT", "").strip() or None)
        if "CTYPE1" not in header:
            assert info.wcs is None and info.pixel_scale_arcsec is None
            continue
        scale = 3600 * np.sqrt(abs(header["CDELT1"] * header["CDELT2"]))
        assert info.wcs is not None and info.pixel_scale_arcsec == pytest.approx(scale)
        if "BMAJ" in header:
            assert info.beam is not None
            assert info.beam.major_arcsec == pytest.approx(header["BMAJ"] * 3600)
            assert info.beam.pa_deg == header["BPA"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = WCS(header).celestial.pixel_to_world(5, 6)
        assert info.wcs.pixel_to_world(5, 6).separation(theirs).arcsec < 1e-6 * scale


@pytest.mark.real
def test_real_four_dimensional_gzipped_headless_and_blank_images(real_data):
    with ImageFile(real_data / "radio/0149+710.u.2017_01_28.icn.fits.gz") as file:
        assert file.info.shape == (1024, 1024) and file.info.unit == "JY/BEAM"
        assert file.info.pixel_scale_arcsec == pytest.approx(1e-4, rel=1e-6)
        assert file.info.beam is not None and file.info.beam.major_arcsec == pytest.approx(7.208e-4, rel=1e-3)
        peak = file.read((slice(500, 530), slice(500, 530))).max()
        assert peak == pytest.approx(file.info.header["DATAMAX"])
    image, info = read_image(real_data / "radio/1904-66_SIN.fits")
    assert 0.38 < np.isnan(image).mean() < 0.42 and info.pixel_scale_arcsec == pytest.approx(240)
    assert read_image(real_data / "radio/1904-66_SIN_cube.fits")[1].shape == (10, 192, 192)
    assert read_image(real_data / "radio/1904-66_SIN_cube.fits", plane=9)[0].shape == (192, 192)
    assert read_image(real_data / "radio/3c353_GTfits.fits")[1].wcs is None
    with pytest.raises(InputError, match="no HDU holds an image"):
        read_image(real_data / "xray/0201903501_mos1_clean_evts.fits")
