"""``merkhet simulate``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from merkhet.cli.output import QUIET_DEFAULT, Output


def simulate(
    case: Literal["radio_galaxies"],
    out: Path,
    /,
    *,
    n: Annotated[int, Parameter(name=["--n", "-n"])] = 1000,
    seed: int = 1,
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Make a data set with known truth: FITS images, a table and the parameters that made them.

    Example: merkhet simulate radio_galaxies sky --n 2000 --seed 1

    Parameters
    ----------
    case
        What to simulate. radio_galaxies: FRI and FRII galaxies as a 1.4 GHz survey with a 5.4" beam sees them.
    out
        Folder to make.
    n
        Number of sources.
    seed
        Seed; each source depends on the seed and its own number alone.
    overwrite
        Replace an output that exists.
    """
    from merkhet.simulate.radio_galaxies import simulate as run_simulation

    with output.progress(f"simulating {case}") as progress:
        table = run_simulation(out, n=n, seed=seed, overwrite=overwrite, progress=progress)
    output.say(f"{n} images and their table: {table}")
    output.summary(table=table, n=n, seed=seed)
    return 0
