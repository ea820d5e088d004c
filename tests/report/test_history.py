from typing import Any

import matplotlib as mpl
import numpy as np

from merkhet.report.history import history_plot, readable, rows_of_trainings
from merkhet.report.style import COLORS

HISTORY: dict[str, Any] = {
    "epoch": [1, 2, 3],
    "lr": [1e-3, 5e-4, 0.0],
    "val_loss": [1.0, np.nan, 0.6],
    "train_loss": [0.9, 0.5, 0.4],
    "val_accuracy": [0.5, 0.6, 0.7],
    "gradient_norm": [3.0, 2.0, 1.0],
    "seconds": [10.0, 10.0, 10.0],
}


def texts(figure):
    """All the text of a figure's axes, titles and legends."""
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def test_history_sorts_columns_into_labelled_panels():
    figure = history_plot(HISTORY, kept_epoch=2)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss", "Scores", "Learning rate", "Gradient norm"]
    assert all(axes.get_xlabel() == "epoch" and axes.get_ylabel() for axes in figure.axes)
    loss = figure.axes[0]
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), HISTORY["train_loss"])
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), HISTORY["val_loss"])
    np.testing.assert_array_equal(loss.lines[2].get_xdata(), [2, 2])
    assert "kept: epoch 2" in texts(figure)
    assert loss.lines[1].get_color() == figure.axes[1].lines[0].get_color() == COLORS[1]  # both of validation


def test_history_of_one_epoch_and_one_column():
    figure = history_plot({"epoch": [1], "train_loss": [0.5]})
    assert len(figure.axes) == 1


def test_column_names_in_words():
    assert [readable(name) for name in ("val_loss", "train_macro_f1", "seconds")] == [
        "validation loss",
        "training macro f1",
        "seconds",
    ]


def several(**numbers):
    """The same training as often as the numbers say, one after another."""
    times = len(next(iter(numbers.values())))
    return {name: np.repeat(column, 3) for name, column in numbers.items()} | {
        name: np.tile(np.asarray(column, dtype=float), times) for name, column in HISTORY.items()
    }


def test_each_training_is_a_thin_line_of_the_same_color():
    history = several(fold=[1, 1, 2, 2], member=[1, 2, 1, 2])
    assert [rows.tolist() for rows in rows_of_trainings(history)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    figure = history_plot(history)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss", "Scores", "Learning rate", "Gradient norm"]
    loss = figure.axes[0]
    assert [line.get_color() for line in loss.lines] == [COLORS[0]] * 4 + [COLORS[1]] * 4
    assert all(line.get_linewidth() < 1 and line.get_marker() == "None" for line in loss.lines)
    assert all(np.asarray(line.get_xdata()).tolist() == [1, 2, 3] for line in loss.lines)
    legend = loss.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["training loss", "validation loss"]


def test_rows_of_a_training_need_not_stand_together():
    history = {"epoch": [1, 1, 2, 2], "member": [2, 1, 2, 1]}
    assert [rows.tolist() for rows in rows_of_trainings(history)] == [[1, 3], [0, 2]]


def test_the_parts_of_a_loss_have_panels_of_their_own():
    names = ("train_loss", "val_loss", "whole_train_loss", "train_energy_loss", "val_energy_loss", "val_accuracy")
    figure = history_plot({"epoch": [1, 2], **{name: [1.0, 0.5] for name in names}})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss", "Scores", "Energy loss"]
    assert [len(axes.lines) for axes in figure.axes] == [3, 1, 2]
