"""Directives ``catalog-columns`` and ``catalog-flags``: the catalog, from the code that writes it."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from merkhet.io.catalog import DESCRIPTIONS, Flag


class Columns(SphinxDirective):
    """What each column of a catalog or prediction table holds."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        return self.parse_text_to_nodes(columns_text())


class Flags(SphinxDirective):
    """What each bit of ``flags`` says."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        return self.parse_text_to_nodes(flags_text())


def columns_text() -> str:
    """Return Markdown: a row for each column."""
    rows = [f"| `{name}` | {unit or ''} | {text} |" for name, (unit, text) in DESCRIPTIONS.items()]
    return "\n".join(["| column | unit | what |", "| --- | --- | --- |", *rows])


def flags_text() -> str:
    """Return Markdown: a row for each bit."""
    documented = ModuleAnalyzer.for_module(Flag.__module__).find_attr_docs()
    rows = [
        f"| {flag.value} | `{flag.name}` | {' '.join(documented[Flag.__name__, str(flag.name)]).strip()} |"
        for flag in Flag
    ]
    return "\n".join(["| bit | name | meaning |", "| --- | --- | --- |", *rows])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("catalog-columns", Columns)
    app.add_directive("catalog-flags", Flags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
