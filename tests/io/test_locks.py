"""The lock file: one at a time, nobody waits for the dead, nothing is left behind."""

import errno
import fcntl
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from merkhet.errors import OutputError
from merkhet.io.locks import exclusive


def test_processes_take_turns(tmp_path: Path) -> None:
    """Read, add one, write: without mutual exclusion counts are lost."""
    script = """
        import os, sys
        from pathlib import Path
        from merkhet.io.locks import exclusive
        counter, lock = Path(sys.argv[1]), Path(sys.argv[2])
        children = []
        for _ in range(4):
            if not (child := os.fork()):
                for _ in range(25):
                    with exclusive(counter, lock=lock, wait_s=60):
                        number = int(counter.read_text())
                        os.sched_yield()
                        counter.write_text(str(number + 1))
                os._exit(0)
            children.append(child)
        assert all(os.waitpid(child, 0)[1] == 0 for child in children)
    """
    counter = tmp_path / "counter"
    counter.write_text("0")
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), counter, tmp_path / "lock"], check=True)
    assert counter.read_text() == "100"
    assert [entry.name for entry in tmp_path.iterdir()] == ["counter"]


def test_a_lock_held_too_long_is_reported(tmp_path: Path) -> None:
    lock = tmp_path / ".x.lock"
    with lock.open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        message = r"x\.fits: another process has been updating it for 0.1 s \(it holds .*/\.x\.lock\)\. Wait for"
        with pytest.raises(OutputError, match=message), exclusive("x.fits", lock=lock, wait_s=0.1):
            pytest.fail("two hold the lock")
    assert lock.exists()  # not ours to remove


def test_a_file_left_by_a_killed_process_stops_nobody(tmp_path: Path) -> None:
    lock = tmp_path / ".x.lock"
    lock.touch()
    with exclusive("x.fits", lock=lock, wait_s=0):
        assert lock.exists()
    assert not lock.exists()


def test_a_lock_file_removed_while_waiting_is_not_taken_for_the_lock(tmp_path: Path, monkeypatch) -> None:
    """Between our open and our lock its holder removes the file and a third process makes a new one."""
    lock, real = tmp_path / ".x.lock", fcntl.flock

    def overtaken(handle: int, operation: int) -> None:
        monkeypatch.setattr("fcntl.flock", real)
        lock.unlink()
        lock.touch()
        real(handle, operation)

    monkeypatch.setattr("fcntl.flock", overtaken)
    with exclusive("x.fits", lock=lock, wait_s=5), lock.open("w") as third, pytest.raises(BlockingIOError):
        fcntl.flock(third, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_lock_is_given_back_on_failure(tmp_path: Path) -> None:
    lock = tmp_path / ".x.lock"
    with pytest.raises(KeyboardInterrupt), exclusive("x.fits", lock=lock, wait_s=0):
        raise KeyboardInterrupt
    with exclusive("x.fits", lock=lock, wait_s=0):
        pass
    assert not lock.exists()


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch) -> None:
    def refuse(*arguments):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", refuse)
    message = "cannot be locked: Function not implemented. Work on a copy"
    with pytest.raises(OutputError, match=message), exclusive("x.fits", lock=tmp_path / ".x.lock", wait_s=0):
        pytest.fail("no lock is held")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "nowhere" / ".x.lock"
    message = r"x\.fits: cannot be written: No such file"
    with pytest.raises(OutputError, match=message), exclusive("x.fits", lock=lock, wait_s=0):
        pytest.fail("no lock is held")
