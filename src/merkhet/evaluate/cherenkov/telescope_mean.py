"""What single images say of an event: the mean over its telescopes."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

FloatArray = npt.NDArray[np.float64]


def mean_over_telescopes(images: Table, *, event: npt.NDArray[np.int64], count: int) -> Table:
    """Return the weighted means of what was said of the images of each event.

    Gammaness is averaged with equal weights. Energies are averaged as logarithms and directions as unit vectors, both
    by the inverse square of their uncertainty. What the telescopes say of one shower is wrong in the same way (its
    first interaction, its height), so the uncertainty of a mean is not that of independent measurements: given is
    ``sum(w s) / sum(w)``, which no correlation exceeds.

    Parameters
    ----------
    images
        Any of ``gammaness``, ``energy`` with ``energy_uncertainty`` in TeV, ``alt`` and ``az`` with
        ``direction_uncertainty_deg`` in deg; and ``is_valid``.
    event
        ``(n,)``: the event of each image.
    count
        Number of events.

    Returns
    -------
    Table
        The same columns for each event, NaN without any valid image; ``n_telescopes``, how many were valid.
    """
    valid = np.asarray(images["is_valid"], dtype=bool)
    number = np.bincount(event[valid], minlength=count)
    result = Table({"n_telescopes": number, "is_valid": number > 0})

    def mean(values: FloatArray, weights: FloatArray) -> FloatArray:
        known = valid & np.isfinite(values) & np.isfinite(weights) & (weights > 0)
        total = np.bincount(event[known], weights=weights[known], minlength=count)
        summed = np.bincount(event[known], weights=(weights * values)[known], minlength=count)
        return np.asarray(np.divide(summed, total, out=np.full(count, np.nan), where=total > 0))

    if "gammaness" in images.colnames:
        result["gammaness"] = mean(_numbers(images, "gammaness"), np.ones(len(images)))
    if "energy" in images.colnames:
        energy = _numbers(images, "energy")
        relative = _numbers(images, "energy_uncertainty") / energy
        result["energy"] = np.exp(mean(np.log(energy), relative**-2.0))
        result["energy_uncertainty"] = result["energy"] * mean(relative, relative**-2.0)
    if "alt" in images.colnames:
        alt, az = (np.deg2rad(_numbers(images, name)) for name in ("alt", "az"))
        spread = _numbers(images, "direction_uncertainty_deg")
        vectors = (np.cos(alt) * np.cos(az), np.cos(alt) * np.sin(az), np.sin(alt))
        x, y, z = (mean(axis, spread**-2.0) for axis in vectors)
        result["alt"] = np.rad2deg(np.arctan2(z, np.hypot(x, y)))
        result["az"] = np.rad2deg(np.arctan2(y, x)) % 360
        result["direction_uncertainty_deg"] = mean(spread, spread**-2.0)
    return result


def _numbers(table: Table, name: str) -> FloatArray:
    return np.asarray(table[name], dtype=np.float64)
