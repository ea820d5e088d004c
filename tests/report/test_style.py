import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from merkhet.errors import OutputError
from merkhet.report.plots import roc_plot

ROC = {"FRI": {"fpr": [0, 0.1, 1], "tpr": [0, 0.8, 1]}}


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_saved_files_are_whole_and_reproducible(tmp_path, suffix):
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        figure = roc_plot(ROC, save_path=path)
    assert isinstance(figure, Figure)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    if suffix == "svg":
        assert ET.parse(paths[0]).getroot().tag.endswith("svg")
    assert sorted(tmp_path.iterdir()) == paths  # no temporary file is left


def test_unknown_format_names_the_known_ones(tmp_path):
    with pytest.raises(OutputError, match=r"format 'xyz'; expected a suffix among .*png.*svg"):
        roc_plot(ROC, save_path=tmp_path / "a.xyz")


def test_style_does_not_leak():
    before = dict(mpl.rcParams)
    roc_plot(ROC)
    assert dict(mpl.rcParams) == before


def test_no_heavy_imports_and_no_pyplot():
    code = (
        "import sys, merkhet.report.html;"
        "print([m for m in ('torch', 'lightning', 'torchmetrics', 'matplotlib.pyplot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
