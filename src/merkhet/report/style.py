"""How the figures of a report look, and how they are written: drawn without pyplot, the same figure the same file."""

import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from merkhet.errors import OutputError
from merkhet.io.atomic import atomic_path

P = ParamSpec("P")
FloatArray = npt.NDArray[np.floating[Any]]

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe & Ito's palette for every kind of color vision, without its yellow, which fades on white."""
DASHES = ("-", "--", "-.", ":")

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#5b6470",
    "axes.labelcolor": "#1f2933",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.7,
    "xtick.color": "#5b6470",
    "ytick.color": "#5b6470",
    "lines.linewidth": 1.6,
    "legend.frameon": True,
    "legend.framealpha": 0.8,
    "legend.edgecolor": "none",
    "legend.fontsize": 8.5,
    "savefig.dpi": 160,
    "svg.fonttype": "path",
    "svg.hashsalt": "merkhet",  # the same figure gives the same file
}

MAX_NAME_LENGTH = 24


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make a function draw in the :data:`STYLE`, and leave matplotlib's own settings as they are."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def line(k: int) -> dict[str, Any]:
    """Return what tells the ``k``-th line of a panel from the others: colors first, then dashes."""
    return {"color": COLORS[k % len(COLORS)], "linestyle": DASHES[k // len(COLORS) % len(DASHES)]}


def plain(text: str) -> str:
    """Shorten a user's text, and keep matplotlib from reading it as mathematics."""
    if len(text) > MAX_NAME_LENGTH:
        text = text[: MAX_NAME_LENGTH - 1] + "…"
    return text.replace("$", r"\$")


def saved(figure: Figure, save_path: Path | None) -> Figure:
    """Return the figure, written to ``save_path`` in the format of its suffix if there is one."""
    if save_path is not None:
        kind = save_path.suffix.removeprefix(".").lower()
        known = sorted(figure.canvas.get_supported_filetypes())
        if kind not in known:
            raise OutputError(save_path, f"format {kind!r}", expected=f"a suffix among {', '.join(known)}")
        with atomic_path(save_path) as temporary:
            save(figure, temporary, kind=kind)
    return figure


def save(figure: Figure, target: Path | BinaryIO, *, kind: str) -> None:
    """Write a figure in the format ``kind``, without the date, so that equal figures give equal files."""
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # A class name in a script that the font lacks is drawn as boxes; the tables have it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(target, format=kind, metadata=undated.get(kind))
