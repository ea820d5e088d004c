"""``merkhet simulate``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from merkhet.cli.output import QUIET_DEFAULT, Output
from merkhet.errors import ConfigError


def simulate(
    case: Literal["radio_galaxies", "halo_cutouts", "halo_survey"],
    out: Path,
    /,
    *,
    n: Annotated[int | None, Parameter(name=["--n", "-n"])] = None,
    tiles: int | None = None,
    size: int | None = None,
    exposure: float | None = None,
    crowding: float | None = None,
    overlap: float | None = None,
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
        halo_cutouts: X-ray dust-scattering halos and what is taken for them, as an all-sky survey sees them.
        halo_survey: whole tiles of that survey, with halos, rings, exposure and background maps.
    out
        Folder to make.
    n
        Number of images of radio_galaxies or halo_cutouts; 1000 where absent.
    tiles
        Number of tiles of halo_survey; 1 where absent.
    size
        Side of an image in pixels. Where absent: 150 for radio_galaxies, 64 for halo_cutouts, 3240 for halo_survey.
    exposure
        Seconds of exposure of the halo cases at the ecliptic equator; 120 where absent.
    crowding
        Number of halos, rings and confusers of halo_survey over that of the sky; 1 where absent.
    overlap
        Arcminutes of sky that neighboring tiles of halo_survey share, a tenth of a tile at most; 20 where absent.
    seed
        Seed; each image depends on the seed and its own number alone.
    overwrite
        Replace an output that exists.
    """
    chosen = _CASES[case]
    given = {"n": n, "tiles": tiles}
    number = given.pop(chosen.option)
    for other, value in given.items():
        if value is not None:
            raise ConfigError(f"--{other} does not go with {case}; say how many with --{chosen.option}")
    number = chosen.number if number is None else number
    options = {"size_px": size, "exposure_s": exposure, "crowding": crowding, "overlap_arcmin": overlap}
    changed: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    foreign = [name for name in changed if name not in chosen.options]
    if foreign:
        raise ConfigError(f"--{foreign[0].split('_')[0]} does not go with {case}")
    with output.progress(f"simulating {case}") as progress:
        table = chosen.run(
            out, number=number, seed=seed, changed=changed, options={"overwrite": overwrite, "progress": progress}
        )
    output.say(f"{number} {chosen.things} and their table: {table}")
    output.summary(table=table, seed=seed, **{chosen.option: number})
    return 0


def _radio_galaxies(out: Path, *, number: int, seed: int, changed: dict[str, Any], options: dict[str, Any]) -> Path:
    from merkhet.simulate.radio_galaxies import Survey
    from merkhet.simulate.radio_galaxies import simulate as run

    return run(out, n=number, seed=seed, size_px=int(changed.get("size_px", Survey.size_px)), **options)


def _halo_cutouts(out: Path, *, number: int, seed: int, changed: dict[str, Any], options: dict[str, Any]) -> Path:
    from merkhet.simulate.halos import Survey, simulate_cutouts
    from merkhet.simulate.halos.survey import CUTOUT_PX

    return simulate_cutouts(out, n=number, seed=seed, survey=Survey(**{"size_px": CUTOUT_PX, **changed}), **options)


def _halo_survey(out: Path, *, number: int, seed: int, changed: dict[str, Any], options: dict[str, Any]) -> Path:
    from merkhet.simulate.halos import Survey, simulate_survey

    return simulate_survey(out, tiles=number, seed=seed, survey=Survey(**changed), **options)


@dataclass(frozen=True)
class _Case:
    """What can be simulated: the option that says how many, how many there are without it, of what, other options."""

    option: str
    number: int
    things: str
    run: Callable[..., Path]
    options: tuple[str, ...]


_CASES = {
    "radio_galaxies": _Case("n", 1000, "images", _radio_galaxies, ("size_px",)),
    "halo_cutouts": _Case("n", 1000, "cutouts", _halo_cutouts, ("size_px", "exposure_s")),
    "halo_survey": _Case("tiles", 1, "tiles", _halo_survey, ("size_px", "exposure_s", "crowding", "overlap_arcmin")),
}
