"""Classes without their signature: most are given to the user, not made, and their attributes say the rest."""

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take part in autodoc."""
    app.connect("autodoc-process-signature", _hide_of_class)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _hide_of_class(_app: Sphinx, what: str, *_rest: object) -> tuple[str, None] | None:
    return ("", None) if what == "class" else None
