"""What finds objects on a tile, whatever it is made of: a network run densely, one run by windows, or no network."""

from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, Protocol

from astropy.table import Table

from merkhet.errors import ConfigError
from merkhet.scan.field import Field
from merkhet.scan.grid import Grid

BOXES = "boxes"
"""Name of the detector that needs no trained model."""

# By the kind of the model's task: what it is called in messages, and where it is.
_KINDS = {
    "detect": ("a model that is run densely", "merkhet.scan.dense:DenseDetector"),
    "classify": ("a model that is run by windows", "merkhet.scan.windows:WindowDetector"),
}


@dataclass(frozen=True, eq=False)
class Found:
    """What a detector found on one tile.

    Attributes
    ----------
    candidates
        Columns ``x``, ``y`` (pixels of the tile, float), ``size_arcsec`` (radius), ``score`` (logit),
        ``probability``, ``label``, ``scale_px`` (side of the window or cell, pixels of the tile), ``flags`` (int32).
    grids
        For the map of probabilities; may be empty.
    """

    candidates: Table
    grids: list[Grid] = field(default_factory=list)


class Detector(Protocol):
    """Finds objects on a tile.

    Attributes
    ----------
    name, hash
        What the catalog says of it.
    labels
        What it tells apart.
    """

    name: str
    hash: str
    labels: tuple[str, ...]

    def detect(self, field: Field) -> Found:
        """Return the objects on a tile; those in its margin, which other tiles own, may be among them."""
        ...


def find_detector(model: str | Path, **options: Any) -> Detector:
    """Return the detector that a name, run or bundle stands for.

    Parameters
    ----------
    model
        ``boxes``, or what :func:`merkhet.bundle.store.load_bundle` takes: the task of the bundle decides whether it
        is run densely (detect) or by windows (classify).
    options
        Those of :class:`merkhet.scan.dense.DenseDetector`, :class:`merkhet.scan.windows.WindowDetector` or
        :class:`merkhet.scan.boxes.BoxDetector`; None stands for one that was not given.

    Raises
    ------
    InputError
        There is no such bundle, or it is damaged.
    ConfigError
        An option does not go with this detector, or cannot be honored.
    """
    if str(model) == BOXES:
        kind, place = "a Poisson box detector", "merkhet.scan.boxes:BoxDetector"
    else:
        from merkhet.bundle.spec import find_bundle, read_spec
        from merkhet.config.bundle import BundleSpec

        kind, place = _KINDS[read_spec(find_bundle(model), schema=BundleSpec).task.kind]
    module, name = place.split(":")
    detector = getattr(import_module(module), name)
    given = {option: value for option, value in options.items() if value is not None}
    known = list(signature(detector).parameters)
    for option in given:
        if option not in known:
            takes = ", ".join(f"--{name}" for name in known if name != "model")
            raise ConfigError(f"--{option.replace('_', '-')} does not go with {model}, {kind}, which takes {takes}")
    if str(model) == BOXES:
        made: Detector = detector(**given)
    else:
        made = detector(model, **given)
    return made
