"""How a model's probabilities become decisions: threshold, categories and false alarms, read without torch."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.bundle.spec import find_bundle, read_spec
from merkhet.config.bundle import BundleSpec
from merkhet.config.tasks import Classify, Detect, categorize
from merkhet.infer.unlike import is_other_scale
from merkhet.scan.detectors import BOXES

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scheme:
    """What a model says of its probabilities.

    Attributes
    ----------
    hash
        Of the model.
    task
        Its schema.
    spec
        All that is known of the model; None for ``boxes``.
    """

    hash: str
    task: Classify | Detect
    spec: BundleSpec | None = None

    @classmethod
    def of(cls, model: str) -> "Scheme":
        """Return that of a run, a bundle, a model of the package, or of ``boxes``, which needs no model.

        Raises
        ------
        InputError
            There is no such model.
        """
        if model == BOXES:
            return cls(BOXES, Detect(classes=("halo", "ring")))
        spec = read_spec(find_bundle(model), schema=BundleSpec)
        return cls(spec.hash, spec.task, spec)

    @property
    def by_windows(self) -> bool:
        """Whether the model answers for windows one by one."""
        return isinstance(self.task, Classify)

    def other_scale(self, pixel_arcsec: float) -> bool:
        """Tell whether pixels are of another size than those of the training images; what is not known is not."""
        return self.spec is not None and is_other_scale(pixel_arcsec, self.spec)

    def category(self, probability: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Name the step that each probability has reached."""
        return categorize(probability, self.task.categories, below=self.task.below)

    def false_alarms(self, probability: npt.ArrayLike) -> FloatArray:
        """Return false alarms per square degree from each probability up; NaN for a model that does not know."""
        curve = self.task.false_alarms if isinstance(self.task, Detect) else None
        return np.full(np.shape(probability), np.nan) if curve is None else curve.at(probability)
