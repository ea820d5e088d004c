"""The tables of answers for events."""

import numpy as np

from merkhet.config.array_experiment import ArrayExperiment
from merkhet.io.cherenkov.reading import open_events
from merkhet.simulate.cherenkov.dataset import simulate
from merkhet.tasks.base import Prediction
from merkhet.train.event_scores import answers_table
from merkhet.train.events import PreparedEvents, find_events, make_dataset
from merkhet.train.prepare import make_truth


def test_answers_say_which_file_each_event_is_of(tmp_path):
    files = [
        next(simulate(tmp_path / str(seed), events=number, seed=seed).glob("*.h5")) for seed, number in ((1, 6), (2, 9))
    ]
    content = {
        "data": {"files": [str(file) for file in files]},
        "input": {"kind": "telescopes", "slots": "triggered"},
        "model": {
            "kind": "telescope_array",
            "combination": {"kind": "mean"},
            "backbone": {"kind": "cnn", "widths": [4]},
        },
        "task": {"kind": "array_events"},
    }
    experiment, samples = find_events(ArrayExperiment.model_validate(content))
    sides = np.where(np.arange(len(samples)) % 3 == 0, "test", "train")
    prepared = PreparedEvents(experiment, samples, sides, make_truth(experiment), make_dataset(experiment, samples))
    table = answers_table(Prediction({}), prepared, side="test", model="")
    known = [open_events(file).index for file in files]
    assert set(table["file_number"]) == {0, 1}
    for row in table:
        index = known[row["file_number"]]
        here = (index.event_id == row["event_id"]) & (index.obs_id_of(np.arange(len(index))) == row["obs_id"])
        np.testing.assert_allclose(index.labels["energy"][here], [row["true_energy"]])
