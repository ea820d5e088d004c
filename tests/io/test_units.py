"""Units as headers spell them: the same where they mean the same, and only there."""

import pytest

from merkhet.io.units import same_unit


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("JY/BEAM", "Jy beam-1", True),
        ("Jy/beam", "Jy / beam", True),
        ("counts", "ct", True),
        ("count", "counts", True),
        ("mJy/sr", "MJy/sr", False),
        ("Jy/beam", "mJy/beam", False),
        ("furlong/x", "furlong / x", True),
        ("furlong/x", "Furlong/x", False),
    ],
)
def test_units_are_compared_by_meaning(first, second, same):
    assert same_unit(first, second) is same
    assert same_unit(second, first) is same
