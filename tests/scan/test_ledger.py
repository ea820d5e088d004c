"""The ledger keeps what tiles gave, and for one plan only."""

from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from merkhet.errors import InputError, OutputError
from merkhet.execute import Shard
from merkhet.io.rejects import Reject
from merkhet.scan.ledger import Ledger, Plan, TileResult


def make_plan(**changes) -> Plan:
    content = {
        "model": "m",
        "hash": "0",
        "options": {"windows": (64, 128)},
        "threshold": 0.5,
        "tiles": (("a", "a.fits", "", "b.fits"),),
        "stamps": ("1",),
        "hdu": None,
        "separate": False,
        "measured": True,
        "maps": None,
    }
    return Plan.model_validate(content | changes)


def test_rows_and_rejects_come_back_as_they_were(tmp_path):
    ledger = Ledger(tmp_path / "scan")
    plan = make_plan()
    assert not ledger.open(plan, overwrite=False, inputs=[])
    rows = Table(
        {
            "x": np.array([0.1, np.nan]),
            "flags": np.array([1, 2], dtype=np.int32),
            "label": np.array(["halo", "#"]),
        }
    )
    ledger.tick(0, TileResult(rows))
    ledger.tick(1, TileResult(None, Reject("a.fits", "read", "no such file")))
    ledger.tick(2, TileResult(rows[:0]))
    back = ledger.result(0).rows
    assert back is not None
    assert {name: back[name].dtype for name in back.colnames} == {name: rows[name].dtype for name in rows.colnames}
    assert all(np.array_equal(back[name], rows[name], equal_nan=name == "x") for name in rows.colnames)
    assert ledger.result(1).reject == Reject("a.fits", "read", "no such file")
    empty = ledger.result(2).rows
    assert empty is not None
    assert (len(empty), empty["flags"].dtype) == (0, np.int32)
    assert [ledger.done(number) for number in range(4)] == [True, True, True, False]
    assert ledger.plan().fingerprint == plan.fingerprint
    assert ledger.plan().files[0].exposure is None
    assert [ledger.leave(Shard(index, 2)) for index in (1, 1, 0)] == [False, False, True]
    ledger.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_same_plan_goes_on_and_another_is_refused(tmp_path):
    ledger = Ledger(tmp_path / "scan")
    ledger.open(make_plan(), overwrite=False, inputs=[])
    ledger.tick(0, TileResult(Table({"x": [1.0]})))
    assert ledger.open(make_plan(), overwrite=False, inputs=[])
    others: list[dict[str, Any]] = [
        {"threshold": 0.4},
        {"hash": "1"},
        {"options": {}},
        {"tiles": (("b", "b.fits", "", ""),)},
    ]
    for changes in others:
        with pytest.raises(OutputError, match="an unfinished scan of other images or with other options"):
            ledger.open(make_plan(**changes), overwrite=False, inputs=[])
    assert not ledger.open(make_plan(threshold=0.4), overwrite=True, inputs=[])
    assert not ledger.done(0)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "thesis.tex").touch()
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"scan\.json"):
            Ledger(tmp_path / "scan").open(make_plan(), overwrite=overwrite, inputs=[])
    assert (tmp_path / "scan" / "thesis.tex").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"reject": null}', '{"reject": {"a": 1}, "columns": null}'])
def test_a_damaged_entry_says_what_to_do(tmp_path, text):
    ledger = Ledger(tmp_path / "scan")
    ledger.open(make_plan(), overwrite=False, inputs=[])
    (ledger.folder / "tiles" / "000000.json").write_text(text)
    with pytest.raises(InputError, match="Remove this file and scan again"):
        ledger.result(0)
    (ledger.folder / "scan.json").write_text(text)
    with pytest.raises(InputError, match="Scan again with --overwrite"):
        ledger.plan()
