"""Options: ranges, bins."""

import pytest

from merkhet.errors import ConfigError
from merkhet.simulate.radio_snapshots.survey import Survey


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size_px": 32}, "size_px is 32; expected 64 to 4000"),
        ({"size_px": 2002, "array": "compact"}, "size_px is 2002; expected 64 to 2000"),
        ({"size_px": 257}, "size_px is 257; expected an even number"),
        ({"array": "vla"}, "array is 'vla'; expected compact, phase1, extended"),
        ({"subbands": 5}, "subbands is 5; expected 1 to 4"),
        ({"prevalence": 1.5}, "prevalence is 1.5; expected 0 to 1"),
        ({"prevalence": float("nan")}, "prevalence is nan"),
        ({"robust": -3}, "robust is -3; expected -2 to 2"),
        ({"min_strength": 3, "max_strength": 1}, "the weakest artifact, 3, is above the strongest, 1"),
        ({"strength_edges": (1.0, 0.5)}, "expected two or more positive numbers that rise"),
        ({"strength_edges": ()}, "expected two or more positive numbers that rise"),
    ],
)
def test_bad_options_are_one_clear_line(options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Survey(**options)
    assert "\n" not in str(caught.value)


def test_strengths_fall_into_bins_and_the_first_edge_is_the_label():
    survey = Survey()
    bins = [survey.strength_bin(value) for value in (0, 0.05, 0.1, 0.2499, 0.25, 4.99, 5, 80)]
    assert bins == ["none", "<0.1", "0.1-0.25", "0.1-0.25", "0.25-0.5", "2-5", ">5", ">5"]
    assert [survey.present(value) for value in (0, 0.0999, 0.1, 0.25, 7)] == [False, False, False, True, True]
    assert [survey.faint(value) for value in (0, 0.0999, 0.1, 0.25, 7)] == [False, False, True, False, False]
