"""Large images in equal blocks with context: the plan, for any number of dimensions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

Slices = tuple[slice, ...]


@dataclass(frozen=True)
class Block:
    """One piece of an image.

    Attributes
    ----------
    core
        What it answers for. Every pixel lies in the core of exactly one block; cores at the far edges may reach
        beyond the image, for all are of one shape.
    outer
        The core with its context; it reaches beyond the image, also below 0.
    """

    core: Slices
    outer: Slices


@dataclass(frozen=True)
class Plan:
    """How an image is cut into blocks of one shape.

    Attributes
    ----------
    shape
        Of the image.
    core
        Of the core of each block, multiples of the alignment.
    context
        Pixels on each side of a core, a multiple of the alignment.
    """

    shape: tuple[int, ...]
    core: tuple[int, ...]
    context: int

    @property
    def outer(self) -> tuple[int, ...]:
        """Shape of a block with its context."""
        return tuple(side + 2 * self.context for side in self.core)

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks, the last axis fastest."""
        starts = [range(0, length, side) for length, side in zip(self.shape, self.core, strict=True)]
        for corner in product(*starts):
            core = tuple(slice(start, start + side) for start, side in zip(corner, self.core, strict=True))
            yield Block(core, tuple(slice(part.start - self.context, part.stop + self.context) for part in core))


def plan_blocks(shape: Sequence[int], *, side: int, context: int, align: int = 1) -> Plan:
    """Return how to cut an image so that no core is wider than ``side``, and little lies beyond the image.

    Parameters
    ----------
    shape
        Of the image, any number of axes.
    side
        Widest core, at least ``align``; cores are as equal as the alignment allows.
    context
        Pixels needed on each side; rounded up to the alignment.
    align
        Stride of the network, times 2 to the number of levels where a pyramid is built of each block: cores start and
        end at multiples of it.

    Raises
    ------
    ValueError
        The image has no pixels, or ``side`` is below ``align``.
    """
    if not shape or min(shape) < 1 or side < align:
        raise ValueError(f"blocks of {side} px, aligned to {align}, of an image {tuple(shape)}")
    most = side // align * align
    core = []
    for length in shape:
        number = -(-length // most)
        core.append(-(-length // (number * align)) * align)
    return Plan(tuple(shape), tuple(core), -(-context // align) * align)
