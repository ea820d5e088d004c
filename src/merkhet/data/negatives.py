"""Samples of the negative class that are drawn and not observed, beside those of a table."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import numpy.typing as npt
from astropy.table import Table, vstack

from merkhet.config.data import Columns, Negatives
from merkhet.config.inputs import InputSpec
from merkhet.data.arrays import FloatArray, Rows
from merkhet.data.measured import PREFIX
from merkhet.data.noise import sky_noise
from merkhet.data.samples import SampleTable

NUMBER = PREFIX + "negative"
"""Column: number of the drawn image, -1 for a sample that was observed."""

StrArray = npt.NDArray[np.str_]


def label_positives(samples: SampleTable, columns: Columns, *, classes: tuple[str, ...]) -> SampleTable:
    """Return the samples with every row called positive, unless their table has the label column already."""
    (label,) = columns.labels
    if label in samples.table.colnames:
        return samples
    table = samples.table.copy()
    table[label] = np.full(len(table), classes[1])
    return replace(samples, table=table)


def add_negatives(
    samples: SampleTable,
    sides: StrArray,
    config: Negatives,
    *,
    columns: Columns,
    classes: tuple[str, ...],
    spec: InputSpec,
) -> tuple[SampleTable, StrArray]:
    """Append drawn samples: ``config.ratio`` for each positive, spread evenly over them.

    Parameters
    ----------
    samples
        Usable rows, labelled.
    sides
        Side of the split of each row ``(n,)``.
    config
        How to draw; its seed is known.
    classes
        The negative and the positive class.
    spec
        What the network takes; its shape is known.

    Returns
    -------
    samples, sides
        Observed rows first. A drawn row repeats its positive (group, side, whatever the table says) under an id of its
        own; what is measured of pixels is measured of the drawn ones, and it has no place in the sky.
    """
    (label,) = columns.labels
    positives = np.flatnonzero(np.asarray(samples.table[label]).astype(str) == classes[1])
    n = round(config.ratio * len(positives))
    beside = positives[np.arange(n) * len(positives) // max(n, 1)]
    numbers = _rank_within(sides[beside]) if config.shared else np.arange(n)
    observed, drawn = samples.table.copy(), samples.table[beside]
    ids = np.array([f"negative_{number:06d}" for number in range(n)], dtype=str)
    texts = dict.fromkeys((*columns.paths, columns.id or columns.paths[0], PREFIX + "path"), ids)
    for name, values in (texts | {label: np.full(n, classes[0])}).items():
        observed[name], drawn[name] = np.asarray(observed[name]).astype(str), values  # ids and labels may be numbers
    observed[NUMBER], drawn[NUMBER] = np.full(len(observed), -1), numbers
    _measure(drawn, config, shape=(spec.channels, *(spec.network_shape or ())))
    table = vstack([observed, drawn], metadata_conflicts="silent")
    return replace(samples, table=table), np.concatenate([sides, sides[beside]])


def draw_negative(number: int, config: Negatives, *, shape: tuple[int, ...]) -> FloatArray:
    """Return the image of a number, ``shape`` being that of the bands and the pixels: zeros, or noise cut off at zero.

    References
    ----------
    The published halo detector: four in five hold zeros, the others noise of sigma 0.05.
    """
    rng = np.random.default_rng([config.seed or 0, number, 0x4E66])
    if rng.random() < config.zeros:
        return np.zeros(shape, dtype=np.float32)
    noise: FloatArray = rng.standard_normal(shape, dtype=np.float32) * np.float32(config.sigma)
    return noise.clip(min=0)


def _measure(drawn: Table, config: Negatives, *, shape: tuple[int, ...]) -> None:
    """Put what is measured of drawn images in place of what was measured of the positives whose rows they repeat."""
    everywhere = np.ones(shape, dtype=bool)
    noise = np.zeros((len(drawn), shape[0]), dtype=np.float32)
    crc = np.empty(len(drawn), dtype=np.int64)
    for row, number in enumerate(drawn[NUMBER].tolist()):
        image = draw_negative(number, config, shape=shape)
        crc[row] = crc32(image.data)
        if image.any():
            noise[row] = sky_noise(image, everywhere)
    drawn[PREFIX + "crc"], drawn[PREFIX + "row"], drawn[PREFIX + "finite"] = crc, -1, True
    drawn[PREFIX + "ra"] = drawn[PREFIX + "dec"] = np.nan
    for band, sigma in enumerate(noise.T):
        drawn[f"{PREFIX}noise_{band}"] = sigma


def _rank_within(sides: StrArray) -> Rows:
    """Return for each entry how many equal ones stand before it."""
    ranks = np.zeros(len(sides), dtype=np.int64)
    for side in np.unique(sides):
        mine = sides == side
        ranks[mine] = np.arange(mine.sum())
    return ranks
