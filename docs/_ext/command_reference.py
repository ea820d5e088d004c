"""Directives ``commands`` and ``exit-codes``: the command line, from the application itself."""

import re
import sys
from unittest.mock import patch

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from merkhet.cli.main import HELP, app


class Commands(SphinxDirective):
    """A section for each verb, with its arguments and options."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return self.parse_text_to_nodes(commands_text(), allow_section_headings=True)


class ExitCodes(SphinxDirective):
    """The exit codes, one a line."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        return self.parse_text_to_nodes(exit_codes_text())


def commands_text() -> str:
    """Return Markdown: a section for each verb, in the order in which one meets them."""
    with patch.object(sys, "argv", ["merkhet"]):  # the usage names the program after its first argument
        text = app.generate_docs(output_format="markdown")
    sections = text[text.index("\n## merkhet ") :]
    sections = re.sub(r"^Example: (.+)$", r"```console\n$ \1\n```", sections, flags=re.MULTILINE)
    sections = re.sub(r"```console\n(?=merkhet )", "```text\n", sections)
    sections = sections.replace(" *[default: False]*", "").replace("('path',)", "path")
    pieces = re.split(r"(```.*?```|`[^`]*`)", sections, flags=re.DOTALL)  # prose, code, prose, ...
    pieces[::2] = [re.sub(r"--[a-z][a-z-]*", r"`\g<0>`", prose) for prose in pieces[::2]]  # lest -- become a dash
    return "".join(pieces)


def exit_codes_text() -> str:
    """Return Markdown: a row for each exit code that ``merkhet --help`` names."""
    told = " ".join(HELP.split("Exit codes: ")[1].split()).rstrip(".")
    pairs = [entry.split(" ", 1) for entry in told.split("; ")]
    rows = [f"| {code} | {meaning} |" for code, meaning in pairs]
    return "\n".join(["| code | meaning |", "| --- | --- |", *rows])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("commands", Commands)
    app.add_directive("exit-codes", ExitCodes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
