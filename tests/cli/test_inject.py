"""merkhet inject: the summary, and wrong use in one line; what it writes is tested with the scan."""

import json

import pytest

from merkhet.io.tables import read_table
from tests.cli.test_detection import field, run

__all__ = ["field"]


def test_sources_are_injected(capsys, field, tmp_path):
    out = tmp_path / "in"
    code, said, errors = run(
        capsys, "inject", field, "--out", out, "-n", 2, "--psf", 5, 1.6, "--kind", "ring", "--json"
    )
    assert (code, errors) == (0, [])
    assert json.loads(said) == {"table": str(out / "truth.ecsv"), "n": 2, "seed": 1}
    assert list(read_table(out / "truth.ecsv")["kind"]) == ["ring", "ring"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inject", "--out", "x"], "there are no images"),
        (["inject", "none.fits", "--out", "x"], "none.fits"),
        (["inject", "none.fits", "--out", "x", "--snr", "30", "10"], "snr is 30 to 10"),
        (["inject", "none.fits", "--out", "x", "--n", "0"], "Must be >= 1"),
    ],
)
def test_wrong_use_is_one_line(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, errors = run(capsys, *arguments)
    assert code == 2
    assert len(errors) == 1, errors
    assert message in errors[0]
    assert not (tmp_path / "x").exists()
