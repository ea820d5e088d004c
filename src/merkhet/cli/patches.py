"""``merkhet patches``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merkhet.cli.output import QUIET_DEFAULT, Output


def patches(
    tiles: Path,
    /,
    *more: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    size: int = 192,
    levels: int = 7,
    classes: tuple[str, ...] = ("halo", "ring"),
    seed: int = 1,
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Cut patches out of survey tiles whose sources are known, for a detector to learn from.

    Each source is cut out on the levels of the pyramid that suit its size, counts summed by 2 x 2 pixels from level
    to level. The result is a pack for merkhet train halo_scan.

    Example: merkhet patches sky/tiles.csv --out patches

    Parameters
    ----------
    tiles
        Table of tiles, columns image, exposure and background; truth.ecsv lies beside it.
    more
        Further such tables.
    out
        Folder to make.
    size
        Side of a patch in pixels of its level, a multiple of 16.
    levels
        Number of levels; the first is that of the images.
    classes
        Kinds of objects; a positive of another kind counts as the first.
    seed
        Draws where in its patch a source lies.
    overwrite
        Replace an output that exists.
    """
    from merkhet.scan.patches import Spec, cut_patches

    spec = Spec(size_px=size, levels=levels, classes=classes)
    with output.progress("cutting tiles") as progress:
        folder = cut_patches([tiles, *more], out, spec=spec, seed=seed, overwrite=overwrite, progress=progress)
    output.say(f"pack of patches: {folder}")
    output.summary(pack=folder, seed=seed)
    return 0
