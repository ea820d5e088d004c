"""How a model's probabilities become decisions: threshold, categories and false alarms, read without torch."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.bundle.spec import find_bundle, read_spec
from merkhet.config.bundle import BundleSpec
from merkhet.config.tasks import Classify, Detect, categorize
from merkhet.scan.detectors import BOXES

SCALE_TOLERANCE = 1.05
"""How far outside the range of the training images a pixel scale may be, as a factor."""

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
    pixel_scales
        Least and largest of the images that it was trained on, in arcsec; None where not known.
    """

    hash: str
    task: Classify | Detect
    pixel_scales: tuple[float, float] | None = None

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
        scale = spec.input.pixel_scale_arcsec
        known = spec.reference.pixel_scale_arcsec if spec.reference is not None else None
        return cls(spec.hash, spec.task, known or (None if scale is None else (scale, scale)))

    @property
    def by_windows(self) -> bool:
        """Whether the model answers for windows one by one."""
        return isinstance(self.task, Classify)

    def other_scale(self, pixel_arcsec: float) -> bool:
        """Tell whether pixels are of another size than those of the training images; what is not known is not."""
        if self.pixel_scales is None:
            return False
        low, high = self.pixel_scales
        return pixel_arcsec < low / SCALE_TOLERANCE or pixel_arcsec > high * SCALE_TOLERANCE

    def category(self, probability: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Name the step that each probability has reached."""
        return categorize(probability, self.task.categories, below=self.task.below)

    def false_alarms(self, probability: npt.ArrayLike) -> FloatArray:
        """Return false alarms per square degree from each probability up; NaN for a model that does not know."""
        curve = self.task.false_alarms if isinstance(self.task, Detect) else None
        return np.full(np.shape(probability), np.nan) if curve is None else curve.at(probability)
