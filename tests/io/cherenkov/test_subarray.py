"""The array: telescopes in the order of their ids, and what makes two arrays different."""

from dataclasses import replace

import numpy as np
import pytest

from merkhet.io.cherenkov.camera import CameraGeometry
from merkhet.io.cherenkov.subarray import Subarray, Telescope, TelescopeType, make_subarray
from tests.io.cherenkov.files import square_pixels


def kind(name, shift=0.0, focal_length=2.0):
    x, y = square_pixels()
    return TelescopeType(name, CameraGeometry("cam", x + shift, y, np.full(16, 1e-4), "square"), focal_length)


TELESCOPES = [Telescope(7, "b", 1, 2, 3), Telescope(2, "a", 4, 5, 6), Telescope(3, "b", 7, 8, 9)]


def array(telescopes=TELESCOPES, types=None):
    return make_subarray("tiny", telescopes, types=types or [kind("a"), kind("b")])


def test_telescopes_stand_in_the_order_of_their_ids():
    mine = array()
    assert mine.telescopes["tel_id"].tolist() == [2, 3, 7]
    assert mine.slots("b").tolist() == [1, 2]
    assert mine.of_type("b")["tel_id"].tolist() == [3, 7]
    np.testing.assert_array_equal(mine.positions("b"), [[7, 8, 9], [1, 2, 3]])
    with pytest.raises(KeyError, match="no telescope type 'c'; there are a, b"):
        mine.type("c")


def test_what_cannot_be_an_array():
    with pytest.raises(ValueError, match="of type c, which is not described"):
        array([Telescope(1, "c", 0, 0, 0)])
    with pytest.raises(ValueError, match="ids are not ascending and unique"):
        array([*TELESCOPES, Telescope(2, "a", 0, 0, 0)])
    with pytest.raises(ValueError, match="two types of one name"):
        array(types=[kind("a"), kind("b"), kind("b")])
    with pytest.raises(ValueError, match="of a type that is not among the 1"):
        Subarray("x", array().telescopes, (kind("a"),))


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (array(), ""),
        (array(TELESCOPES[:2]), "only one has telescope 3"),
        (array([replace(TELESCOPES[0], x=1.5), *TELESCOPES[1:]]), "telescope 7 stands elsewhere"),
        (array([replace(TELESCOPES[0], x=1.001), *TELESCOPES[1:]]), ""),
        (array([replace(TELESCOPES[0], type="a"), *TELESCOPES[1:]]), "telescope 7 is b in one and a in the other"),
        (array(types=[kind("a"), kind("b", shift=0.001)]), "b has another camera or focal length"),
        (array(types=[kind("a"), kind("b", focal_length=2.1)]), "b has another camera or focal length"),
    ],
)
def test_the_difference_between_two_arrays_is_named(other, difference):
    assert array().difference(other) == difference


def test_a_focal_length_that_neither_file_says_is_the_same():
    assert kind("a", focal_length=np.nan).looks_like(kind("a", focal_length=np.nan))
