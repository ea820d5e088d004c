"""Atomic writes: the old file or the new one, and clear refusals."""

import errno
import os
from pathlib import Path

import pytest

from merkhet.errors import OutputError
from merkhet.io.atomic import atomic_path, prepare_folder, refuse_existing, write_text


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "a.csv"
    write_text(path, "one")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        assert temporary.suffix == ".csv"
        raise RuntimeError
    assert path.read_text() == "one"
    assert [p.name for p in path.parent.iterdir()] == ["a.csv"]


def test_the_mode_of_the_old_file_is_kept_and_a_new_one_follows_the_umask(tmp_path):
    path = tmp_path / "a"
    old = os.umask(0o027)
    try:
        write_text(path, "1")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o604)
    write_text(path, "2")
    assert path.stat().st_mode & 0o777 == 0o604


def test_a_full_disk_is_one_clear_line_and_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_text(path, "old")

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="cannot be written: No space left on device"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_text(tmp_path / "file" / "a", "x")
    with pytest.raises(OutputError, match="cannot be written"):
        prepare_folder(tmp_path / "file" / "a", marker="run.json")


def test_an_output_that_exists_is_refused(tmp_path):
    assert refuse_existing(tmp_path / "new") == tmp_path / "new"
    (tmp_path / "empty").mkdir()
    assert refuse_existing(tmp_path / "empty") == tmp_path / "empty"
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("dangling", "."):
        with pytest.raises(OutputError, match="it exists already"):
            refuse_existing(tmp_path / name)


def test_overwrite_clears_a_folder_but_does_not_follow_links_out_of_it(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data").write_text("x")
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "link").symlink_to(precious)
    (out / "run.json").write_text("{}")
    with pytest.raises(OutputError):
        prepare_folder(out, marker="run.json")
    prepare_folder(out, marker="run.json", overwrite=True)
    assert list(out.iterdir()) == []
    assert (precious / "data").is_file()


def test_overwrite_never_clears_what_is_not_ours_or_is_needed(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years")
    with pytest.raises(OutputError, match=r"holds no run\.json, so it is no earlier output"):
        prepare_folder(out, marker="run.json", overwrite=True)
    (out / "run.json").write_text("{}")
    with pytest.raises(OutputError, match=r"holds .*thesis\.tex, which is needed"):
        prepare_folder(out, marker="run.json", overwrite=True, inputs=[None, out / "thesis.tex"])
    monkeypatch.chdir(out)
    with pytest.raises(OutputError, match="which is needed"):
        prepare_folder(tmp_path, marker="run.json", overwrite=True)
    assert (out / "thesis.tex").read_text() == "years"


def test_paths_may_be_text(tmp_path):
    write_text(str(tmp_path / "a"), "x")
    assert Path(tmp_path / "a").read_text() == "x"
