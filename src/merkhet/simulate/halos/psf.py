"""The point-spread function of the survey: a King profile."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from merkhet.simulate.halos.sphere import FloatArray

CORE_ARCSEC = 8.7  # gives a half-energy width of 30 arcsec at alpha = 1.5 (survey average, from memory)
CORE_SCATTER = 0.2
ALPHA_RANGE = (1.4, 1.8)


@dataclass(frozen=True)
class King:
    """Surface brightness ``(1 + (r/core)^2)^-alpha``: wings fall as ``r^(-2 alpha)``.

    The same profile with ``alpha = 3 beta - 1/2`` is the beta model of a galaxy cluster
    (Cavaliere & Fusco-Femiano 1976, A&A 49, 137).

    Attributes
    ----------
    core_arcsec
        Core radius.
    alpha
        Above 1.
    """

    core_arcsec: float = CORE_ARCSEC
    alpha: float = 1.5

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        """Draw the profile of a source: no telescope has the same one in all places."""
        core = CORE_ARCSEC * rng.uniform(1 - CORE_SCATTER, 1 + CORE_SCATTER)
        return cls(float(core), float(rng.uniform(*ALPHA_RANGE)))

    @property
    def half_energy_width_arcsec(self) -> float:
        """Diameter that holds half the photons; ``2 sqrt(3) core`` for alpha = 1.5."""
        return 2 * float(self.radius(0.5))

    def enclosed(self, radius_arcsec: npt.ArrayLike) -> FloatArray:
        """Return the share of the photons within a radius, ``1 - (1 + (r/core)^2)^(1 - alpha)``."""
        ratio = np.asarray(radius_arcsec, dtype=np.float64) / self.core_arcsec
        return np.asarray(1 - (1 + ratio**2) ** (1 - self.alpha))

    def radius(self, share: npt.ArrayLike) -> FloatArray:
        """Return the radius, in arcsec, that encloses a share of the photons."""
        return king_radius(np.asarray(share), core_arcsec=self.core_arcsec, alpha=self.alpha)

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw the offsets of ``n`` photons, ``(n, 2)`` in arcsec."""
        return around(rng, self.radius(rng.uniform(size=n)))


def king_radius(share: FloatArray, *, core_arcsec: npt.ArrayLike, alpha: npt.ArrayLike) -> FloatArray:
    """Return the radii that enclose shares of the photons of King profiles; all arguments broadcast."""
    power = 1 / (1 - np.asarray(alpha, dtype=np.float64))
    return np.asarray(np.asarray(core_arcsec) * np.sqrt((1 - share) ** power - 1))


def around(rng: np.random.Generator, radius_arcsec: FloatArray) -> FloatArray:
    """Return offsets ``(n, 2)`` at the given radii in random directions."""
    angle = rng.uniform(0, 2 * np.pi, len(radius_arcsec))
    return np.stack([radius_arcsec * np.cos(angle), radius_arcsec * np.sin(angle)], axis=-1)
