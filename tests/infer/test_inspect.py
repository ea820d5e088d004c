"""``describe`` knows what a path is."""

import pytest

from merkhet.config.data import Columns, Data
from merkhet.data.pack import pack
from merkhet.errors import InputError
from merkhet.infer.inspect import describe
from tests.bundle.bundles import make_bundle


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


def test_the_unknown_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        describe(tmp_path / "gone")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="not a file that Merkhet knows"):
        describe(tmp_path / "a.txt")
