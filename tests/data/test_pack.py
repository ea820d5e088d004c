"""Packing: the same pixels, resumable, shared by several processes, never half done."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy.io import fits

from merkhet.config.data import Columns, Data, ReadSpec
from merkhet.config.inputs import Band, InputSpec
from merkhet.data import pack as pack_module
from merkhet.data.dataset import SampleDataset
from merkhet.data.pack import pack
from merkhet.data.samples import load_samples, resolve_input
from merkhet.errors import ConfigError, InputError, OutputError
from merkhet.execute import Shard
from merkhet.io.tables import read_table
from tests.skies import make_sky, write_image

COLUMNS = Columns(id="id", group="group")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(pack_module, "SHARD_ROWS", 8)


def data_of(table):
    return Data(table=table, columns=COLUMNS)


def test_a_pack_holds_the_pixels_and_the_table(sky, tmp_path):
    result = pack(data_of(sky), tmp_path / "pack")
    assert (result.rows, result.rejected, result.complete) == (48, 0, True)
    images = np.load(tmp_path / "pack" / "images.npy")
    index = read_table(tmp_path / "pack" / "index.parquet")
    assert images.shape == (48, 1, 24, 24)
    np.testing.assert_array_equal(images[7, 0], fits.getdata(sky.parent / index["path"][7]))
    assert list(index["label"][:2]) == ["single", "double"]
    assert len(read_table(tmp_path / "pack" / "rejects.csv")) == 0


def test_packed_and_unpacked_samples_are_the_same(sky, tmp_path):
    pack(data_of(sky), tmp_path / "pack", workers=2)
    options = {"where": {"label": "single"}}
    packed = load_samples(Data(table=tmp_path / "pack", columns=COLUMNS, **options), InputSpec())
    plain = load_samples(Data(table=sky, columns=COLUMNS, **options), InputSpec())
    assert len(packed) == len(plain) == 24
    for name in ("id", "mk_noise_0", "mk_crc", "mk_ra"):
        np.testing.assert_array_equal(packed.table[name], plain.table[name])


def test_bad_files_are_rejected_and_stand_in_no_row(tmp_path):
    table = make_sky(tmp_path / "sky", 20)
    (tmp_path / "sky/images/s000.fits").write_bytes(b"")
    (tmp_path / "sky/images/s011.fits").unlink()
    result = pack(data_of(table), tmp_path / "pack")
    assert (result.rows, result.rejected) == (18, 2)
    rejects = read_table(tmp_path / "pack" / "rejects.csv")
    assert [name.rsplit("/")[-1] for name in rejects["file"]] == ["s000.fits", "s011.fits"]
    samples = load_samples(data_of(tmp_path / "pack"), InputSpec())
    assert len(samples) == 18
    assert len(samples.rejects) == 2


def test_machines_share_a_pack_by_shards(sky, tmp_path):
    parts = [pack(data_of(sky), tmp_path / "pack", shard=Shard.parse(f"{i}/3")) for i in (1, 2)]
    assert [part.complete for part in parts] == [False, False]
    assert not (tmp_path / "pack" / "index.parquet").exists()
    with pytest.raises(InputError, match=r"a folder without index\.parquet; expected a table, or a finished pack"):
        load_samples(data_of(tmp_path / "pack"), InputSpec())
    last = pack(data_of(sky), tmp_path / "pack", shard=Shard.parse("3/3"))
    assert last.complete
    pack(data_of(sky), tmp_path / "whole")
    np.testing.assert_array_equal(np.load(tmp_path / "pack/images.npy"), np.load(tmp_path / "whole/images.npy"))


def test_finished_shards_are_not_done_again(sky, tmp_path, monkeypatch):
    pack(data_of(sky), tmp_path / "pack", shard=Shard.parse("1/2"))
    done = []
    original = pack_module._pack_shard

    def record(job):
        done.append(job.number)
        return original(job)

    monkeypatch.setattr(pack_module, "_pack_shard", record)
    assert pack(data_of(sky), tmp_path / "pack").complete
    assert done == [1, 3, 5]


def test_a_killed_job_goes_on_where_it_was(tmp_path):
    table = make_sky(tmp_path / "sky", 48)
    code = (
        "import sys, time; from pathlib import Path; from merkhet.data import pack as p\n"
        "from merkhet.config.data import Columns, Data\n"
        "p.SHARD_ROWS = 8; original = p._pack_shard\n"
        "p._pack_shard = lambda job: (time.sleep(0.2), original(job))[1]\n"
        "p.pack(Data(table=Path(sys.argv[1]), columns=Columns(id='id')), Path(sys.argv[2]))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(table), str(tmp_path / "pack")])
    ledger = tmp_path / "pack" / "shards"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(ledger.glob("0*.json")):  # not what is still being written
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in ledger.glob("0*.json")}
    assert 0 < len(kept) < 6
    result = pack(Data(table=table, columns=Columns(id="id")), tmp_path / "pack")
    assert (result.complete, result.rows) == (True, 48)
    assert {name: (ledger / name).stat().st_mtime_ns for name in kept} == kept


def test_what_is_there_is_respected(sky, tmp_path):
    pack(data_of(sky), tmp_path / "pack")
    with pytest.raises(OutputError, match="holds a finished pack"):
        pack(data_of(sky), tmp_path / "pack")
    pack(data_of(sky), tmp_path / "pack", overwrite=True)
    (tmp_path / "pack" / "index.parquet").unlink()
    with pytest.raises(OutputError, match="an unfinished pack of other rows or options"):
        pack(data_of(sky), tmp_path / "pack", spec=InputSpec(shape=(20, 20), fit="center"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").write_text("x")
    with pytest.raises(OutputError, match="it exists already"):
        pack(data_of(sky), tmp_path / "other")


def test_a_cropped_pack_trains_on_what_it_holds(sky, tmp_path):
    pack(data_of(sky), tmp_path / "pack", spec=InputSpec(shape=(16, 16), fit="center"))
    spec, samples = resolve_input(InputSpec(), load_samples(data_of(tmp_path / "pack"), InputSpec()))
    assert spec.shape == (16, 16)
    batch = SampleDataset(samples, data=data_of(tmp_path / "pack"), spec=spec).fetch(np.arange(4))
    assert batch["image"].shape == (4, 1, 16, 16)
    assert batch["valid"].all()
    np.testing.assert_array_equal(batch["image"][2, 0], fits.getdata(sky.parent / "images/s002.fits")[4:20, 4:20])


def test_how_pixels_were_read_travels_with_the_pack(tmp_path, rng):
    cube = rng.normal(size=(3, 12, 12)).astype(np.float32)
    write_image(tmp_path / "a.fits", cube)
    (tmp_path / "t.csv").write_text("path,id\na.fits,a\n")
    pack(Data(table=tmp_path / "t.csv", read=ReadSpec(plane=2)), tmp_path / "pack")
    assert load_samples(Data(table=tmp_path / "pack"), InputSpec()).read == ReadSpec(plane=2)
    with pytest.raises(InputError, match="was packed with"):
        load_samples(Data(table=tmp_path / "pack", read=ReadSpec(plane=1)), InputSpec())


def test_rows_of_another_unit_than_the_band_are_rejected(sky, tmp_path):
    with pytest.raises(InputError, match="unit of band i is Jy/beam; expected K"):
        spec = InputSpec(bands=(Band(name="i", unit="K"),))
        pack(data_of(sky), tmp_path / "pack", spec=spec)
        load_samples(data_of(tmp_path / "pack"), spec).check_rejects(0.1)


def test_a_damaged_ledger_is_named_and_can_be_packed_again(sky, tmp_path):
    pack(data_of(sky), tmp_path / "pack", shard=Shard.parse("1/2"))
    entry = tmp_path / "pack" / "shards" / "000002.json"
    for text in ("", "[{}]", "7", entry.read_text()[:40]):
        entry.write_text(text)
        with pytest.raises(InputError, match=r"000002\.json: cannot be read: .*Remove this file and pack again"):
            pack(data_of(sky), tmp_path / "pack")
    entry.unlink()
    assert pack(data_of(sky), tmp_path / "pack").rows == 48


def test_shards_that_start_together_do_not_hurt_each_other(sky, tmp_path):
    code = (
        "import sys; from pathlib import Path; from merkhet.data import pack as p; from merkhet.execute import Shard\n"
        "from merkhet.config.data import Columns, Data\n"
        "p.SHARD_ROWS = 8; data = Data(table=Path(sys.argv[1]), columns=Columns(id='id', group='group'))\n"
        "p.pack(data, Path(sys.argv[2]), shard=Shard.parse(sys.argv[3]))\n"
    )
    for attempt in range(3):
        out = tmp_path / f"pack{attempt}"
        command = [sys.executable, "-c", code, str(sky), str(out)]
        parts = [subprocess.Popen([*command, f"{i}/3"], stderr=subprocess.PIPE, text=True) for i in (1, 2, 3)]
        assert [(part.communicate()[1], part.returncode) for part in parts] == [("", 0)] * 3
        images = np.load(out / "images.npy")
        assert (images != 0).any(axis=(1, 2, 3)).all()
        assert len(read_table(out / "index.parquet")) == 48
        assert not list(out.glob(".*"))


def test_parts_may_not_clear_each_other(sky, tmp_path):
    with pytest.raises(ConfigError, match="--overwrite and --shard"):
        pack(data_of(sky), tmp_path / "pack", shard=Shard.parse("1/2"), overwrite=True)


def test_a_full_disk_is_one_clear_line(sky, tmp_path, monkeypatch):
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match="cannot be written: No space left on device"):
        pack(data_of(sky), tmp_path / "pack")


def test_one_shape_for_all(tmp_path, sky):
    result = pack(data_of(sky), tmp_path / "pack", spec=InputSpec(shape=(16, 30), fit="center"))
    images = np.load(tmp_path / "pack" / "images.npy")
    assert images.shape == (48, 1, 16, 30)
    assert np.isnan(images[..., :3]).all()
    assert result.rejected == 0


def test_a_table_of_unreadable_files_is_refused(tmp_path):
    table = make_sky(tmp_path / "sky", 6)
    shutil.rmtree(tmp_path / "sky" / "images")
    with pytest.raises(InputError, match=r"none of the first 6 images can be read; the first: .*s000\.fits"):
        pack(data_of(table), tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


def test_the_header_says_what_was_packed(sky, tmp_path):
    pack(data_of(sky), tmp_path / "pack")
    header = json.loads((tmp_path / "pack" / "pack.json").read_text())
    assert header["input"]["shape"] == [24, 24]
    assert header["rows"] == 48
