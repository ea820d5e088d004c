"""The guide: it builds without a warning, says only what is so, and its examples do what they show."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from merkhet.cli.main import app
from merkhet.config.array_experiment import ArrayExperiment, validate_experiment
from merkhet.config.base import Config
from merkhet.config.experiment import Experiment
from merkhet.config.load import apply_overrides, parse_yaml, validate
from merkhet.recipes import load_recipe
from tests.guide import DOCS, PAGES, RUN, Block, ExampleError, World, examples, parse_blocks, read_blocks, same_output

ALL_PAGES = sorted(str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("[!_]*.md"))
BLOCKS = [block for page in ALL_PAGES for block in read_blocks(page)]
COMMANDS = [(block, line) for block in BLOCKS for line in block.commands if "# exit code 2" not in line]
REMOTE = re.compile(
    r"""<(?:script|img|source|iframe)\b[^>]*\ssrc="(?:https?:)?//
    |<link\b[^>]*\srel="(?:stylesheet|preload|icon)"[^>]*\shref="(?:https?:)?//
    |@import|url\(["']?(?:https?:)?//""",
    re.VERBOSE,
)


def name(block: Any) -> str | None:
    return f"{block.page}.md:{block.line}" if isinstance(block, Block) else None


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built with warnings as errors."""
    missing = [module for module in ("sphinx", "myst_parser", "furo") if find_spec(module) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)}; install merkhet[docs]")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(out / "doctrees")]
    done = subprocess.run([*command, str(DOCS), str(out / "html")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / "html"


def page_text(site: Path, page: str) -> str:
    return (site / f"{page}.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_builds_without_a_warning_and_holds_every_page(site):
    assert {"index", "classify", "reference/experiment", "mirabest"} <= set(ALL_PAGES)
    for page in ALL_PAGES:
        assert (site / f"{page}.html").is_file(), page


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_pages_load_nothing_from_another_server(site):
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css"):
            found = REMOTE.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path.name}: {found and found[0]}"


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_reference_tells_every_key_option_and_flag(site):
    keys = page_text(site, "reference/experiment")
    for key in ("max_reject_fraction", "pixel_scale_arcsec", "t0_epochs", "freeze_levels", "squeeze_excite"):
        assert f">{key}<" in keys, key
    options = page_text(site, "reference/command_line")
    for verb in verbs():
        assert f"merkhet {verb} " in options
        assert all(option in options for option in options_of(verb)), verb
    assert "INVALID_PIXELS" in page_text(site, "reference/catalog")


@pytest.mark.parametrize(
    ("page", "remote"),
    [
        ('<script src="https://cdn.example/x.js"></script>', True),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', True),
        ("@font-face { src: url(https://fonts.example/x.woff) }", True),
        ('<script src="_static/x.js"></script><a href="https://doi.org/x">a link</a>', False),
    ],
)
def test_what_is_loaded_from_another_server_is_recognized(page, remote):
    assert bool(REMOTE.search(page)) == remote


@pytest.fixture(scope="session")
def guide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[tuple[Block, str]]]]:
    """The folder of the examples, and what each of them printed; pages are run in order."""
    folder = tmp_path_factory.mktemp("guide")
    printed = {}
    for page in PAGES:
        world = World(folder)
        printed[page] = [(block, world.run(block)) for block in examples(page)]
    return folder, printed


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("examples")
@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_the_page_shows(guide, page):
    assert guide[1][page]
    for block, printed in guide[1][page]:
        if block.shown is not None:
            assert same_output(printed, block.shown), f"{name(block)} printed\n{printed}\nbut shows\n{block.shown}"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("examples")
def test_the_page_about_runs_names_every_file_of_one(guide):
    table = (DOCS / "reference" / "run_folder.md").read_text(encoding="utf-8").split("## ")[0]
    told = {entry.rstrip("/") for cell in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for entry in code(cell)}
    # with ensembles, with --folds, with TensorBoard, with train.stats
    rarely = {"members", "folds", "logs", "stats", "stats.parquet"}
    assert {path.name for path in (guide[0] / "run").iterdir()} == told - rarely


PAGE = """Text.

```bash
merkhet train a.yaml \\
    --out run
ls run  # exit code 2
```

```text
what it prints
```

<!-- not run: it needs SLURM -->
```bash
sbatch job.sh
```
Text between.
```text
a drawing
```
"""


def test_blocks_are_read_with_their_orders_and_outputs():
    first, second, third = parse_blocks(PAGE, page="page")
    assert (first.line, first.shown, first.order) == (3, "what it prints", "")
    assert PAGE.splitlines()[slice(*first.shown_at)] == ["what it prints"]
    assert first.commands == ["merkhet train a.yaml --out run"]
    assert (second.order, second.argument, second.skipped, second.shown) == ("not run", "it needs SLURM", True, None)
    assert (third.language, third.order) == ("text", "")


@pytest.mark.parametrize(
    ("printed", "same"),
    [
        ("FRII   0.91  confident\n 2 rows ", True),
        ("FRI 0.9 likely\n12,000 rows", True),
        ("FRI 0.9 likely\n2 images", False),
        ("FRI 0.9 likely", False),
    ],
)
def test_only_numbers_and_answers_may_vary(printed, same):
    assert same_output(printed, "FRI 0.8 uncertain\n2 rows") == same


def test_an_exit_code_that_the_page_does_not_tell_is_a_fault(tmp_path):
    world = World(tmp_path)
    with pytest.raises(ExampleError, match="ended with code 2"):
        world.run(Block("page", 1, "bash", "merkhet inspect nothing"))
    assert "no such file" in world.run(Block("page", 1, "bash", "merkhet inspect nothing  # exit code 2"))


def test_no_example_is_left_out_unnoticed():
    for block in BLOCKS:
        if block.language in RUN:
            known = block.page in PAGES or block.order == "not run"
            assert known, f"{name(block)} is never run: add its page to PAGES, or say why with <!-- not run: why -->"
        if block.shown is not None:
            assert block.page in PAGES, name(block)
            assert block.language in RUN, name(block)
            assert block.order != "not run", f"{name(block)} shows output of what is not run"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "yaml"], ids=name)
def test_yaml_fits_the_schema(block):
    whole = {**load_recipe("radio_galaxies"), "data": {"table": "table.csv"}}
    validate(Experiment, {**whole, **parse_yaml(block.text, source=str(name(block)))}, source=str(name(block)))


@pytest.mark.parametrize(("block", "command"), COMMANDS, ids=name)
def test_commands_use_options_and_keys_that_exist(block, command):
    verb, *words = shlex.split(command, comments=True)[1:]
    if verb.startswith("--"):
        return
    for word in words:
        assert not word.startswith("--") or word in options_of(verb), f"merkhet {verb} has no {word}"
    changes = [word for word in words if re.match(r"[a-z_.]+=", word) and "$" not in word]
    assert not changes or verb == "train"
    arrays = next((word for word in words if word.startswith("cherenkov_")), "")
    recipe = load_recipe(arrays) if arrays else load_recipe("radio_galaxies", ["data.table=table.csv"])
    validate_experiment(apply_overrides(recipe, changes), source=str(name(block)))


def test_prose_names_options_that_exist():
    known = {"--help"}.union(*map(options_of, verbs()))
    named = {(page, word) for page, text in spans() for word in re.findall(r"(?<!\S)--[a-z][a-z-]+", text)}
    assert len(named) > 10
    assert not {(page, word) for page, word in named if word not in known}


def test_prose_names_keys_that_exist():
    schemas = (Experiment, ArrayExperiment)
    parts = "|".join(Experiment.model_fields)
    named = {(page, key) for page, text in spans() for key in re.findall(rf"^(?:{parts})(?:\.\w+)+(?![\w(])", text)}
    assert len(named) > 20
    assert not {(page, key) for page, key in named if not any(is_key(schema, key.split(".")) for schema in schemas)}


def spans() -> Iterator[tuple[str, str]]:
    """Every piece of code in the prose of the pages."""
    for page in ALL_PAGES:
        text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
        yield from ((page, span) for span in code(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)))


def code(prose: str) -> list[str]:
    return re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", prose)


def is_key(annotation: Any, keys: Sequence[str]) -> bool:
    """Whether an experiment has such a key; members of lists and mappings are taken as they come."""
    if not keys:
        return True
    if isinstance(annotation, type) and issubclass(annotation, Config):
        fields = annotation.model_fields
        return keys[0] in fields and is_key(fields[keys[0]].annotation, keys[1:])
    rest = keys[1:] if getattr(annotation, "__origin__", None) in (tuple, dict) else keys
    return any(is_key(argument, rest) for argument in getattr(annotation, "__args__", ()))


def verbs() -> list[str]:
    return [verb for verb in app if not verb.startswith("-")]


def options_of(verb: str) -> set[str]:
    arguments = app[verb].assemble_argument_collection(default_parameter=app.default_parameter)
    names = {option for argument in arguments for option in argument.names}
    return {option for option in names if option.startswith("--")}
