"""Prediction: from files to a catalog, whatever is among them."""

import bz2

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

import merkhet
from merkhet.config.data import Columns
from merkhet.config.inputs import Band, InputSpec
from merkhet.errors import ConfigError, InputError, Interrupted, OutputError
from merkhet.infer import model as model_module
from merkhet.infer.predict import predict
from merkhet.io.catalog import Flag
from merkhet.io.tables import read_table
from tests.bundle.bundles import INPUT, make_bundle
from tests.skies import make_header, make_image, make_sky, write_image


@pytest.fixture
def bundle(tmp_path):
    make_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_catalog_has_position_probability_flags_and_model(sky, bundle, tmp_path):
    result = predict(bundle, sky.parent / "images", out=tmp_path / "catalog.ecsv", batch_size=7)
    table = read_table(tmp_path / "catalog.ecsv")
    assert result.rejects == ()
    assert table.colnames == [
        *("id", "image", "ra", "dec", "x", "y", "label", "probability", "category", "p_single", "p_double"),
        *("flags", "model"),
    ]
    assert len(table) == 48
    assert list(table["image"]) == sorted(table["image"])
    assert (table["ra"].unit, table["ra"].description) == ("deg", "right ascension (ICRS)")
    row = table[10]
    sky_position = WCS(fits.getheader(row["image"])).pixel_to_world(row["x"], row["y"])
    assert (sky_position.ra.deg, sky_position.dec.deg) == (pytest.approx(row["ra"]), pytest.approx(row["dec"]))
    assert (row["x"], row["flags"]) == (11.5, 0)
    assert set(table["model"]) == {merkhet.load(bundle).spec.hash}
    assert len(read_table(tmp_path / "catalog_rejects.csv")) == 0


def test_the_answer_does_not_depend_on_company_or_batch(sky, bundle):
    images = sorted((sky.parent / "images").iterdir())
    together = predict(bundle, images, batch_size=16).table
    alone = merkhet.load(bundle).predict(images[9])
    array = merkhet.load(bundle).predict(fits.getdata(images[9]).astype(">f8"))
    assert alone["p_double"][0] == pytest.approx(together["p_double"][9], abs=1e-6)
    assert array["p_double"][0] == pytest.approx(together["p_double"][9], abs=1e-6)
    assert array["flags"][0] == Flag.NO_WCS


def test_bad_files_are_set_aside_and_the_rest_is_answered(tmp_path, bundle, rng):
    folder = tmp_path / "images"
    make_sky(tmp_path / "sky", 6)
    (tmp_path / "sky" / "images").rename(folder)
    (folder / "empty.fits").write_bytes(b"")
    (folder / "text.fits").write_text("hello")
    write_image(folder / "nan.fits", np.full((24, 24), np.nan, np.float32))
    write_image(folder / "flat.fits", np.ones((24, 24), np.float32))
    write_image(folder / "shape.fits", make_image("single", rng, size=30))
    write_image(folder / "unit.fits", make_image("single", rng), make_header(unit="K"))
    result = predict(bundle, [folder, tmp_path / "gone.fits"], out=tmp_path / "c.csv")
    assert len(result.table) == 6
    assert len(read_table(tmp_path / "c.csv")) == 6
    reasons = {r["file"].rsplit("/")[-1]: r["reason"] for r in read_table(tmp_path / "c_rejects.csv")}
    assert set(reasons) == {"empty.fits", "text.fits", "nan.fits", "flat.fits", "shape.fits", "unit.fits", "gone.fits"}
    assert "unit of band image is K; expected Jy/beam" in reasons["unit.fits"]
    assert "image is 30 x 30 px; expected 24 x 24 px" in reasons["shape.fits"]


def test_when_nothing_is_good_an_empty_catalog_is_written(tmp_path, bundle):
    (tmp_path / "bad.fits").write_bytes(b"")
    predict(bundle, tmp_path / "bad.fits", out=tmp_path / "c.fits")
    table = read_table(tmp_path / "c.fits")
    assert len(table) == 0
    assert {"ra", "dec", "label", "p_double"} <= set(table.colnames)


def test_flags_name_what_is_odd(tmp_path, rng):
    make_bundle(tmp_path / "bundle", INPUT.model_copy(update={"fit": "center"}))
    image = make_image("single", rng, size=30)
    image[0, 0] = np.nan
    write_image(tmp_path / "a.fits", image, make_header(scale_arcsec=3.6))
    write_image(tmp_path / "b.fits", make_image("single", rng), fits.Header({"BUNIT": "JY/BEAM"}))
    table = merkhet.load(tmp_path / "bundle").predict([tmp_path / "a.fits", tmp_path / "b.fits"])
    assert table["flags"].tolist() == [Flag.INVALID_PIXELS | Flag.RESHAPED | Flag.OTHER_SCALE, Flag.NO_WCS]
    assert np.isnan(table["ra"][1])


