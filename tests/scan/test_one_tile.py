"""Tiles in turn, two at once: what is in the ledger afterwards is what one after the other leaves there."""

import threading
from collections.abc import Generator
from typing import Any

import pytest

from merkhet.scan import one_tile
from merkhet.scan.images import list_tiles
from merkhet.scan.ledger import Ledger
from merkhet.scan.one_tile import TileJob, forget, scan_tile, scan_tiles
from merkhet.scan.survey import _make_plan
from tests.scan.surveys import write_survey


@pytest.fixture
def survey(tmp_path, rng):
    """Jobs in two ledgers of one plan; the second of four tiles cannot be read."""
    (tmp_path / "sky").mkdir()
    paths = write_survey(tmp_path / "sky", rng, tiles=4)
    paths[1].write_bytes(paths[1].read_bytes()[:2880])
    plan = _make_plan(
        "boxes", list_tiles(paths), options={}, threshold=0.5, hdu=None, separate=False, measured=True, maps=None
    )
    ledgers = [Ledger(tmp_path / name) for name in ("one", "two")]
    for ledger in ledgers:
        ledger.open(plan, overwrite=False, inputs=paths)
    yield [[TileJob(ledger.folder, plan.fingerprint, number) for number in range(4)] for ledger in ledgers]
    forget()


def entries(jobs):
    return [Ledger(jobs[0].folder)._entry(job.number).read_text() for job in jobs]


def test_tiles_in_turn_give_what_each_alone_gives(survey):
    alone, in_turn = survey
    assert [scan_tile(job) for job in alone] == [0, 1, 2, 3]
    forget()
    assert list(scan_tiles(in_turn)) == [0, 1, 2, 3]
    assert entries(alone) == entries(in_turn)
    results = [Ledger(in_turn[0].folder).result(number) for number in range(4)]
    assert [result.rows is None for result in results] == [False, True, False, False]
    assert results[1].reject is not None
    assert results[1].reject.stage == "read"
    assert list(scan_tiles([])) == []


def test_no_more_than_two_tiles_are_in_memory_at_once(survey, monkeypatch):
    held, most, lock = set(), [0], threading.Lock()

    def begin(job):
        with lock:
            held.add(job.number)
            most[0] = max(most[0], len(held))
        return real["begin"](job)

    def finish(visit):
        number = real["finish"](visit)
        with lock:
            held.remove(number)
        return number

    real: dict[str, Any] = {"begin": one_tile.begin, "finish": one_tile.finish}
    monkeypatch.setattr(one_tile, "begin", begin)
    monkeypatch.setattr(one_tile, "finish", finish)
    assert list(scan_tiles(survey[0])) == [0, 1, 2, 3]
    assert (most, held) == ([2], set())


def test_who_stops_listening_leaves_whole_tiles_and_no_thread(survey):
    numbers = scan_tiles(survey[0])
    assert next(numbers) == 0
    assert isinstance(numbers, Generator)
    numbers.close()
    ledger = Ledger(survey[0][0].folder)
    assert [ledger.done(number) for number in range(4)] == [True, False, False, False]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("merkhet-scan")]


def test_a_fault_that_is_no_tiles_fault_ends_the_scan(survey, monkeypatch):
    def fail(*_arguments, **_options):
        raise ZeroDivisionError

    monkeypatch.setattr(one_tile, "merge", fail)
    with pytest.raises(ZeroDivisionError):
        list(scan_tiles(survey[0]))
    assert not Ledger(survey[0][0].folder).done(0)
