"""The documentation names the published networks as they are imported."""

import re
from pathlib import Path

import pytest

from merkhet.bundle.foreign import FOREIGN
from merkhet.config.load import parse_yaml

MODELS = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FOREIGN)
def test_the_table_of_published_networks_is_right(name):
    foreign = FOREIGN[name]
    row = re.search(rf"^\| `{name}` \| ([\d,]+) \| `(.+)` \|$", MODELS, re.MULTILINE)
    assert row is not None
    assert row[1] == f"{foreign.parameters:,}"
    model = foreign.experiment.model
    assert type(model).model_validate(parse_yaml(row[2], source=name)) == model
