import numpy as np
from astropy.table import Table
from matplotlib.container import ErrorbarContainer

from merkhet.evaluate.cherenkov.effective_area import effective_area
from merkhet.evaluate.cherenkov.scores import evaluate_events
from merkhet.report.event_plots import FEWEST, effective_area_plot, resolution_plot
from tests.io.cherenkov.test_dl1_writer import RUNS
from tests.showers import predictions


def points(container):
    assert isinstance(container, ErrorbarContainer)
    return np.asarray(container.lines[0].get_xdata())


def test_methods_are_drawn_in_bins_that_hold_enough(tmp_path):
    rows = evaluate_events(Table(predictions(600)), n_bootstrap=20)["by_energy"]
    path = tmp_path / "resolution.svg"
    figure = resolution_plot({"network": rows, "trees": rows}, save_path=path)
    assert path.is_file()
    assert len(figure.axes) == 3
    drawn = figure.axes[0].containers
    assert [container.get_label() for container in drawn] == ["network", "trees"]
    assert len(points(drawn[0])) == sum(row["gammas"] >= FEWEST for row in rows)


def test_effective_areas_are_drawn_without_empty_bins():
    energy = np.full(30, 0.5)
    rows = effective_area(energy, selected=np.ones(30, dtype=bool), runs=RUNS)
    axes = effective_area_plot({"all": rows}).axes[0]
    assert len(points(axes.containers[0])) == 1
    assert axes.get_yscale() == "log"