def test_padded_images_are_flagged_and_too_small_ones_rejected(tmp_path, rng):
    make_bundle(tmp_path / "bundle", INPUT.model_copy(update={"fit": "any", "smallest": 12, "pad_to": 24}))
    for size in (10, 20, 24):
        write_image(tmp_path / f"{size}.fits", make_image("single", rng, size=size))
    result = predict(tmp_path / "bundle", [tmp_path / f"{size}.fits" for size in (10, 20, 24)])
    assert [int(flags) & Flag.RESHAPED for flags in result.table["flags"]] == [Flag.RESHAPED, 0]
    (reject,) = result.rejects
    assert "image is 10 x 10 px; expected at least 12 x 12 px" in reject.reason


def test_any_size_goes_through_in_bounded_batches(tmp_path, rng, monkeypatch):
    make_bundle(tmp_path / "bundle", INPUT.model_copy(update={"fit": "any"}))
    sizes = [24, 30, 24, 40, 30, 24, 40, 50]
    paths = [write_image(tmp_path / f"{k}.fits", make_image("single", rng, size=n)) for k, n in enumerate(sizes)]
    monkeypatch.setattr(model_module, "MAX_BATCH_PIXELS", 700)
    table = merkhet.load(tmp_path / "bundle").predict(paths)
    assert table["x"].tolist() == [(n - 1) / 2 for n in sizes]
    assert [str(path) for path in paths] == list(table["image"])


def test_headers_are_written_and_pixels_are_not_touched(tmp_path, bundle):
    make_sky(tmp_path / "sky", 4)
    images = sorted((tmp_path / "sky" / "images").iterdir())
    before = [fits.getdata(path).tobytes() for path in images]
    result = predict(bundle, images, write_header=True)
    for path, row, data in zip(images, result.table, before, strict=True):
        header = fits.getheader(path)
        assert (header["MKLABEL"], header["MKMODEL"]) == (row["label"], row["model"])
        assert header["MKPROB"] == pytest.approx(row["probability"], abs=1e-6)
        assert fits.getdata(path).tobytes() == data


def test_a_header_that_cannot_be_written_is_a_reject_but_the_answer_stays(tmp_path, bundle, monkeypatch):
    make_sky(tmp_path / "sky", 3)

    def refuse(path, values, *, hdu):
        raise OutputError(path, "cannot be written: Read-only file system")

    monkeypatch.setattr("merkhet.infer.predict.update_header", refuse)
    result = predict(bundle, tmp_path / "sky" / "images", write_header=True)
    assert len(result.table) == 3
    assert {(r.stage, r.reason) for r in result.rejects} == {("header", "cannot be written: Read-only file system")}


def test_an_output_that_exists_is_refused_before_the_model_is_loaded(tmp_path):
    (tmp_path / "c.csv").write_text("precious")
    with pytest.raises(OutputError, match="it exists already"):
        predict(tmp_path / "no_such_model", tmp_path, out=tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text() == "precious"


def test_an_interruption_keeps_what_was_done_and_says_so(tmp_path, bundle, monkeypatch):
    make_sky(tmp_path / "sky", 12)
    written: list[str] = []

    def update(path, values, *, hdu):
        if len(written) == 5:
            raise KeyboardInterrupt
        written.append(path)

    monkeypatch.setattr("merkhet.infer.predict.update_header", update)
    (tmp_path / "sky" / "images" / "a.fits").write_bytes(b"")
    with pytest.raises(Interrupted, match=r"8 of 13 images were classified and 5 headers written: .* holds their rows"):
        predict(bundle, tmp_path / "sky" / "images", out=tmp_path / "c.csv", write_header=True, batch_size=4)
    assert len(read_table(tmp_path / "c.csv")) == 8
    assert len(read_table(tmp_path / "c_rejects.csv")) == 1


def test_an_interruption_before_the_first_answer_leaves_an_empty_catalog(tmp_path, bundle, sky, monkeypatch):
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(model_module.TrainedModel, "rows", interrupt)
    with pytest.raises(Interrupted, match="0 of 48 images were classified"):
        monkeypatch.setattr("merkhet.infer.predict._empty", lambda _model: Table({"id": [1]})[:0])
        predict(bundle, sky.parent / "images", out=tmp_path / "c.ecsv")
    assert len(read_table(tmp_path / "c.ecsv")) == 0


def test_a_table_in_fits_is_a_list_of_inputs(tmp_path, bundle, sky):
    table = Table({"path": [str(sky.parent / "images" / f"s{k:03d}.fits") for k in range(3)] + [""]})
    for name in ("t.fits", "t.fits.gz"):
        table.write(tmp_path / name)
        result = predict(bundle, tmp_path / name)
        assert len(result.table) == 3
        assert [(r.file, r.reason) for r in result.rejects] == [
            (f"row 4 of {tmp_path / name}", "the row names no file")
        ]


def test_what_cannot_be_named_is_a_reject(tmp_path, bundle, sky):
    result = predict(bundle, [sky.parent / "images" / "s000.fits", tmp_path / f"{'x' * 300}.fits"])
    assert len(result.table) == 1
    assert [r.reason for r in result.rejects] == ["cannot be read: File name too long"]


def test_the_header_of_a_bzip2_file_is_a_clear_reject(tmp_path, bundle, sky):
    (tmp_path / "a.fits.bz2").write_bytes(bz2.compress((sky.parent / "images" / "s000.fits").read_bytes()))
    result = predict(bundle, tmp_path / "a.fits.bz2", write_header=True)
    assert len(result.table) == 1
    assert [r.reason for r in result.rejects] == [
        "is compressed with bzip2, so its header cannot be updated. Inflate it with bunzip2"
    ]


def test_several_arrays_are_a_list(bundle, sky):
    arrays = [fits.getdata(sky.parent / "images" / f"s{k:03d}.fits").astype(np.float32) for k in range(3)]
    model = merkhet.load(bundle)
    table = model.predict(arrays)
    assert table["id"].tolist() == ["array 0", "array 1", "array 2"]
    alone = [model.predict(array)["p_double"][0] for array in arrays]
    np.testing.assert_allclose(table["p_double"], alone, atol=1e-6)
    with pytest.raises(InputError, match="array 1: every pixel is NaN"):
        model.predict([arrays[0], np.full((24, 24), np.nan)])
    with pytest.raises(InputError, match="the list holds both paths and arrays"):
        model.predict([arrays[0], "a.fits"])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((24, 24), np.nan), "every pixel is NaN"),
        (np.zeros((24, 24), complex), "dtype complex128; expected numbers"),
        (np.zeros((3, 24, 24)), r"3 bands .* Give several images as a list of arrays"),
        (np.random.default_rng(0).normal(size=(20, 20)), "image is 20 x 20 px"),
        (np.zeros(24), r"image has shape \(24,\)"),
    ],
)
def test_an_array_that_cannot_be_used_is_one_clear_line(bundle, array, message):
    with pytest.raises(InputError, match=message):
        merkhet.load(bundle).predict(array)


