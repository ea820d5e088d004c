"""Width and length of images in units of what gammas of that brightness and distance show."""

from dataclasses import dataclass

import numpy as np

from merkhet.evaluate.cherenkov.images import FloatArray, ImageTable

_BRIGHTNESS = np.linspace(1.0, 5.0, 17)  # log10 photo-electrons
_IMPACT_M = np.linspace(0.0, 800.0, 17)
_FEWEST = 10
_NAMES = ("hillas_width", "hillas_length")


@dataclass(frozen=True, eq=False)
class ScaledSizes:
    """Mean and spread ``(2, brightness, impact)`` of width and length of gammas; NaN where too few were seen."""

    mean: FloatArray
    spread: FloatArray

    def __call__(self, table: ImageTable, impact: FloatArray) -> FloatArray:
        """Return width and length ``(2, k)`` of images as numbers of spreads from the mean of gammas."""
        cell = _cells(table, impact)
        sizes = np.stack([table[name] for name in _NAMES])
        return np.asarray((sizes - self.mean.reshape(2, -1)[:, cell]) / self.spread.reshape(2, -1)[:, cell])


def fit_scaled_sizes(gammas: ImageTable, impact: FloatArray) -> ScaledSizes:
    """Measure width and length of the images of gammas in cells of brightness and impact distance."""
    known = np.isfinite(impact)
    cell, shape = _cells(gammas, impact)[known], (len(_BRIGHTNESS) + 1, len(_IMPACT_M) + 1)
    count = np.bincount(cell, minlength=shape[0] * shape[1]).astype(np.float64)
    count[count < _FEWEST] = np.nan
    mean, spread = np.empty((2, 2, *shape))
    for place, name in enumerate(_NAMES):
        values = gammas[name][known]
        first, second = (np.bincount(cell, values**power, minlength=len(count)) / count for power in (1, 2))
        mean[place] = first.reshape(shape)
        spread[place] = np.sqrt(np.maximum(second - first**2, 1e-8)).reshape(shape)
    return ScaledSizes(mean, spread)


def _cells(table: ImageTable, impact: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    brightness = np.searchsorted(_BRIGHTNESS, np.log10(table["hillas_intensity"]))
    return np.asarray(brightness * (len(_IMPACT_M) + 1) + np.searchsorted(_IMPACT_M, np.nan_to_num(impact, nan=1e9)))
