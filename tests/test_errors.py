"""Errors: one line, and they survive the trip between processes."""

import pickle

from merkhet.errors import InputError, OutputError


def test_the_message_names_file_sight_expectation_and_action():
    error = InputError("a.fits", "image is 3-D", expected="2-D", action="Select a plane")
    assert str(error) == "a.fits: image is 3-D; expected 2-D. Select a plane"
    assert str(InputError("a.fits", "no such file")) == "a.fits: no such file"


def test_errors_can_be_pickled():
    error = OutputError("out", "exists", expected="nothing", action="Move it")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is OutputError
    assert (str(copy), copy.reason) == (str(error), error.reason)
