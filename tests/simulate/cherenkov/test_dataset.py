import json
import shlex

import numpy as np
import pytest

from merkhet.cli import main
from merkhet.errors import ConfigError, Interrupted, OutputError
from merkhet.io.cherenkov.reading import open_events
from merkhet.io.cherenkov.runs import read_runs
from merkhet.simulate.cherenkov import Observation, dataset, observe, recording, simulate
from tests.showers import events, instrument


@pytest.fixture
def few(monkeypatch):
    """Fewer showers at once: quick where few events are asked for."""
    monkeypatch.setattr(recording, "THROWN_AT_ONCE", 48)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("cherenkov") / "out", events=30, seed=1)


def test_files_hold_what_is_observed(folder):
    found, block = open_events(folder / "events_0000.h5"), events(60)
    np.testing.assert_array_equal(found.index.event_id, block.event_id[:30])
    name = found.subarray.type_names[0]
    charge = found.images(name, found.images_of_type(name), fields=("charge",))["charge"]
    mine = block.images[name]
    np.testing.assert_array_equal(charge, mine.charge[mine.event < 30])


def test_primaries_are_mixed_in_their_shares():
    primary = events(60).truth["shower_primary_id"]
    assert set(np.unique(primary)) == {0, 1, 101}
    assert (primary == 0).mean() == pytest.approx(0.45, abs=0.2)
    assert len(np.unique(events(60).obs_id)) == 3


def test_the_runs_say_how_many_showers_were_thrown(folder):
    runs, found = read_runs(folder / "events_0000.h5"), open_events(folder / "events_0000.h5")
    for run in runs:
        mine = found.index.event_id[found.index.observation == np.searchsorted(found.index.obs_ids, run.obs_id)]
        assert run.n_showers == mine.max()


def test_the_record_makes_the_same_again(folder, tmp_path):
    record = json.loads((folder / "simulation.json").read_text())
    assert (record["events"], record["finished"], record["seed"]) == (30, 30, 1)
    words = shlex.split(record["command"])[1:]
    again = tmp_path / "again"
    assert main([str(again) if word == str(folder) else word for word in words]) == 0
    first, second = (open_events(path / "events_0000.h5") for path in (folder, again))
    np.testing.assert_array_equal(first.index.labels["energy"], second.index.labels["energy"])


@pytest.mark.usefixtures("few")
def test_several_files_are_independent(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "EVENTS_PER_FILE", 12)
    monkeypatch.setattr(dataset, "EVENTS_AT_ONCE", 5)
    out = simulate(tmp_path / "out", events=20, seed=4)
    parts = [open_events(path) for path in sorted(out.glob("*.h5"))]
    assert [len(part.index) for part in parts] == [12, 8]
    assert not set(parts[0].index.obs_ids) & set(parts[1].index.obs_ids)
    assert not set(parts[0].index.labels["energy"]) & set(parts[1].index.labels["energy"])


@pytest.mark.usefixtures("few")
def test_an_interrupted_run_keeps_whole_files(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "EVENTS_PER_FILE", 5)

    def stop(done, total):
        if done > 5:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="5 of 12 events"):
        simulate(tmp_path / "out", events=12, seed=1, progress=stop)
    assert [path.name for path in (tmp_path / "out").glob("*.h5")] == ["events_0000.h5"]
    assert json.loads((tmp_path / "out" / "simulation.json").read_text())["finished"] == 5


@pytest.mark.usefixtures("few")
def test_other_observations_have_other_showers():
    block = observe(12, seed=2, observation=Observation(energy_min_tev=1.0, gamma_share=1.0, electron_share=0.0),
                    instrument=instrument())  # fmt: skip
    assert block.truth["energy"].min() >= 1
    assert (block.truth["shower_primary_id"] == 0).all()


def test_bad_options_are_refused_before_any_work(tmp_path, folder):
    with pytest.raises(ConfigError, match="events is 0"):
        simulate(tmp_path / "a", events=0, seed=1)
    with pytest.raises(ConfigError, match="seed is -1"):
        simulate(tmp_path / "a", events=1, seed=-1)
    with pytest.raises(OutputError, match="exists already"):
        simulate(folder, events=1, seed=1)
    assert main(["simulate", "cherenkov", str(tmp_path / "a"), "--tiles", "3"]) == 2


@pytest.mark.real
@pytest.mark.usefixtures("few")
def test_real_cameras_take_part(real_data, tmp_path):
    out = simulate(tmp_path / "out", events=10, seed=1, cameras=real_data / "cherenkov" / "cameras")
    found = open_events(out / "events_0000.h5")
    assert len(found.subarray.types) == 6
    assert "--cameras" in json.loads((out / "simulation.json").read_text())["command"]
