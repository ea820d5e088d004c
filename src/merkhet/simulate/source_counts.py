"""How many unrelated radio sources of each flux lie in a field at 1.4 GHz."""

from functools import cache

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FloatArray

# Hopkins et al. 2003, AJ 125, 465: log10(S^2.5 dN/dS / (Jy^1.5 sr^-1)) as a polynomial in log10(S / mJy),
# fitted between 0.05 mJy and 1 Jy.
COEFFICIENTS = (0.859, 0.508, 0.376, -0.049, -0.121, 0.057, -0.008)
FLUX_RANGE_JY = (0.05e-3, 1.0)


def differential_counts(flux_jy: npt.ArrayLike) -> FloatArray:
    """Return dN/dS at 1.4 GHz in 1/(Jy sr) (Hopkins et al. 2003), valid from 0.05 mJy to 1 Jy."""
    flux = np.asarray(flux_jy, dtype=np.float64)
    euclidean = 10 ** np.polynomial.polynomial.polyval(np.log10(flux * 1e3), COEFFICIENTS)
    return np.asarray(euclidean * flux**-2.5)


def source_density(min_flux_jy: float) -> float:
    """Return the number of sources per steradian between ``min_flux_jy`` and 1 Jy."""
    flux, above = _cumulative()
    return float(np.interp(min_flux_jy, flux, above))


def draw_fluxes(rng: np.random.Generator, *, solid_angle_sr: float, min_flux_jy: float) -> FloatArray:
    """Draw the fluxes, in Jy, of the sources in a patch of sky: their number is Poisson distributed."""
    flux, above = _cumulative()
    density = source_density(min_flux_jy)
    number = rng.poisson(density * solid_angle_sr)
    return np.interp(rng.uniform(0, density, number), above[::-1], flux[::-1])


@cache
def _cumulative() -> tuple[FloatArray, FloatArray]:
    """Return fluxes and the number of brighter sources per steradian, by the trapezoidal rule in log flux."""
    flux = np.geomspace(*FLUX_RANGE_JY, 2000)
    per_log = differential_counts(flux) * flux
    steps = 0.5 * (per_log[1:] + per_log[:-1]) * np.diff(np.log(flux))
    return flux, np.append(np.cumsum(steps[::-1])[::-1], 0.0)
