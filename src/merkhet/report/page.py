"""What all self-contained pages have in common: templates that take the user's text as text, and embedded images."""

import base64
import io

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from merkhet.report.style import save

MEDIA = {"svg": "image/svg+xml", "png": "image/png"}


def environment() -> Environment:
    """Return where the templates of the package are."""
    return Environment(
        loader=PackageLoader("merkhet.report"),
        autoescape=True,  # names, ids and reasons are the user's text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def embed(figure: Figure, *, kind: str = "svg") -> str:
    """Return a figure as a ``data:`` address; ``kind`` is a key of :data:`MEDIA`."""
    stream = io.BytesIO()
    save(figure, stream, kind=kind)
    return f"data:{MEDIA[kind]};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
