"""Image cleaning: which pixels of a camera hold the shower, by two thresholds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.camera import NeighborIndex

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TailCuts:
    """The two thresholds of a cleaning, in photo-electrons; the defaults suit the simulated cameras.

    Attributes
    ----------
    picture_pe
        Charge of a pixel that holds shower for certain.
    boundary_pe
        Charge of a pixel that holds shower if a neighbor does for certain.
    min_picture_neighbors
        Neighbors above ``picture_pe`` that a pixel above it must have.
    """

    picture_pe: float = 6.5
    boundary_pe: float = 3.5
    min_picture_neighbors: int = 1


def clean(charge: npt.NDArray[np.floating], *, neighbors: NeighborIndex, cuts: TailCuts) -> BoolArray:
    """Return the pixels ``(k, P)`` of images that survive cleaning with two thresholds.

    A pixel survives if it is above the picture threshold with enough neighbors that are, or above the boundary
    threshold beside such a one; a pixel without any surviving neighbor does not. This is ``tailcuts_clean`` of ctapipe
    without ``keep_isolated_pixels``. A pixel whose charge is NaN does not survive.

    Parameters
    ----------
    charge
        ``(k, P)``, photo-electrons.
    neighbors
        ``(P, m)``, -1 where there are fewer; see :meth:`~merkhet.io.cherenkov.camera.CameraGeometry.neighbors`.
    cuts
        The thresholds.
    """
    picture = charge >= cuts.picture_pe
    if cuts.min_picture_neighbors > 0:
        picture &= count_neighbors(picture, neighbors) >= cuts.min_picture_neighbors
    boundary = charge >= cuts.boundary_pe
    beside_picture = count_neighbors(picture, neighbors) > 0
    beside_boundary = count_neighbors(boundary, neighbors) > 0
    return (boundary & beside_picture) | (picture & beside_boundary)


def count_neighbors(mask: BoolArray, neighbors: NeighborIndex) -> npt.NDArray[np.uint8]:
    """Return how many neighbors ``(k, P)`` of each pixel are set."""
    padded = np.zeros((len(mask), mask.shape[1] + 1), dtype=np.uint8)  # the last one stands for a neighbor that is not
    padded[:, :-1] = mask
    count = np.zeros(mask.shape, dtype=np.uint8)
    for column in neighbors.T:
        count += padded[:, column]
    return count
