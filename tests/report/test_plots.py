import numpy as np

from merkhet.report.plots import confusion_plot, precision_recall_plot, reliability_plot, roc_plot
from merkhet.report.style import COLORS


def test_confusion_shows_counts_and_shares():
    figure = confusion_plot([[30, 10], [0, 5]], classes=("FRI", "FRII"))
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["30\n75%", "10\n25%", "0\n0%", "5\n100%"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["FRI", "FRII"]
    np.testing.assert_allclose(np.asarray(axes.images[0].get_array()), np.array([[0.75, 0.25], [0, 1]]))


def test_confusion_of_an_absent_class_is_no_division_by_zero():
    figure = confusion_plot([[0, 0], [1, 3]], classes=("a", "b"))
    assert figure.axes[0].texts[0].get_text() == "0\n0%"


def test_confusion_of_many_classes_has_a_color_bar_in_place_of_numbers():
    figure = confusion_plot(np.eye(20, dtype=int), classes=[f"class {k}" for k in range(20)])
    assert not figure.axes[0].texts
    assert figure.axes[1].get_ylabel() == "share of the true class"


def test_confusion_of_labels_is_one_panel_each():
    matrices = [[[5, 1], [2, 3]], [[8, 0], [1, 2]]]
    figure = confusion_plot(matrices, classes=("stripes", "rings"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["stripes", "rings"]


def test_roc_draws_each_class_and_chance():
    curve = {"fpr": [0, 0.1, 1], "tpr": [0, 0.8, 1]}
    figure = roc_plot({"FRI": curve, "FRII": curve}, areas={"FRI": "AUC 0.9"})
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["chance", "FRI  AUC 0.9", "FRII"]
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_ydata(), curve["tpr"])
    assert [line.get_color() for line in figure.axes[0].lines[1:]] == list(COLORS[:2])


def test_precision_recall_is_drawn_as_steps_above_the_prevalence():
    curves = {"FRI": {"recall": [0.5, 1.0], "precision": [1.0, 0.8]}, "FRII": {"recall": [1.0], "precision": [0.6]}}
    prevalence = {"FRI": 0.4, "FRII": 0.6}
    figure = precision_recall_plot(curves, prevalence=prevalence, areas={"FRI": "AP 0.9"})
    axes = figure.axes[0]
    steps = [line for line in axes.lines if line.get_drawstyle() == "steps-pre"]
    assert [np.asarray(line.get_xdata()).tolist() for line in steps] == [[0, 0.5, 1], [0, 1]]
    assert [np.asarray(line.get_ydata()).tolist() for line in steps] == [[1, 1, 0.8], [0.6, 0.6]]
    dashed = [line for line in axes.lines if line.get_linestyle() == "--" and len(np.asarray(line.get_xdata()))]
    assert [np.asarray(line.get_ydata()).tolist() for line in dashed] == [[0.4, 0.4], [0.6, 0.6]]
    assert [line.get_color() for line in dashed] == [line.get_color() for line in steps] == list(COLORS[:2])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["FRI  AP 0.9", "FRII", "prevalence"]


def test_many_classes_have_no_legend():
    names = [f"class {k}" for k in range(20)]
    curves = {name: {"recall": [1.0], "precision": [0.05]} for name in names}
    figure = precision_recall_plot(curves, prevalence=dict.fromkeys(names, 0.05))
    assert not figure.legends
    assert roc_plot({name: {"fpr": [0, 1], "tpr": [0, 1]} for name in names}).axes[0].get_legend() is None


def test_dollar_signs_are_no_mathematics(tmp_path):
    name = r"$\frac{"
    confusion_plot([[1, 2], [3, 4]], classes=(name, "b"), save_path=tmp_path / "c.svg")
    roc_plot({name: {"fpr": [0, 1], "tpr": [0, 1]}}, save_path=tmp_path / "r.svg")


def test_long_names_are_shortened():
    figure = confusion_plot([[1, 2], [3, 4]], classes=("x" * 60, "b"))
    assert figure.axes[0].get_yticklabels()[0].get_text() == "x" * 23 + "…"


def test_a_script_that_the_font_lacks_is_drawn_without_a_warning(tmp_path):
    confusion_plot([[1, 2], [3, 4]], classes=("銀河", "b"), save_path=tmp_path / "c.png")


def test_reliability_plot_shows_every_bin_with_its_interval():
    bins = [
        {"confidence": 0.6, "accuracy": 0.5, "low": 0.3, "high": 0.7, "count": 20},
        {"confidence": 0.9, "accuracy": 1.0, "low": 0.8, "high": 1.0, "count": 20},
    ]
    figure = reliability_plot(bins)
    (axes,) = figure.axes
    line = next(line for line in axes.lines if line.get_marker() == "o")
    np.testing.assert_allclose(np.asarray(line.get_ydata(), dtype=float), [0.5, 1.0])
    assert axes.get_xlabel() == "probability of the answer"
