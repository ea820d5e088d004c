"""Runs on events beside runs on single images of the same events."""

import numpy as np
import pytest
import yaml
from astropy.table import Table

from merkhet.config.array_experiment import ArrayExperiment
from merkhet.errors import InputError
from merkhet.evaluate.cherenkov.telescope_mean import mean_over_telescopes
from merkhet.io.tables import write_table
from merkhet.train.compare import compare_runs
from merkhet.train.run import Run

EVENTS = 200


def answers(rng, *, images: int) -> Table:
    """What is said of events, some images each, or one row each for ``images`` 0."""
    event = np.repeat(np.arange(EVENTS), images or 1)
    gamma = event % 2 == 0
    energy = 10 ** (event / EVENTS)
    spread = 0.5 if images else 0.2
    table = Table(
        {
            "id": [f"1_{number}" for number in event],
            "obs_id": np.ones(len(event), dtype=int),
            "event_id": event,
            "group": event,
            "true_particle": np.where(gamma, "gamma", "background"),
            "true_energy": energy,
            "true_alt": np.full(len(event), 70.0),
            "true_az": np.full(len(event), 10.0),
            "gammaness": np.clip(0.5 + (gamma - 0.5) * 0.3 + spread * rng.normal(size=len(event)), 0, 1),
            "energy": energy * np.exp(spread * rng.normal(size=len(event))),
            "energy_uncertainty": spread * energy,
            "alt": 70 + spread * rng.normal(size=len(event)),
            "az": 10 + spread * rng.normal(size=len(event)),
            "direction_uncertainty_deg": np.full(len(event), spread),
            "is_valid": np.ones(len(event), dtype=bool),
        }
    )
    if images:
        table["tel_id"] = np.tile(np.arange(images), EVENTS)
        table["id"] = [f"1_{number}_{tel}" for number, tel in zip(event, table["tel_id"], strict=True)]
    return table


def as_run(folder, table: Table, *, slots: str) -> Run:
    experiment = ArrayExperiment.model_validate(
        {
            "name": "x",
            "data": {"files": ["a.h5"]},
            "input": {"kind": "telescopes", "slots": slots},
            "task": {"kind": "array_events"},
        }
    )
    folder.mkdir()
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment.model_dump(mode="json")))
    run = Run(folder)
    write_table(table, run.predictions("test"))
    return run


def test_single_images_answer_for_events_by_their_mean(rng, tmp_path):
    stereo, mono = answers(rng, images=0), answers(rng, images=3)
    shuffled = mono[rng.permutation(len(mono))]  # images of a file stand by telescope, not by event
    first = as_run(tmp_path / "stereo", stereo[::-1], slots="triggered")
    second = as_run(tmp_path / "mono", shuffled, slots="mono")
    found = compare_runs(first.folder, second.folder)
    assert found["n"] == EVENTS
    mean = mean_over_telescopes(mono, event=np.repeat(np.arange(EVENTS), 3), count=EVENTS)
    errors = np.asarray(mean["energy"])[::2] / np.asarray(stereo["true_energy"])[::2] - 1
    low, high = np.quantile(errors, [0.15865, 0.84135])
    assert found["scores"]["energy_resolution"]["b"] == pytest.approx((high - low) / 2, rel=0.05)
    back = compare_runs(second.folder, first.folder)
    assert back["scores"]["roc_auc"]["difference"] == pytest.approx(-found["scores"]["roc_auc"]["difference"])


def test_an_event_without_images_is_not_compared(rng, tmp_path):
    stereo, mono = answers(rng, images=0), answers(rng, images=2)
    first = as_run(tmp_path / "stereo", stereo, slots="triggered")
    second = as_run(tmp_path / "mono", mono[4:], slots="mono")
    with pytest.raises(InputError, match="answers for other events"):
        compare_runs(first.folder, second.folder)
