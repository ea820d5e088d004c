"""Header updates that go wrong: refused, interrupted, killed, concurrent. The file is never harmed."""

import errno
import fcntl
import gzip
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from merkhet.errors import InputError, OutputError
from merkhet.io import headers
from merkhet.io.headers import update_header

VALUES: dict[str, str | float] = {"CNNVER": "1.0", "GOOD": 0.9, "RFI": 0.07, "NSRC": 12}


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.arange(20000, dtype=np.float32).reshape(100, 200)).writeto(path)
    return path


def assert_alone(path: Path) -> None:
    """No lock, no temporary file is left beside the file."""
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


# --- refused by the system --------------------------------------------------------------------------------------------


@pytest.fixture
def unprivileged(plain: Path) -> Iterator[Path]:
    """A copy of ``plain`` owned by a user whom permissions bind, and this process acting as that user."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(plain, folder))
        if root:
            os.chown(folder, 65534, -1)
            os.chown(path, 65534, -1)
            os.seteuid(65534)
        yield path
        if root:
            os.seteuid(0)


def test_read_only_folder_and_file(unprivileged: Path) -> None:
    before = unprivileged.read_bytes()
    unprivileged.parent.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written: Permission denied"):
        update_header(unprivileged, VALUES)
    unprivileged.parent.chmod(0o700)
    unprivileged.chmod(0o400)
    with pytest.raises(OutputError, match="is read-only"):
        update_header(unprivileged, VALUES)
    unprivileged.chmod(0o200)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        update_header(unprivileged, VALUES)
    unprivileged.chmod(0o600)
    assert unprivileged.read_bytes() == before
    assert_alone(unprivileged)


# --- failures at every step -------------------------------------------------------------------------------------------


def refuse(code: int):
    def call(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("os.open", errno.EROFS),
        ("pathlib.Path.touch", errno.EACCES),
        ("merkhet.io.headers._copy", errno.ENOSPC),
        ("shutil.copystat", errno.EIO),
        ("os.utime", errno.EIO),
        ("os.fsync", errno.ENOSPC),
        ("os.replace", errno.EBUSY),
    ],
)
def test_refused_step_leaves_the_original(plain: Path, monkeypatch, target: str, code: int, zipped: bool) -> None:
    if zipped:
        plain.write_bytes(gzip.compress(plain.read_bytes()))
    before = plain.read_bytes()
    with monkeypatch.context() as patch, pytest.raises(OutputError) as caught:
        patch.setattr(target, refuse(code))
        update_header(plain, VALUES)
    assert f"{plain}: cannot be written: {os.strerror(code)}" in str(caught.value)
    assert plain.read_bytes() == before
    assert_alone(plain)


@pytest.mark.parametrize("zipped", [False, True])
def test_disk_that_fills_up_while_writing(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "large.fits"
    fits.PrimaryHDU(np.random.default_rng(0).normal(size=400_000)).writeto(path)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes(), 1))
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))  # the kernel refuses the write half-way
    try:
        with pytest.raises(OutputError, match=r"large.fits: cannot be written: File too large"):
            update_header(path, VALUES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert_alone(path)


def test_interruption_leaves_the_original(plain: Path, monkeypatch) -> None:
    before = plain.read_bytes()

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        update_header(plain, VALUES)
    assert plain.read_bytes() == before
    assert_alone(plain)


def test_folder_that_cannot_be_synced_is_no_failure(plain: Path, monkeypatch) -> None:
    real = os.fsync

    def files_only(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(handle)

    monkeypatch.setattr("os.fsync", files_only)
    update_header(plain, VALUES)
    assert fits.getheader(plain)["NSRC"] == 12


def test_file_changed_by_another_program_meanwhile(plain: Path, monkeypatch) -> None:
    real = shutil.copystat

    def meddle(source: Path, target: Path) -> None:
        real(source, target)
        with plain.open("ab") as stream:
            stream.write(b"more")

    monkeypatch.setattr("shutil.copystat", meddle)
    with pytest.raises(InputError, match="another program changed it"):
        update_header(plain, VALUES)
    assert plain.read_bytes().endswith(b"more")
    assert_alone(plain)


def test_damage_at_the_end_of_a_gzip_file_is_found(plain: Path) -> None:
    content = bytearray(gzip.compress(plain.read_bytes()))
    content[-6] ^= 1  # the stored sum of the content
    plain.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read: CRC check failed"):
        update_header(plain, VALUES)
    assert plain.read_bytes() == content
    assert_alone(plain)


# --- links, modes, locks, kills ---------------------------------------------------------------------------------------


def test_links_stay_links_and_mode_and_owner_are_kept(plain: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.fits"
    link.parent.mkdir()
    link.symlink_to(Path("..") / plain.name)
    plain.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(plain, 12345, 12346)
    before = plain.stat()
    update_header(link, VALUES)
    after = plain.stat()
    assert link.is_symlink()
    assert fits.getheader(plain)["NSRC"] == 12
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_mtime_ns > before.st_mtime_ns
    assert_alone(link)


def test_owner_that_may_not_be_given_is_no_failure(plain: Path, monkeypatch) -> None:
    monkeypatch.setattr("os.chown", refuse(errno.EPERM))
    update_header(plain, VALUES)
    assert fits.getheader(plain)["NSRC"] == 12


def test_leftovers_of_a_killed_update_are_removed(plain: Path) -> None:
    (plain.parent / ".image.fits.merkhet-partial").write_bytes(b"half")
    (plain.parent / ".image.fits.lock").touch()
    update_header(plain, {})
    assert_alone(plain)


def test_an_update_waits_for_its_turn(plain: Path, monkeypatch) -> None:
    monkeypatch.setattr(headers, "LOCK_WAIT_S", 0.05)
    before = plain.read_bytes()
    with (plain.parent / ".image.fits.lock").open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match=r"another process has been updating it for 0\.05 s"):
            update_header(plain, VALUES)
        assert plain.read_bytes() == before
    update_header(plain, VALUES)
    assert_alone(plain)


def run_script(script: str, *arguments: str | Path) -> str:
    """Run a script in a process of its own, since it forks."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_concurrent_updates_all_survive(plain: Path) -> None:
    script = """
        import os, sys
        from merkhet.io.headers import update_header
        def work(name):
            for number in range(15):
                update_header(sys.argv[1], {f"{name}{number}": number, "LAST": name})
        children = []
        for name in "ABCD":
            if not (child := os.fork()):
                work(name)
                os._exit(0)
            children.append(child)
        assert all(os.waitpid(child, 0)[1] == 0 for child in children)
    """
    pixels = fits.getdata(plain)
    run_script(script, plain)
    header = fits.getheader(plain)
    expected = {f"{name}{number}" for name in "ABCD" for number in range(15)}
    assert all(header[name] == int(name[1:]) for name in expected)
    assert np.array_equal(fits.getdata(plain), pixels)
    assert_alone(plain)


