"""The plots of the published detector, from runs, catalogs and its own JSON."""

import json

import numpy as np
import pytest
from astropy.table import Table
from matplotlib.patches import Circle

import merkhet.report.published as plots
from merkhet.errors import InputError, OutputError
from merkhet.scan.images import read_tile
from merkhet.scan.published_json import write_published
from tests.report.scans import Scanned, make_scan

ROWS = {"x": [30.0], "y": [90.0], "probability": [0.9], "category": ["DEFINITE_HALO"], "image": ["tile0.fits"]}


@pytest.fixture(scope="module")
def scanned(tmp_path_factory) -> Scanned:
    return make_scan(tmp_path_factory.mktemp("scan"))


@pytest.fixture
def published(tmp_path):
    nowhere = {"scale_px": [64.0], "cell_x": [np.nan], "cell_y": [np.nan]}
    write_published(Table({**ROWS, **nowhere}), tmp_path / "found.json")
    return tmp_path / "found.json"


def circles(figure):
    return [patch for axes in figure.axes for patch in axes.patches if isinstance(patch, Circle)]


def test_history_of_a_run_and_of_its_file(run, tmp_path):
    whole = plots.plot_training_history(run, save_path=tmp_path / "a.png")
    again = plots.plot_training_history(run / "history.csv")
    assert [axes.get_title(loc="left") for axes in whole.axes] == [axes.get_title(loc="left") for axes in again.axes]
    assert (tmp_path / "a.png").is_file()


def test_no_history_no_plot(tmp_path):
    with pytest.raises(InputError, match=r"history\.csv"):
        plots.plot_training_history(tmp_path)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="epoch"):
        plots.plot_training_history(tmp_path / "t.csv")


def test_confusion_of_a_run(run, tmp_path):
    figure = plots.plot_confusion(run, save_path=str(tmp_path / "a.png"))
    assert figure.axes[0].get_ylabel() == "true"
    with pytest.raises(InputError, match="no scores of train"):
        plots.plot_confusion(run, split="train")


def test_map_from_catalog_result_and_json(scanned, published):
    image = scanned.folder / "tile0.fits"
    for source, number in (
        (scanned.catalog, 2),
        (scanned.detections, 2),
        (scanned.detections.table, 2),
        (published, 1),
    ):
        drawn = circles(plots.plot_survey_map(image, source))
        assert len(drawn) == number
        assert drawn[0].center == pytest.approx((30, 90), abs=0.51)
    assert circles(plots.plot_survey_map(read_tile(scanned.tiles[1]), scanned.catalog)) == []


def test_circle_has_the_size_of_the_object_or_of_the_window(scanned, published):
    image = scanned.folder / "tile0.fits"
    assert circles(plots.plot_survey_map(image, scanned.catalog))[0].radius == pytest.approx(10)  # 40" at 4" a pixel
    assert circles(plots.plot_survey_map(image, published))[0].radius == pytest.approx(32)


def test_histogram_counts_every_detection(scanned, published, tmp_path):
    for source, number in ((scanned.catalog, 2), (published, 1)):
        figure = plots.plot_confidence_histogram(source, save_path=tmp_path / "a.png")
        assert _stacked(figure) == number


def test_histogram_of_a_run_tells_right_from_wrong(run):
    figure = plots.plot_confidence_histogram(run)
    names = [label.split(" ")[0] for label in figure.axes[0].get_legend_handles_labels()[1]]
    assert sorted(names) == ["right", "wrong"]
    assert _stacked(figure) > 10


def _stacked(figure):
    """Return the sum of the heights of all bars."""
    return sum(bar.get_height() for container in figure.axes[0].containers for bar in container)


def test_nothing_found_is_drawn_too(tmp_path):
    scanned = make_scan(tmp_path / "scan", empty=True)
    image = scanned.folder / "tile0.fits"
    assert circles(plots.plot_survey_map(image, scanned.catalog)) == []
    plots.plot_confidence_histogram(scanned.catalog)
    plots.plot_sample_predictions(image, detections=scanned.catalog)
    (tmp_path / "none.json").write_text(json.dumps({"num_detections": 0, "detections": []}))
    assert circles(plots.plot_survey_map(image, tmp_path / "none.json")) == []


def test_samples_of_a_run_and_of_an_image(run, scanned, tmp_path):
    assert 3 <= len(plots.plot_sample_predictions(run, n=6).axes) <= 6
    figure = plots.plot_sample_predictions(
        scanned.folder / "tile0.fits", detections=scanned.catalog, n=1, save_path=tmp_path / "a.png"
    )
    (axes,) = figure.axes
    assert axes.get_title(loc="left").startswith("DEFINITE")
    assert len(circles(figure)) == 1
    with pytest.raises(InputError, match="Give the detections"):
        plots.plot_sample_predictions(scanned.folder / "tile0.fits")


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"detections": [{"x": 1}]}', '{"num_detections": 0}', '{"detections": [3]}'],
)
def test_other_json_is_refused(text, tmp_path):
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(InputError, match="not the published JSON"):
        plots.plot_confidence_histogram(tmp_path / "odd.json")


def test_what_is_absent_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.json"):
        plots.plot_confidence_histogram(tmp_path / "none.json")
    with pytest.raises(InputError, match="category"):
        plots.plot_confidence_histogram(Table({"x": [1.0], "y": [1.0], "probability": [0.5]}))


def test_unknown_format_is_refused(scanned, tmp_path):
    with pytest.raises(OutputError, match="doc"):
        plots.plot_confidence_histogram(scanned.catalog, save_path=tmp_path / "a.doc")
