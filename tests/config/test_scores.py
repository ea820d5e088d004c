import pytest

from merkhet.config.load import validate
from merkhet.config.scores import Scores
from merkhet.errors import ConfigError


def test_half_a_percent_and_one_to_three_are_the_rule():
    scores = Scores()
    assert (scores.false_alarm_rate, scores.prevalence) == (0.005, (0.01, 0.02, 0.03))
    assert scores.statistics == ("pixels",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"strength_edges": [1, 0.5]}, "do not rise"),
        ({"false_alarm_rate": 1}, "less than 1"),
        ({"prevalence": [0]}, "greater than 0"),
        ({"statistics": ["radoi"]}, "'pixels' or 'radio'"),
    ],
)
def test_faults_are_named(content, said):
    with pytest.raises(ConfigError, match=said):
        validate(Scores, content, source="scores.yaml")
