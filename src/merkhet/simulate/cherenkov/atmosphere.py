"""An isothermal atmosphere: depth, density and refraction fall off with height alike.

It stands within 4 % of the US standard atmosphere in overburden from 2 to 12 km.
"""

import numpy as np

from merkhet.simulate.cherenkov.observation import FloatArray

OBSERVATION_HEIGHT_M = 2150.0
SCALE_HEIGHT_M = 7500.0
SEA_LEVEL_DEPTH = 1037.0  # g/cm2
SEA_LEVEL_REFRACTIVITY = 2.9e-4
ABSORPTION_DEPTH = 2500.0  # g/cm2 of air that let 1/e of the blue light through


def depth(height_m: FloatArray) -> FloatArray:
    """Return the vertical overburden, g/cm2, at heights above sea level."""
    return np.asarray(SEA_LEVEL_DEPTH * np.exp(-height_m / SCALE_HEIGHT_M))


def height(vertical_depth: FloatArray) -> FloatArray:
    """Return the height above sea level, m, at a vertical overburden in g/cm2."""
    return np.asarray(SCALE_HEIGHT_M * np.log(SEA_LEVEL_DEPTH / np.maximum(vertical_depth, 1e-3)))


def density(height_m: FloatArray) -> FloatArray:
    """Return the density, g/cm3."""
    return depth(height_m) / (SCALE_HEIGHT_M * 100)


def cherenkov_angle(height_m: FloatArray) -> FloatArray:
    """Return the largest Cherenkov angle, rad: ``cos theta = 1 / n``."""
    return np.asarray(np.sqrt(2 * SEA_LEVEL_REFRACTIVITY * np.exp(-height_m / SCALE_HEIGHT_M)))


def mean_refractivity(height_m: FloatArray) -> FloatArray:
    """Return the mean of n - 1 between a height and the telescopes."""
    above = np.maximum(height_m - OBSERVATION_HEIGHT_M, 1.0) / SCALE_HEIGHT_M
    at_ground = SEA_LEVEL_REFRACTIVITY * np.exp(-OBSERVATION_HEIGHT_M / SCALE_HEIGHT_M)
    return np.asarray(at_ground * -np.expm1(-above) / above)


def transmission(height_m: FloatArray, *, cosine: FloatArray | float) -> FloatArray:
    """Return the share of the light that reaches the ground from a height, at a cosine of the zenith angle."""
    below = depth(np.asarray(OBSERVATION_HEIGHT_M)) - depth(height_m)
    return np.asarray(np.exp(-np.maximum(below, 0) / cosine / ABSORPTION_DEPTH))
