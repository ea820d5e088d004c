import json

import numpy as np
import pytest

from merkhet.config.scores import Scores
from merkhet.evaluate.answers import read_answers
from merkhet.evaluate.calibration import expected_calibration_error
from merkhet.evaluate.labels import chosen_thresholds, label_lines, label_scores
from merkhet.evaluate.strengths import Resampling
from tests.evaluate.tables import multilabel_table

LABELS = ("stripes", "rings")
FEW = Resampling(draws=100)


@pytest.fixture
def table(rng):
    table = multilabel_table(rng)
    table["strength_stripes"] = np.where(table["true_stripes"], rng.uniform(0.1, 3, len(table)), 0)
    return table


def scored(table, **options):
    labels = read_answers(table, mode="multilabel", classes=LABELS, threshold=0.5)
    return label_scores(labels, table, settings=Scores(), resampling=FEW, **options)


def test_each_label_is_scored_by_itself(table):
    found = scored(table)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == list(LABELS)
    assert [len(row["bins"]) for row in found.values()] == [4, 0]
    assert set(found["rings"]["points"]) == {"decision"}
    error = expected_calibration_error(table["p_rings"], table["true_rings"], groups=table["group"])
    assert found["rings"]["calibration"]["ece"] == pytest.approx(error)


def test_thresholds_of_validation_rows_are_applied(table):
    thresholds = chosen_thresholds(scored(table))
    again = scored(table, thresholds=thresholds)
    for name, row in again.items():
        point = row["points"]["validation"]
        assert point["threshold"] == row["threshold"] == thresholds[name]
        assert point["recall"]["value"] == pytest.approx(row["recall"]["value"])


def test_lines_name_what_is_known_and_what_is_not(table):
    stripes, rings = label_lines(scored(table))
    assert stripes.startswith("stripes: AUC 0.")
    assert "from strength" in stripes
    assert "from strength" not in rings
    assert rings.count("%:") == 3
    table["true_rings"] = 0
    assert "rings: AUC unknown; recall at 0.5 % false alarms unknown" in label_lines(scored(table))[1]
