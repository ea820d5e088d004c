"""The figure of single images by epoch."""

import numpy as np
import pytest
from astropy.table import Table

from merkhet.report.statistics import statistics_plot
from merkhet.report.style import COLORS


@pytest.fixture
def stats():
    """Two epochs of two validation images and a training image: right once, then twice."""
    return Table(
        {
            "epoch": [1, 1, 1, 2, 2, 2],
            "split": ["train", "val", "val"] * 2,
            "true": ["good", "good", "rfi"] * 2,
            "predicted": ["rfi", "good", "good", "rfi", "good", "rfi"],
            "certainty": [0.9, 0.6, 0.7, 0.9, 0.8, 0.6],
            "loss": [3.0, 0.5, 1.2, 3.0, 0.2, 0.5],
            "seconds_prediction": [0.1, 0.2, 0.3, 0.1, 0.2, 0.3],
            "seconds_training": [1.0, np.nan, np.nan, 2.0, np.nan, np.nan],
        }
    )


def curves(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_curves_are_means_of_validation_images(stats):
    accuracy, loss, certainty, seconds = statistics_plot(stats).axes
    assert curves(accuracy) == {"good": [[1, 1], [2, 1]], "rfi": [[1, 0], [2, 1]]}
    assert curves(loss) == {"good": [[1, 0.5], [2, 0.2]], "rfi": [[1, 1.2], [2, 0.5]]}
    assert curves(certainty)["wrong answers"] == [[1, 0.7]]
    np.testing.assert_allclose(curves(certainty)["right answers"], [[1, 0.6], [2, 0.7]])
    np.testing.assert_allclose(curves(seconds)["prediction"], [[1, 0.2], [2, 0.2]])
    assert curves(seconds)["training"] == [[1, 1], [2, 2]]
    assert [line.get_color() for line in seconds.lines] == list(COLORS[:2])


def test_without_validation_images_the_training_images_are_drawn(stats, tmp_path):
    training = stats[np.asarray(stats["split"]) == "train"]
    accuracy = statistics_plot(training, save_path=tmp_path / "s.svg").axes[0]
    assert curves(accuracy) == {"good": [[1, 0], [2, 0]]}
    assert (tmp_path / "s.svg").stat().st_size > 1000
