"""The examples of the guide: the code blocks of its pages, run in order in one folder, and what they print.

``python -m tests.guide FOLDER`` runs them all in a folder that it makes and writes what they print into the pages.
:mod:`tests.test_docs` runs them too, and fails where a page shows something else.

In the Markdown, a comment before a block says what is to be done with it: ``<!-- not run: why -->`` leaves it out,
``<!-- file: name -->`` saves it, ``<!-- needs: package -->`` runs it where the package is. A ``text`` block right
after a block shows what that prints. A command that must not end with code 0 says so: ``# exit code 3``.
"""

import contextlib
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

from merkhet.cli import main

DOCS = Path(__file__).parents[1] / "docs"
PAGES = (
    "install",
    "classify",
    "scores",
    "finetune",
    "predict",
    "packs",
    "cluster",
    "own_model",
    "folds",
    "radio_galaxies",
    "scan",
    "halos",
    "radio_quality",
    "cherenkov",
)
"""Pages with examples, in the order in which they build on each other; the others hold none that is run."""
RUN = ("bash", "python")
FENCE = re.compile(r"^```(.*)$")
ORDER = re.compile(r"^<!-- (not run|file|needs): (.+) -->$")


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    Attributes
    ----------
    page, line
        Where it stands; the line of its opening fence, from 1.
    language
        What it is written in.
    text
        The code.
    order, argument
        What a comment says of it: ``not run``, ``file``, ``needs``, or nothing.
    shown
        What the page says that it prints; None where the page does not say.
    shown_at
        Where that stands among the page's lines, without its fences: start and stop of a slice.
    """

    page: str
    line: int
    language: str
    text: str
    order: str = ""
    argument: str = ""
    shown: str | None = None
    shown_at: tuple[int, int] = (0, 0)

    @property
    def skipped(self) -> bool:
        """Whether the block is left out here."""
        return self.order == "not run" or (self.order == "needs" and find_spec(self.argument) is None)

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block that call Merkhet, each with its continuations."""
        lines = shell_lines(self.text) if self.language == "bash" else []
        return [line.removeprefix("srun ") for line in lines if re.match(r"(srun )?merkhet ", line)]


class ExampleError(Exception):
    """An example did not do what its page says."""


@dataclass
class World:
    """The folder in which the examples live, and what Python knows there."""

    folder: Path
    names: dict[str, Any] = field(default_factory=dict)

    def run(self, block: Block) -> str:
        """Do what a block says and return what it prints.

        Raises
        ------
        ExampleError
            A command ended with another code than the page says.
        """
        if block.order == "file":
            (self.folder / block.argument).write_text(block.text, encoding="utf-8")
            return ""
        with contextlib.chdir(self.folder):
            return self._python(block) if block.language == "python" else self._shell(block)

    def _python(self, block: Block) -> str:
        with _captured() as printed, patch.object(sys, "path", [str(self.folder), *sys.path]):
            exec(compile(block.text, f"{block.page}.md:{block.line}", "exec"), self.names)
        return printed.getvalue()

    def _shell(self, block: Block) -> str:
        printed = ""
        for command in shell_lines(block.text):
            told = re.search(r"# exit code (\d+)", command)
            code, said = (_merkhet if command.startswith("merkhet ") else _bash)(command)
            printed += said
            if code != int(told[1] if told else 0):
                raise ExampleError(f"{block.page}.md:{block.line}: {command}\nended with code {code}:\n{said}")
        return printed


def _merkhet(command: str) -> tuple[int, str]:
    """Run the command line in this process: importing torch and lightning takes longer than most examples."""
    words = shlex.split(command, comments=True)[1:]
    target = words[words.index(">") + 1] if ">" in words else None
    with _captured() as printed:
        code = main(words[: words.index(">")] if target else words)
    if target:
        Path(target).write_text(printed.getvalue(), encoding="utf-8")
    return code, "" if target else printed.getvalue()


def _bash(command: str) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        yield printed


def shell_lines(text: str) -> list[str]:
    """Return the commands of a shell block; a backslash at the end of a line continues it."""
    return re.sub(r"\\\n\s*", "", text).splitlines()


def read_blocks(page: str) -> list[Block]:
    """Return the code blocks of a page."""
    return parse_blocks((DOCS / f"{page}.md").read_text(encoding="utf-8"), page=page)


def parse_blocks(markdown: str, *, page: str) -> list[Block]:
    """Return the code blocks of a text, each with the output that is shown right after it."""
    lines = markdown.splitlines()
    blocks: list[Block] = []
    order = ("", "")
    adjoins = False  # nothing but blank lines stands between the last block and here
    number = 0
    while number < len(lines):
        line = lines[number]
        if fence := FENCE.match(line):
            end = lines.index("```", number + 1)
            text = "\n".join(lines[number + 1 : end])
            if fence[1] == "text" and adjoins:
                blocks[-1] = replace(blocks[-1], shown=text, shown_at=(number + 1, end))
            else:
                blocks.append(Block(page, number + 1, fence[1], text, *order))
            number, order, adjoins = end, ("", ""), True
        elif line.strip():
            told = ORDER.match(line)
            order, adjoins = (told[1], told[2]) if told else ("", ""), False
        number += 1
    return blocks


def examples(page: str) -> list[Block]:
    """Return the blocks of a page that are run or saved here."""
    blocks = [block for block in read_blocks(page) if block.language in RUN or block.order == "file"]
    return [block for block in blocks if not block.skipped]


VARIES = {
    r"\b[0-9a-f]{16}\b": "HASH",
    r"\bFRII?\b": "CLASS",
    r"\b(confident|likely|uncertain)\b": "CATEGORY",
    r"[+-]?\b\d[\d,]*(\.\d+)?(e[+-]?\d+)?\b": "NUMBER",
    r"-{3,}": "---",
    r"[^\S\n]+": " ",
}
"""What may differ from machine to machine: networks end with other weights, and columns are as wide as numbers."""


def same_output(printed: str, shown: str) -> bool:
    """Whether two outputs are the same but for numbers, answers of a network, and the width of columns."""
    return _constant_part(printed) == _constant_part(shown)


def _constant_part(text: str) -> list[str]:
    for pattern, word in VARIES.items():
        text = re.sub(pattern, word, text)
    return [line.strip() for line in text.strip().splitlines()]


def rewrite(page: str, printed: list[tuple[Block, str]]) -> None:
    """Put what the examples of a page printed where the page shows it."""
    path = DOCS / f"{page}.md"
    lines = path.read_text(encoding="utf-8").splitlines()
    for block, text in reversed(printed):  # from the end, so that line numbers hold
        if block.shown is not None:
            lines[slice(*block.shown_at)] = [line.rstrip() for line in text.rstrip().splitlines()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_all(folder: Path) -> None:
    folder.mkdir()
    for page in PAGES:
        world = World(folder)
        rewrite(page, [(block, world.run(block)) for block in examples(page)])


if __name__ == "__main__":
    _write_all(Path(sys.argv[1]))
