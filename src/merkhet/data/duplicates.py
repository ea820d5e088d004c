"""The same image on two sides of a split."""

import numpy as np
import numpy.typing as npt


def duplicate_pixels(crc: npt.ArrayLike, sides: npt.ArrayLike) -> list[tuple[int, int]]:
    """Return rows that have the pixels of a row on another side of the split.

    Parameters
    ----------
    crc
        Checksum of each row's pixels ``(n,)``, as :class:`merkhet.data.measured.Measured` has it; negative ones
        (rows that could not be read) match nothing.
    sides
        Side of each row ``(n,)``.

    Returns
    -------
    list
        ``(row_a, row_b)`` by rising ``row_b``. ``row_a`` is the first row with these pixels, and each row of another
        side than that one is named once, as ``row_b``: the list stays short where thousands of images are alike. By
        chance, ``n**2 / 2**33`` pairs of different images share a checksum of 32 bits (one among 93,000 rows), so
        compare the pixels themselves before much is made of a single pair.
    """
    crc, sides = np.asarray(crc, dtype=np.int64), np.asarray(sides)
    _, first, of_row = np.unique(crc, return_index=True, return_inverse=True)
    original = first[of_row]
    found = np.flatnonzero((sides != sides[original]) & (crc >= 0))
    return list(zip(original[found].tolist(), found.tolist(), strict=True))
