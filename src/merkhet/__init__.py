"""Merkhet: from calibrated pixels to a calibrated catalogue, with deep learning, at any wavelength.

The names below are imported on first use, so that ``import merkhet`` costs milliseconds and loads neither torch
nor lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from merkhet.infer.model import load as load
    from merkhet.infer.predict import predict as predict
    from merkhet.train.fit import fit as fit

_HOMES = {
    "load": "merkhet.infer.model",
    "predict": "merkhet.infer.predict",
    "fit": "merkhet.train.fit",
}

__all__ = ["__version__", "fit", "load", "predict"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'merkhet' has no attribute {name!r}")
