"""Imports run downwards: from a layer to those below it, and within a layer to packages further left."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import merkhet

ROOT = Path(merkhet.__file__).parent
LAYERS = [
    ["errors", "execute", "terminal", "config", "io"],
    ["data", "models", "simulate"],
    ["evaluate", "tasks", "bundle"],
    ["train", "infer", "scan", "report"],
    ["recipes", "cli"],
]
ORDER = {name: place for place, name in enumerate(name for layer in LAYERS for name in layer)}
FILES = sorted(
    path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.name not in ("__init__.py", "__main__.py")
)


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split(".")[1] for name in names if name.startswith("merkhet.")}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards(path):
    mine = package_of(path)
    assert mine in ORDER, f"{mine} has no place among the layers"
    upwards = {name for name in imports_of(path) if ORDER[name] > ORDER[mine]}
    assert not upwards, f"{path.relative_to(ROOT)} imports {upwards} from above"


NO_TORCH = ["merkhet", "merkhet.cli", "merkhet.config.experiment", "merkhet.io.fits", "merkhet.io.tables",
            "merkhet.io.headers", "merkhet.data.pack", "merkhet.simulate.radio_galaxies", "merkhet.simulate.halos",
            "merkhet.simulate.radio_snapshots",
            "merkhet.evaluate.scores",
            "merkhet.infer.inspect"]  # fmt: skip
NO_LIGHTNING = [
    "merkhet.infer.predict",
    "merkhet.report.html",
    "merkhet.tasks.classify",
    "merkhet.bundle.store",
    "merkhet.train.evaluate",
]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [(m, ("torch", "lightning")) for m in NO_TORCH] + [(m, ("lightning", "torchmetrics")) for m in NO_LIGHTNING],
)
def test_light_modules_stay_light(module, heavy):
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_help_imports_neither_torch_nor_lightning():
    code = (
        "import sys\nfrom merkhet.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'lightning', 'astropy', 'pydantic') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"
