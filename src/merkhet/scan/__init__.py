"""Surveys, scanned: tiles in, candidates with position, size, significance and calibrated probability out.

``merkhet.scan(model, inputs, ...)`` calls :func:`merkhet.scan.survey.scan`: the package and the verb share a name.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from merkhet.scan.detections import Detections


class _Scan(ModuleType):
    """A package that can be called."""

    def __call__(self, *arguments: Any, **options: Any) -> "Detections":
        """Scan images; see :func:`merkhet.scan.survey.scan`."""
        from merkhet.scan.survey import scan

        return scan(*arguments, **options)


sys.modules[__name__].__class__ = _Scan
