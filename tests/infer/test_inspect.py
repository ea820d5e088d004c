"""``describe`` knows what a path is."""

import pytest
from astropy.table import Table

from merkhet.bundle.store import save_bundle
from merkhet.config.data import Columns, Data
from merkhet.config.reference import FeatureReference, Reference
from merkhet.data.pack import pack
from merkhet.errors import InputError
from merkhet.infer.inspect import describe
from tests.bundle.bundles import make_bundle
from tests.skies import make_header, make_image, write_image


def test_everything_that_merkhet_makes_or_reads_is_named(sky, tmp_path):
    image = describe(sky.parent / "images" / "s000.fits")
    assert (image["kind"], image["shape"], image["unit"]) == ("image", (24, 24), "Jy/beam")
    assert image["center"] == "150.00000 +2.00000 deg"
    assert describe(sky)["rows"] == 48
    assert describe(sky.parent / "images")["images"] == 48
    pack(Data(table=sky, columns=Columns(id="id")), tmp_path / "pack")
    assert describe(tmp_path / "pack") == describe(tmp_path / "pack") | {
        "kind": "pack",
        "rejected": 0,
        "finished": True,
    }
    spec = make_bundle(tmp_path / "bundle")
    assert describe(tmp_path / "bundle")["hash"] == spec.hash


def test_a_bundle_says_what_its_training_data_looked_like(tmp_path):
    spec = make_bundle(tmp_path / "old")
    assert describe(tmp_path / "old")["reference"].startswith("none; flags do not say")
    features = FeatureReference(classes=("all",), limits=(3.0,), shrinkage=0.1, train_rows=50, val_rows=20)
    reference = Reference(pixel_scale_arcsec=(1.8, 5.0), noise=((1e-3, 1e-3),), peak=((10, 30),), features=features)
    for number, (known, end) in enumerate(
        [(features, "features of 50 rows, limit from 20 validation rows"), (None, "")]
    ):
        kept = reference.model_copy(update={"features": known})
        save_bundle(tmp_path / f"{number}", spec.model_copy(update={"reference": kept}), {})
        line = describe(tmp_path / f"{number}")["reference"]
        beginning = "pixel scale 1.8 to 5 arcsec; noise of image 0.001 Jy/beam; its peak over the noise 10 to 30; "
        assert line.startswith(beginning + end)
    assert line.endswith("no features (fewer than 10 rows in training or validation, or a task without)")


def test_a_table_in_fits_is_a_table(tmp_path):
    Table({"name": ["a", "b"]}).write(tmp_path / "t.fits")
    assert describe(tmp_path / "t.fits") == {"kind": "table", "rows": 2, "columns": "name"}


@pytest.mark.parametrize(("scale", "text"), [(1.8, "1.800 arcsec"), (2.5e-5, "2.500e-05 arcsec"), (0.0012, "0.001200")])
def test_a_pixel_scale_has_its_digits(tmp_path, rng, scale, text):
    write_image(tmp_path / "a.fits", make_image("single", rng), make_header(scale_arcsec=scale))
    assert describe(tmp_path / "a.fits")["pixel scale"].startswith(text)


def test_the_unknown_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        describe(tmp_path / "gone")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="not a file that Merkhet knows"):
        describe(tmp_path / "a.txt")
