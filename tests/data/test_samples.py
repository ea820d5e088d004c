"""The list of usable samples: filters, rejects, and what the samples say of the input."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from merkhet.config.data import Columns, Data
from merkhet.config.inputs import InputSpec
from merkhet.data.pack import pack
from merkhet.data.samples import load_samples, resolve_input, sample_groups
from merkhet.errors import InputError
from merkhet.io.tables import read_table
from tests.skies import make_header, make_image, make_sky, write_image

COLUMNS = Columns(id="id", group="group")


def load(table, **options):
    return load_samples(Data(table=table, columns=COLUMNS, **options), InputSpec())


def test_good_rows_are_measured(sky):
    samples = load(sky)
    assert len(samples) == 48
    assert samples.rejects == ()
    row = samples.table[5]
    assert row["mk_shape"] == "24x24"
    assert row["mk_unit_0"] == "Jy/beam"
    assert row["mk_scale"] == pytest.approx(1.8, rel=1e-6)
    assert (row["mk_ra"], row["mk_dec"]) == (pytest.approx(150.05), pytest.approx(2.0))
    assert row["mk_noise_0"] == pytest.approx(1e-3, rel=0.2)
    assert row["mk_finite"]


def test_workers_give_the_same_rows(sky):
    inline = load(sky)
    spawned = load_samples(Data(table=sky, columns=COLUMNS), InputSpec(), workers=2)
    assert (inline.table["mk_crc"] == spawned.table["mk_crc"]).all()


def test_where_and_groups(sky):
    samples = load(sky, where={"label": "single", "z": {"min": 0.5}})
    assert set(samples.table["label"]) == {"single"}
    assert min(samples.table["z"]) >= 0.5
    assert len(set(sample_groups(samples.table, COLUMNS))) <= len(samples)
    assert len(set(sample_groups(samples.table, Columns(id="id")))) == len(samples)


def break_some(folder, rng):
    table = make_sky(folder, 20)
    images = folder / "images"
    (images / "s000.fits").unlink()
    (images / "s001.fits").write_bytes(b"")
    whole = (images / "s002.fits").read_bytes()
    (images / "s002.fits").write_bytes(whole[: len(whole) // 2])
    (images / "s003.fits").write_text("not FITS")
    (images / "s004.fits").unlink()
    write_image(images / "s004.fits", np.full((24, 24), np.nan, np.float32))
    (images / "s005.fits").unlink()
    write_image(images / "s005.fits", np.zeros((24, 24), np.float32))
    (images / "s006.fits").unlink()
    write_image(images / "s006.fits", make_image("single", rng, size=32))
    (images / "s007.fits").unlink()
    write_image(images / "s007.fits", make_image("single", rng), make_header(unit="K"))
    (images / "s008.fits").unlink()
    write_image(images / "s008.fits", np.stack([make_image("single", rng)] * 2))
    return table


REASONS = {
    "s000": "no such file",
    "s001": "empty",
    "s002": "truncated",
    "s003": "not FITS",
    "s004": "every pixel is NaN",
    "s005": "constant",
    "s006": "image is 32x32 px; expected 24x24 px",
    "s007": "unit of band image is K; expected Jy/beam",
    "s008": "2 bands",
}


def test_every_bad_file_is_rejected_with_its_reason_and_the_rest_goes_on(tmp_path, rng):
    table = break_some(tmp_path / "sky", rng)
    _, samples = resolve_input(InputSpec(), load(table))
    found = {reject.file.rsplit("/")[-1].removesuffix(".fits"): reject for reject in samples.rejects}
    assert set(found) == set(REASONS)
    for name, reason in REASONS.items():
        assert reason.lower() in found[name].reason.lower(), name
        assert found[name].stage == "read"
    assert len(samples) == 11
    samples.check_rejects(0.5)
    with pytest.raises(InputError, match=r"9 of 20 rows cannot be used.*at most 5%"):
        samples.check_rejects(0.05)


def test_shape_unit_and_scale_come_from_the_samples(sky):
    spec, samples = resolve_input(InputSpec(), load(sky))
    assert spec.shape == (24, 24)
    assert spec.bands[0].unit == "Jy/beam"
    assert spec.pixel_scale_arcsec == pytest.approx(1.8, rel=1e-6)
    assert len(samples) == 48


def test_center_takes_other_shapes(tmp_path, rng):
    table = break_some(tmp_path / "sky", rng)
    spec, samples = resolve_input(InputSpec(fit="center"), load(table))
    assert spec.shape == (24, 24)
    assert len(samples) == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["id"].__setitem__(slice(None), "same"), "id 'same' stands in 12 rows"),
        (lambda t: t.rename_column("path", "file_path"), "path"),
        (lambda t: t.remove_column("group"), "group"),
        (lambda t: t.remove_rows(slice(None)), "no row"),
    ],
)
def test_a_table_that_cannot_serve_is_refused(tmp_path, change, message):
    path = make_sky(tmp_path / "sky", 12)
    table = Table.read(path, format="ascii.csv")
    table["id"] = table["id"].astype("U8")
    change(table)
    table.write(path, format="ascii.csv", overwrite=True)
    with pytest.raises(InputError, match=message) as caught:
        load(path)
    assert "table.csv" in str(caught.value)


def test_a_filter_that_leaves_nothing_is_refused(sky):
    with pytest.raises(InputError, match=r"no row is left\. Check the table and data\.where"):
        load(sky, where={"label": "triple"})


def test_a_folder_that_is_no_pack_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a folder without index\.parquet"):
        load(tmp_path)


@pytest.mark.parametrize("columns", [COLUMNS, Columns()])
def test_rows_that_name_no_file_are_rejected_by_their_number(tmp_path, columns):
    path = make_sky(tmp_path / "sky", 12)
    table = Table.read(path, format="ascii.csv")
    table["path"][[3, 8]] = ""
    table.write(path, format="ascii.csv", overwrite=True)
    pack(Data(table=path, columns=columns), tmp_path / "pack")
    expected = {(f"row {n} of {path}", "the row names no file") for n in (4, 9)}
    assert {(r["file"], r["reason"]) for r in read_table(tmp_path / "pack" / "rejects.csv")} == expected
    samples = load_samples(Data(table=path, columns=columns, where={"label": "double"}), InputSpec())
    assert {(r.file, r.reason) for r in samples.rejects} == {item for item in expected if "row 4" in item[0]}
    assert len(samples) == 5


def test_files_may_lie_elsewhere(tmp_path, sky):
    copy = tmp_path / "elsewhere.csv"
    copy.write_bytes(sky.read_bytes())
    assert len(load(copy, root=sky.parent)) == 48


def test_no_input_file_is_changed(tmp_path):
    table = make_sky(tmp_path / "sky", 6)
    before = {path: path.read_bytes() for path in (tmp_path / "sky").rglob("*.fits")}
    load(table)
    assert {path: path.read_bytes() for path in before} == before
    assert fits.getheader(next(iter(before)))["BUNIT"] == "Jy/beam"


def test_images_of_any_shape_are_taken_where_they_are_resized(tmp_path):
    table = make_sky(tmp_path / "sky", 6)
    write_image(tmp_path / "sky" / "images" / "large.fits", make_image("single", np.random.default_rng(0), size=40))
    (tmp_path / "sky" / "images" / "large.fits").replace(tmp_path / "sky" / "images" / "s002.fits")
    spec = InputSpec(shape=(16, 16), fit="resize")
    resolved, samples = resolve_input(spec, load_samples(Data(table=table, columns=COLUMNS), spec))
    assert (len(samples), resolved.shape) == (6, (16, 16))
    _, rejecting = resolve_input(InputSpec(), load_samples(Data(table=table, columns=COLUMNS), InputSpec()))
    assert len(rejecting.rejects) == 1


def test_any_takes_other_shapes_and_exact_does_not(tmp_path, rng):
    table = make_sky(tmp_path / "sky", 6)
    for name, size in (("s001", 32), ("s002", 20), ("s003", 10)):
        (tmp_path / "sky" / "images" / f"{name}.fits").unlink()
        write_image(tmp_path / "sky" / "images" / f"{name}.fits", make_image("single", rng, size=size))
    spec = InputSpec(fit="any", smallest=16)
    _, taken = resolve_input(spec, load(table))
    assert [reject.reason for reject in taken.rejects] == ["image is 10x10 px; expected at least 16 px a side"]
    assert len(taken) == 5
    _, exact = resolve_input(spec.model_copy(update={"fit": "exact"}), load(table))
    assert len(exact) == 3