def test_a_mask_and_a_unit_of_an_array_are_honoured(bundle, rng):
    image = make_image("single", rng)
    holes = np.zeros(image.shape, bool)
    holes[:4] = True
    masked = merkhet.load(bundle).predict(np.ma.array(image, mask=holes))
    filled = merkhet.load(bundle).predict(np.where(holes, np.nan, image))
    assert masked["p_double"][0] == filled["p_double"][0]
    with pytest.raises(InputError, match="unit of band image is s; expected Jy/beam"):
        merkhet.load(bundle).predict(image * u.s)


def test_every_row_of_a_table_is_answered(bundle, sky, tmp_path):
    rows = "\n".join(f"n{k},{sky.parent / 'images' / 's000.fits'}" for k in range(3))
    (tmp_path / "t.csv").write_text(f"name,path\n{rows}\n")
    assert predict(bundle, tmp_path / "t.csv", columns=Columns(id="name")).table["id"].tolist() == ["n0", "n1", "n2"]


@pytest.mark.parametrize(("name", "message"), [("c.txt", r"c\.txt"), ("file/c.csv", "cannot be written")])
def test_a_catalog_that_cannot_be_written_is_refused_before_any_header_is(tmp_path, bundle, name, message):
    make_sky(tmp_path / "sky", 2)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=message):
        predict(bundle, tmp_path / "sky" / "images", out=tmp_path / name, write_header=True)
    assert "MKLABEL" not in fits.getheader(tmp_path / "sky" / "images" / "s000.fits")


def test_several_bands_from_a_table(tmp_path, rng):
    spec = InputSpec(bands=(Band(name="g"), Band(name="r")), shape=(24, 24))
    make_bundle(tmp_path / "bundle", spec)
    for band in "gr":
        write_image(tmp_path / f"{band}.fits", make_image("double", rng))
    (tmp_path / "t.csv").write_text("name,g,r\nx,g.fits,r.fits\n")
    columns = Columns(path=("g", "r"), id="name")
    result = predict(tmp_path / "bundle", tmp_path / "t.csv", columns=columns)
    assert result.table["id"].tolist() == ["x"]


def test_a_device_that_is_not_there_is_refused(bundle):
    with pytest.raises(ConfigError, match="device 'cuda:7' cannot be used"):
        merkhet.load(bundle, device="cuda:7")


@pytest.mark.real
def test_real_headers_are_written_on_copies(tmp_path, real_data):
    make_bundle(tmp_path / "bundle", InputSpec(shape=(24, 24), fit="any"))
    sources = sorted((real_data / "mirabest_original").glob("*.fits"))
    for source in sources:
        (tmp_path / source.name).write_bytes(source.read_bytes())
    result = predict(tmp_path / "bundle", f"{tmp_path}/*.fits", write_header=True)
    assert (len(result.table), result.rejects) == (len(sources), ())
    for source in sources:
        assert fits.getheader(tmp_path / source.name, ignore_missing_simple=True)["MKLABEL"] in ("single", "double")
        assert fits.getdata(source).tobytes() == fits.getdata(tmp_path / source.name).tobytes()


def test_rejects_stand_in_the_order_of_the_inputs(bundle, tmp_path):
    missing = [tmp_path / f"{n:02d}.fits" for n in range(40)]
    for path in missing[::3]:
        path.write_bytes(b"no image" * 100_000)
    rejects = predict(bundle, missing).rejects
    assert [reject.file for reject in rejects] == [str(path) for path in missing]
