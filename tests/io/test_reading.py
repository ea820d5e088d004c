import os
import threading
import warnings

import pytest
from astropy import log
from astropy.utils.exceptions import AstropyUserWarning

from merkhet.errors import InputError
from merkhet.io.reading import existing_file, first_line, quiet_astropy, read_errors


def test_only_a_file_that_holds_something_will_do(tmp_path):
    (tmp_path / "good").write_text("x")
    assert existing_file(str(tmp_path / "good")) == tmp_path / "good"
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, match in (("none", "no such file"), ("", "is a folder"), ("empty", "0 bytes"), ("pipe", "regular"),
                        ("good/x", "Not a directory"), ("x" * 300, "too long"), ("loop", "symbolic links"),
                        ("a\0b", "null")):  # fmt: skip
        with pytest.raises(InputError, match=match):
            existing_file(tmp_path / name)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bad\nmore"), "bad"),
        (KeyError("NAXIS1"), "KeyError 'NAXIS1'"),
        (AssertionError(), "AssertionError"),
        (OSError(13, "whatever"), "Permission denied"),
        (OSError("Header missing END card."), "Header missing END card"),
    ],
)
def test_first_line(error, text):
    assert first_line(error) == text


def test_whatever_is_raised_becomes_one_line_but_our_own_errors_pass():
    expected = r"^f: cannot be read as FITS: ZeroDivisionError x$"
    with pytest.raises(InputError, match=expected) as caught, read_errors("f", "FITS"):
        raise ZeroDivisionError("x")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(InputError, match=r"^g: mine$"), read_errors("f", "FITS"):
        raise InputError("g", "mine")
    with pytest.raises(InputError, match="takes more memory than there is"), read_errors("f", "FITS"):
        raise MemoryError
    with pytest.raises(KeyboardInterrupt), read_errors("f", "FITS"):
        raise KeyboardInterrupt


def test_astropy_is_muted_and_others_are_not():
    with quiet_astropy:
        warnings.warn("x", AstropyUserWarning, stacklevel=1)
        with pytest.raises(UserWarning), quiet_astropy:
            warnings.warn("mine", UserWarning, stacklevel=1)
        warnings.warn("x", AstropyUserWarning, stacklevel=1)
    with pytest.raises(AstropyUserWarning):
        warnings.warn("x", AstropyUserWarning, stacklevel=1)


def test_threads_that_overlap_leave_the_filters_as_they_were():
    before, level = list(warnings.filters), log.disabled
    barrier, failures = threading.Barrier(2), []

    def work(first: bool) -> None:
        try:
            for _ in range(50):
                barrier.wait()
                with quiet_astropy:
                    if first:
                        barrier.wait()  # leaves while the other is still inside
                    warnings.warn("x", AstropyUserWarning, stacklevel=1)
                    if not first:
                        barrier.wait()
                        barrier.wait()
                        warnings.warn("x", AstropyUserWarning, stacklevel=1)
                if first:
                    barrier.wait()
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=work, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(warnings.filters) == before and log.disabled == level
