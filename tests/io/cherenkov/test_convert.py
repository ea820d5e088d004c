"""Conversion by ctapipe: run where it is installed, and a clear line where it is not."""

import importlib.util
import sys

import pytest

from merkhet.errors import DependencyError, InputError, OutputError
from merkhet.io.cherenkov.convert import convert
from merkhet.io.cherenkov.reading import open_event_file

needs_ctapipe = pytest.mark.skipif(importlib.util.find_spec("ctapipe") is None, reason="ctapipe is not installed")
EVENTS = {
    "history_meta_75.simtel.zst": (1, 15),
    "camsettings_v6.simtel.zst": (1, 9),
    "test_lasercal_v3.simtel.gz": (3, 10),
}


def test_without_ctapipe(tmp_path, monkeypatch):
    (tmp_path / "a.simtel.gz").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "ctapipe.tools.process", None)
    with pytest.raises(DependencyError, match=r"needs ctapipe .*pip install -c constraints-ctapipe\.txt"):
        convert(tmp_path / "a.simtel.gz", tmp_path / "a.h5")


def test_an_output_that_exists_is_refused_first(tmp_path):
    (tmp_path / "a.simtel.gz").write_bytes(b"x")
    (tmp_path / "a.h5").write_bytes(b"x")
    with pytest.raises(OutputError, match="it exists already"):
        convert(tmp_path / "a.simtel.gz", tmp_path / "a.h5")


@needs_ctapipe
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_simulation(tmp_path):
    (tmp_path / "a.simtel.gz").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"a\.simtel\.gz: ctapipe cannot convert it"):
        convert(tmp_path / "a.simtel.gz", tmp_path / "a.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["a.simtel.gz"]


@needs_ctapipe
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EVENTS)
def test_real_simulations_keep_every_triggered_telescope(tmp_path, real_data, name):
    out = convert(real_data / "cherenkov" / "simtel" / name, tmp_path / "a.h5")
    events = open_event_file(out)
    assert (len(events.index), events.index.n_images) == EVENTS[name]
    for kind in events.subarray.type_names:
        images = events.images(kind, events.images_of_type(kind))
        assert images["charge"].shape[1] == events.subarray.type(kind).camera.n_pixels
        assert (images["charge"].sum(axis=1) > 0).all()
