"""Which events are shown."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from merkhet.io.cherenkov.direction import separation_deg
from merkhet.report.event_choice import choose_events
from tests.report.event_runs import answers


def table(n=200, *, seed=0):
    found = answers(n, seed=seed, groups=n)
    found["direction_uncertainty_deg"] = np.random.default_rng(seed + 1).uniform(0.05, 0.5, n)
    return found


def error_of(found):
    angles = [np.deg2rad(np.asarray(found[name])) for name in ("alt", "az", "true_alt", "true_az")]
    return np.where(found["true_particle"] == "gamma", separation_deg(*angles), np.nan)


def test_each_event_is_what_its_rule_says():
    found = table()
    good, typical, misled, background = (choice.row for choice in choose_events(found, signal="gamma"))
    error, gammaness = error_of(found), np.asarray(found["gammaness"])
    gamma = np.isfinite(error)

    among = (error <= np.quantile(error[gamma], 0.1)) & (gammaness >= 0.5)
    assert among[good]
    assert found["true_energy"][good] == found["true_energy"][among].max()

    apart = np.abs(error - np.median(error[gamma]))
    assert apart[typical] == np.nanmin(apart)

    stated = np.asarray(found["direction_uncertainty_deg"])
    sure = gamma & (stated <= np.quantile(stated[gamma], 0.25))
    assert sure[misled]
    assert error[misled] == error[sure].max()

    assert not gamma[background]
    assert gammaness[background] == gammaness[~gamma].max()


def test_rules_name_what_they_are_of():
    rules = [choice.rule for choice in choose_events(table(), signal="gamma")]
    assert "error of direction among the smallest 10 % and a gammaness of 0.5 or more" in rules[0]
    energies = table()
    energies.remove_columns(["alt", "az"])
    assert "error of energy" in choose_events(energies, signal="gamma")[0].rule


def test_without_errors_gammaness_alone_chooses():
    found = table()
    found.remove_columns(["alt", "az", "energy", "true_energy"])
    choices = choose_events(found, signal="gamma")
    assert [choice.title for choice in choices] == ["Background most like a gamma", "Gamma most like background"]
    gamma = found["true_particle"] == "gamma"
    assert found["gammaness"][choices[1].row] == found["gammaness"][gamma].min()


def test_energy_alone_has_no_word_on_gammaness():
    found = table()
    found.remove_columns(["alt", "az", "gammaness"])
    choices = choose_events(found, signal="gamma")
    assert len(choices) == 3
    assert "gammaness" not in choices[0].rule


def test_what_is_no_answer_is_not_shown():
    found = table(40)
    found["is_valid"] = np.arange(40) < 20
    assert max(choice.row for choice in choose_events(found, signal="gamma")) < 20
    found["is_valid"] = False
    assert choose_events(found, signal="gamma") == []


@given(n=st.integers(1, 12), seed=st.integers(0, 1000), number=st.integers(0, 6))
def test_no_event_is_chosen_twice(n, seed, number):
    rows = [choice.row for choice in choose_events(table(n, seed=seed), signal="gamma", number=number)]
    assert len(set(rows)) == len(rows) <= min(n, number)


@pytest.mark.parametrize("kind", ["gamma", "proton"])
def test_one_kind_of_particle_is_enough(kind):
    found = Table(table(30))
    found["true_particle"] = kind
    assert choose_events(found, signal="gamma")
