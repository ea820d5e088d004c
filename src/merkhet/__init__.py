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
    from merkhet.report.published import plot_confidence_histogram as plot_confidence_histogram
    from merkhet.report.published import plot_confusion as plot_confusion
    from merkhet.report.published import plot_sample_predictions as plot_sample_predictions
    from merkhet.report.published import plot_survey_map as plot_survey_map
    from merkhet.report.published import plot_training_history as plot_training_history
    from merkhet.scan.survey import scan as scan
    from merkhet.train.fit import fit as fit

_HOMES = {
    "load": "merkhet.infer.model",
    "predict": "merkhet.infer.predict",
    "fit": "merkhet.train.fit",
    "plot_confidence_histogram": "merkhet.report.published",
    "plot_confusion": "merkhet.report.published",
    "plot_sample_predictions": "merkhet.report.published",
    "plot_survey_map": "merkhet.report.published",
    "plot_training_history": "merkhet.report.published",
}

__all__ = [
    "__version__",
    "fit",
    "load",
    "plot_confidence_histogram",
    "plot_confusion",
    "plot_sample_predictions",
    "plot_survey_map",
    "plot_training_history",
    "predict",
    "scan",
]


def __getattr__(name: str) -> Any:
    if name == "scan":
        return import_module("merkhet.scan")  # a package that can be called
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'merkhet' has no attribute {name!r}")
