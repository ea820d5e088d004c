from typing import Any

import numpy as np
import pytest

from merkhet.report.event_answer_plots import coverage_plot, gammaness_plot, migration_plot, separation_plot


def test_histograms_hold_every_finite_answer(rng, tmp_path):
    values = np.append(rng.random(50), np.nan)
    figure: Any = gammaness_plot({"gamma": values}, save_path=tmp_path / "a.png")
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "gamma (50)"
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_coverage_says_which_share_lies_within():
    figure: Any = coverage_plot({"energy": np.linspace(0, 1, 1001)})
    assert "energy: 68.2% within" in figure.axes[0].get_legend().get_texts()[1].get_text()


def test_cells_of_energies_hold_every_gamma(rng):
    true = 10 ** rng.uniform(-1, 2, 300)
    figure: Any = migration_plot(true, true * np.exp(0.1 * rng.standard_normal(300)))
    assert np.nansum(figure.axes[0].collections[0].get_array()) == 300


def test_radii_are_those_of_the_angles(rng):
    angle = rng.rayleigh(0.1, 500)
    figure: Any = separation_plot({"this model": angle, "trees": np.full(3, np.nan)})
    (text,) = figure.axes[0].get_legend().get_texts()
    assert f"{np.quantile(angle, 0.6827):.3f}" in text.get_text()


@pytest.mark.parametrize("empty", [np.empty(0), np.full(4, np.nan)])
def test_nothing_can_be_drawn(empty):
    gammaness_plot({"gamma": empty})
    coverage_plot({"energy": empty[:0]})
    migration_plot(empty, empty)
