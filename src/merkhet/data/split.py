"""Dividing samples into training, validation and test by whole groups."""

import numpy as np
import numpy.typing as npt

from merkhet.config.data import Split
from merkhet.errors import InputError

SIDES = ("train", "val", "test")
StrArray = npt.NDArray[np.str_]


def split_random(groups: StrArray, labels: StrArray | None, config: Split, *, seed: int) -> StrArray:
    """Draw the side of each row; rows of one group share it.

    Parameters
    ----------
    groups
        Group of each row, ``(n,)``.
    labels
        Class of each row for a stratified split, or None.

    Returns
    -------
    ndarray
        ``train``, ``val`` or ``test`` for each row, ``(n,)``.
    """
    position = _positions(groups, labels, seed=seed)
    return np.array(SIDES)[np.searchsorted([config.train, config.train + config.val], position, side="right")]


def split_fold(groups: StrArray, labels: StrArray | None, config: Split, *, seed: int) -> StrArray:
    """Draw the sides of one fold: each row is a test row in exactly one of ``config.folds`` folds.

    The folds depend on the seed alone. The other rows are divided anew between training and validation, as
    ``config.train`` to ``config.val``.
    """
    sides = np.full(len(groups), "train", dtype="<U5")
    test = np.floor(_positions(groups, labels, seed=seed) * config.folds).astype(int) == config.fold - 1
    sides[test] = "test"
    rest = np.flatnonzero(~test)
    inner = _positions(groups[rest], None if labels is None else labels[rest], seed=seed + config.fold)
    sides[rest[inner >= config.train / (config.train + config.val)]] = "val"
    return sides


def _positions(groups: StrArray, labels: StrArray | None, *, seed: int) -> npt.NDArray[np.float64]:
    """Return a place in [0, 1) for each row, the same for all rows of a group.

    Within each class (the commonest one of a group) groups are shuffled and laid end to end by their number of rows;
    a group's place is its middle, as a share of its class.
    """
    if not len(groups):
        return np.empty(0)
    names, group_of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    stratum = np.zeros(len(names), dtype=int) if labels is None else _dominant_class(group_of_row, labels, len(names))
    order = np.random.default_rng([seed, 0x5917]).permutation(len(names))
    order = order[np.argsort(stratum[order], kind="stable")]
    weights = sizes[order].astype(float)
    starts = np.flatnonzero(np.r_[True, np.diff(stratum[order]) != 0])
    lengths = np.diff(np.r_[starts, len(order)])
    cumulative = np.cumsum(weights)
    before = np.repeat(np.r_[0.0, cumulative[starts[1:] - 1]], lengths)
    totals = np.repeat(np.add.reduceat(weights, starts), lengths)
    place = np.empty(len(names))
    place[order] = (cumulative - before - weights / 2) / totals
    return place[group_of_row]


def _dominant_class(group_of_row: npt.NDArray[np.intp], labels: StrArray, n_groups: int) -> npt.NDArray[np.intp]:
    classes, class_of_row = np.unique(labels, return_inverse=True)
    counts = np.zeros((n_groups, len(classes)), dtype=int)
    np.add.at(counts, (group_of_row, class_of_row), 1)
    dominant: npt.NDArray[np.intp] = counts.argmax(axis=1)
    return dominant


def check_split(sides: StrArray, groups: StrArray, labels: StrArray | None, *, source: str) -> None:
    """Refuse a split that cannot be believed or trained on.

    Raises
    ------
    InputError
        An unknown side; no rows for training or validation; a group on two sides; a class that training lacks,
        or that stands in one group only, so that no honest split of it exists.
    """
    unknown = sorted(set(sides) - set(SIDES))
    if unknown:
        raise InputError(source, f"split '{unknown[0]}'", expected="train, val or test in data.columns.split")
    for side in SIDES[:2]:
        if not (sides == side).any():
            raise InputError(source, f"no rows on the {side} side", action="Give more rows or other split fractions")
    names, group_of_row = np.unique(groups, return_inverse=True)
    seen = np.stack([np.bincount(group_of_row, sides == side, len(names)) > 0 for side in SIDES])
    torn = np.flatnonzero(seen.sum(axis=0) > 1)
    if len(torn):
        where = " and ".join(side for side, has in zip(SIDES, seen[:, torn[0]], strict=True) if has)
        raise InputError(
            source,
            f"{len(torn)} groups stand on two sides of the split, '{names[torn[0]]}' in {where}",
            expected="each group on one side",
            action="Correct the split column, or use split.kind=random",
        )
    if labels is not None:
        _check_classes(sides, groups, labels, source=source)


def _check_classes(sides: StrArray, groups: StrArray, labels: StrArray, *, source: str) -> None:
    for name in np.unique(labels):
        mine = labels == name
        if len(np.unique(groups[mine])) == 1:
            raise InputError(
                source,
                f"class '{name}' stands in one group only",
                expected="two groups or more for each class, so that it can be learned and tested",
                action="Add sources of that class, or leave it out with data.where",
            )
        if not (mine & (sides == "train")).any():
            raise InputError(
                source, f"class '{name}' has no training rows", action="Use another seed or other fractions"
            )
