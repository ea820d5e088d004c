"""Real files of sim_telarray: converted by ctapipe, predicted, and drawn."""

import importlib.util

import h5py
import numpy as np
import pytest

from merkhet.cli import main
from merkhet.io.cherenkov.reading import open_events
from merkhet.io.cherenkov.table import ChunkedTable
from tests.infer.event_bundles import make_event_bundle

FILES = {"history_meta_75.simtel.zst": 15, "camsettings_v6.simtel.zst": 9, "test_lasercal_v3.simtel.gz": 10}


@pytest.mark.skipif(importlib.util.find_spec("ctapipe") is None, reason="ctapipe is not installed")
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILES)
def test_every_triggered_telescope_reaches_dl2(tmp_path, real_data, name):
    dl1, out = tmp_path / "events.dl1.h5", tmp_path / "events.dl2.h5"
    assert main(["convert", str(real_data / "cherenkov" / "simtel" / name), str(dl1)]) == 0
    make_event_bundle(tmp_path / "bundle", dl1)
    assert main(["predict", str(tmp_path / "bundle"), str(dl1), "--out", str(out), "--display", "1"]) == 0
    assert len(list((tmp_path / "events_displays").glob("*.png"))) == 1
    index = open_events(dl1).index
    with h5py.File(out) as file:
        trigger = ChunkedTable(file["dl1/event/subarray/trigger"], path=out).read(["tels_with_trigger"])
        found = ChunkedTable(file["dl2/event/subarray/energy/merkhet_energy"], path=out)
        used = found.read(["merkhet_energy_telescopes", "merkhet_energy_energy"])
    assert trigger["tels_with_trigger"].sum() == used["merkhet_energy_telescopes"].sum() == index.n_images
    assert index.n_images == FILES[name]
    assert np.isfinite(used["merkhet_energy_energy"]).all()
