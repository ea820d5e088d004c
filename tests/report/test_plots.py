import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from merkhet.errors import OutputError
from merkhet.report.plots import (
    COLORS,
    asinh_stretch,
    confusion_plot,
    gallery_plot,
    history_plot,
    readable,
    reliability_plot,
    roc_plot,
    scale_bar,
)

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


def test_dollar_signs_are_no_mathematics(tmp_path):
    name = r"$\frac{"
    confusion_plot([[1, 2], [3, 4]], classes=(name, "b"), save_path=tmp_path / "c.svg")
    roc_plot({name: {"fpr": [0, 1], "tpr": [0, 1]}}, save_path=tmp_path / "r.svg")


def test_long_names_are_shortened():
    figure = confusion_plot([[1, 2], [3, 4]], classes=("x" * 60, "b"))
    assert figure.axes[0].get_yticklabels()[0].get_text() == "x" * 23 + "…"


def test_a_script_that_the_font_lacks_is_drawn_without_a_warning(tmp_path):
    confusion_plot([[1, 2], [3, 4]], classes=("銀河", "b"), save_path=tmp_path / "c.png")


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_saved_files_are_whole_and_reproducible(tmp_path, suffix):
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        figure = history_plot(HISTORY, save_path=path)
    assert isinstance(figure, Figure)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    if suffix == "svg":
        assert ET.parse(paths[0]).getroot().tag.endswith("svg")
    assert sorted(tmp_path.iterdir()) == paths  # no temporary file is left


def test_unknown_format_names_the_known_ones(tmp_path):
    with pytest.raises(OutputError, match=r"format 'xyz'; expected a suffix among .*png.*svg"):
        history_plot(HISTORY, save_path=tmp_path / "a.xyz")


def test_style_does_not_leak():
    before = dict(mpl.rcParams)
    history_plot(HISTORY)
    assert dict(mpl.rcParams) == before


def test_gallery_draws_the_first_pixel_at_the_lower_left(tmp_path):
    pixels = np.zeros((40, 40), dtype=np.float32)
    pixels[:20, :20] = 1
    gallery_plot(pixels, save_path=tmp_path / "a.png")
    drawn = np.asarray(Image.open(tmp_path / "a.png").convert("L"), dtype=float)
    height, width = drawn.shape
    corner = drawn[int(0.75 * height), int(0.4 * width)]
    assert corner > drawn[: height // 2].mean() + 50


@pytest.mark.parametrize("pixels", [np.full((8, 8), np.nan), np.zeros((8, 8)), np.ones((3, 90))])
def test_gallery_of_hopeless_images(pixels, tmp_path):
    gallery_plot(pixels.astype(np.float32), pixel_scale_arcsec=1.8, save_path=tmp_path / "a.png")


def test_stretch_matches_the_formula(rng):
    pixels = (rng.normal(2, 0.5, size=(64, 64))).astype(np.float32)
    pixels[30, 30] = 100
    median = np.median(pixels)
    sigma = 1.4826 * np.median(abs(pixels - median))
    low, high = median - 2 * sigma, median + 6 * sigma  # the percentile is lower than 6 sigma here
    stretched = asinh_stretch(pixels)
    inner = (pixels > low) & (pixels < high)
    scale = 3 * sigma
    expected = np.arcsinh((pixels - median) / scale) - np.arcsinh(-2 / 3)
    expected /= np.arcsinh(6 / 3) - np.arcsinh(-2 / 3)
    np.testing.assert_allclose(stretched[inner], expected[inner], rtol=1e-4)
    assert stretched[30, 30] == 1


@given(st.lists(st.floats(-1e6, 1e6, width=32) | st.just(float("nan")), min_size=4, max_size=64))
def test_stretch_keeps_order_and_nan(values):
    pixels = np.array(values, dtype=np.float32)[None]
    stretched = asinh_stretch(pixels)
    finite = np.isfinite(pixels)
    np.testing.assert_array_equal(np.isfinite(stretched), finite)
    assert ((stretched[finite] >= 0) & (stretched[finite] <= 1)).all()
    assert (np.diff(stretched[finite][np.argsort(pixels[finite])]) >= 0).all()


@pytest.mark.parametrize(
    ("width", "scale", "length", "text"),
    [
        (150, 1.8, 60 / 1.8, "1 arcmin"),
        (64, 1.8, 20 / 1.8, "20 arcsec"),
        (100, None, 20, "20 px"),
        (2, None, 1, "1 px"),
        (1000, 1.0, 300, "5 arcmin"),
        (1000, 36.0, 200, "2 deg"),
        (64, 0.05, 20, "1 arcsec"),
    ],
)
def test_scale_bar_is_round(width, scale, length, text):
    pixels, written = scale_bar(width, pixel_scale_arcsec=scale)
    assert pixels == pytest.approx(length)
    assert written == text


@given(st.integers(3, 4_000), st.floats(1e-3, 300))  # 4,000 pixels of 300" go almost once around the sky
def test_scale_bar_covers_at_most_a_third_and_not_too_little(width, scale):
    length, _ = scale_bar(width, pixel_scale_arcsec=scale)
    assert width / 15 * (1 - 1e-9) <= length <= width / 3 * (1 + 1e-9)


def test_column_names_in_words():
    assert [readable(name) for name in ("val_loss", "train_macro_f1", "seconds")] == [
        "validation loss",
        "training macro f1",
        "seconds",
    ]


def test_no_heavy_imports_and_no_pyplot():
    code = (
        "import sys, merkhet.report.html;"
        "print([m for m in ('torch', 'lightning', 'torchmetrics', 'matplotlib.pyplot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
