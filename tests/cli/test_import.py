"""``merkhet import``, and the other verbs on what it makes."""

import json

import numpy as np
import torch
from astropy.io import fits

from merkhet.cli import main
from merkhet.io.tables import read_table
from tests.bundle.published import published


def test_an_imported_model_is_inspected_and_predicts_as_any_other(capsys, tmp_path, rng):
    torch.save({"model_state_dict": published("halo_lite").state_dict(), "epoch": 3}, tmp_path / "best.pth")
    assert main(["import", str(tmp_path / "best.pth"), str(tmp_path / "halo"), "--as", "halo_lite", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["parameters"] == 105_953
    assert main(["inspect", str(tmp_path / "halo")]) == 0
    shown = capsys.readouterr().out
    assert "elsewhere; imported" in shown
    assert "best.pth as halo_lite, SHA-256" in shown
    for name, size in (("a", 64), ("b", 128)):
        fits.writeto(tmp_path / f"{name}.fits", rng.poisson(0.5, (size, size)).astype(np.float32))
    files = [str(tmp_path / f"{name}.fits") for name in "ab"]
    assert main(["predict", str(tmp_path / "halo"), *files, "--out", str(tmp_path / "c.csv"), "--quiet"]) == 0
    table = read_table(tmp_path / "c.csv")
    assert set(table["model"]) == {said["hash"]}
    assert [bool(flags & 4) for flags in table["flags"]] == [False, True]