def test_a_kill_at_any_moment_leaves_the_old_or_the_new_file(plain: Path) -> None:
    """SIGKILL in random moments and at each system call that matters; old and new differ in one card."""
    script = """
        import os, random, signal, sys, time
        from pathlib import Path
        from merkhet.io.headers import update_header
        path, random = Path(sys.argv[1]), random.Random(0)
        began = time.monotonic()
        update_header(path, {"COUNT": 0})
        took = time.monotonic() - began
        reference = path.read_bytes()
        place = reference.index(b"COUNT   =")
        partials = 0

        def check():
            global partials
            content = path.read_bytes()
            assert content[:place] + content[place + 80:] == reference[:place] + reference[place + 80:]
            assert content[place:place + 9] == b"COUNT   ="
            partials += path.with_name(f".{path.name}.merkhet-partial").exists()
            return int(content[place + 10:place + 30])

        def run(work, delay):
            if not (child := os.fork()):
                work()
                os._exit(1)
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return check()

        def work():
            number = check()
            while True:
                number += 1
                update_header(path, {"COUNT": number})

        last = [run(work, random.uniform(0, 4 * took)) for _ in range(40)][-1]
        assert last > 0
        assert partials > 0  # some kills came in the middle

        def suicide(*arguments, **options):
            os.kill(os.getpid(), signal.SIGKILL)

        for module, name in ((os, "chown"), (os, "utime"), (os, "fsync"), (os, "replace")):
            def work():
                setattr(module, name, suicide)
                update_header(path, {"COUNT": -1})
            assert run(work, 0.2) == last
        update_header(path, {"COUNT": -1})
        assert check() == -1
    """
    plain.write_bytes(plain.read_bytes() + os.urandom(3 << 20))
    run_script(script, plain)
    assert_alone(plain)
