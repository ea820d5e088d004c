"""The sky background of a counts image, estimated from the image itself where no map is given."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import generic_filter
from scipy.stats import poisson

from merkhet.scan.pyramid import block_sum

FloatImage = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]

CELL_PX = 8
"""Sources are told from the sky in cells of so many pixels."""

BLOCKS = 8
"""The rate is followed on so many blocks a side, of at least ``LEAST_BLOCK_PX`` pixels each."""

LEAST_BLOCK_PX = 64

_CHANCE = 1e-3  # a cell brighter than the sky would be with this probability counts as a source
_ROUNDS = 20


def estimate_background(counts: FloatImage, *, exposure: FloatImage) -> FloatImage:
    """Return the expected counts per pixel without sources: the exposure times a rate that varies smoothly.

    The median of sparse counts is 0, whatever the sky: so the rate is the mean of cells of 8 x 8 pixels that are no
    brighter than a Poisson sky of that rate makes one in a thousand, found by iteration on blocks of an eighth of
    the image; then the median of each block and its eight neighbors, for extended sources, and linear between the
    blocks. Halos and clusters smaller than two blocks or so (an eighth of the image each) are passed over; larger
    ones are partly taken for sky. A background that does not follow the exposure (particles that no mirror has
    focused) is followed from block to block only.

    Parameters
    ----------
    counts, exposure
        ``(y, x)``, 0 where not valid.

    Returns
    -------
    background
        ``(y, x)`` counts per pixel, 0 where the exposure is.
    """
    block = max(LEAST_BLOCK_PX, -(-max(counts.shape) // BLOCKS // CELL_PX) * CELL_PX)
    cells = block_sum(counts, CELL_PX), block_sum(exposure, CELL_PX)
    rates = _block_rates(*(image.astype(np.float64) for image in cells), cells=block // CELL_PX)
    rows, columns = (_between(n, step=block) for n in counts.shape)
    smooth = rows @ rates @ columns.T
    return np.asarray(exposure * smooth, dtype=np.float32)


def _block_rates(counts: FloatArray, exposure: FloatArray, *, cells: int) -> FloatArray:
    """Return the rate of the sky in blocks of ``cells`` by ``cells`` cells."""
    kept = exposure > 0
    rates = np.full([-(-n // cells) for n in counts.shape], np.nan)
    for _ in range(_ROUNDS):
        rates = _known(block_sum(counts * kept, cells), block_sum(exposure * kept, cells))
        sky = np.kron(rates, np.ones((cells, cells)))[: counts.shape[0], : counts.shape[1]] * exposure
        before, kept = kept, (exposure > 0) & (counts <= poisson.isf(_CHANCE, sky))
        if np.array_equal(before, kept):
            break
    return rates


def _known(counts: FloatArray, exposure: FloatArray) -> FloatArray:
    """Return the median rate of each block and its neighbors, and of all where nothing near was observed."""
    # A block at the edge of the field with a sliver of exposure has a rate of chance alone.
    enough = exposure > 0.1 * np.max(exposure, initial=0)
    rates = np.divide(counts, exposure, out=np.full(counts.shape, np.nan), where=enough & (exposure > 0))
    everywhere = np.nanmedian(rates) if np.isfinite(rates).any() else 0.0
    near = generic_filter(rates, _median, size=3, mode="constant", cval=np.nan)
    return np.where(np.isfinite(near), near, everywhere)


def _median(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan


def _between(pixels: int, *, step: int) -> FloatArray:
    """Return the weights ``(pixels, blocks)`` of linear interpolation between the centers of blocks."""
    blocks = -(-pixels // step)
    place = np.clip((np.arange(pixels) + 0.5) / step - 0.5, 0, blocks - 1)
    return np.asarray(np.clip(1 - np.abs(place[:, None] - np.arange(blocks)), 0, None))
