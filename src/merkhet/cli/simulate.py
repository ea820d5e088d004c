"""``merkhet simulate``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from merkhet.cli.output import QUIET_DEFAULT, Output
from merkhet.errors import ConfigError

_COUNTS = ("n", "tiles", "observations", "events")
_UNITS = {"size": "size_px", "exposure": "exposure_s", "overlap": "overlap_arcmin"}


@Parameter(name="*", group=Group("X-ray halos", sort_key=1))
@dataclass(frozen=True)
class HaloOptions:
    """What goes with halo_cutouts (exposure alone) and halo_survey.

    Parameters
    ----------
    tiles
        Number of tiles of halo_survey; 1 where absent.
    exposure
        Seconds of exposure at the ecliptic equator; 120 where absent.
    crowding
        Number of halos, rings and confusers over that of the sky; 1 where absent.
    overlap
        Arcminutes of sky that neighboring tiles share, a tenth of a tile at most; 20 where absent.
    """

    tiles: int | None = None
    exposure: float | None = None
    crowding: float | None = None
    overlap: float | None = None


@Parameter(name="*", group=Group("Radio snapshots", sort_key=2))
@dataclass(frozen=True)
class SnapshotOptions:
    """What goes with radio_snapshots.

    Parameters
    ----------
    observations
        Number of observations; 100 where absent. Each gives XX and YY of its sub-bands.
    array
        Array, which sets the side of a pixel; phase1 where absent.
    subbands
        Sub-bands of an observation, 1 to 4; 4 where absent.
    robust
        Robustness of the weights, -2 to 2; -1 where absent.
    prevalence
        Share of images with either artifact; 0.5 where absent. In a survey it is 0.01 to 0.03.
    strength
        Least and largest rms of an artifact over that of the noise; 0.1 5 where absent.
    truth
        Write the artifacts alone, too.
    workers
        Processes; 1 where absent.
    """

    observations: int | None = None
    array: Literal["compact", "phase1", "extended"] | None = None
    subbands: int | None = None
    robust: float | None = None
    prevalence: float | None = None
    strength: tuple[float, float] | None = None
    truth: Annotated[bool | None, Parameter(negative="")] = None
    workers: int | None = None


@Parameter(name="*", group=Group("Cherenkov events", sort_key=3))
@dataclass(frozen=True)
class ShowerOptions:
    """What goes with cherenkov.

    Parameters
    ----------
    events
        Number of recorded events; 1000 where absent.
    cameras
        Folder with tables of real cameras, such as LSTCam.camgeom.fits; built-in ones where absent.
    gammas
        Whether gammas come from the whole field, as the other particles, or from one direction; diffuse where absent.
    """

    events: int | None = None
    cameras: Path | None = None
    gammas: Literal["diffuse", "point"] | None = None


NO_HALOS, NO_SNAPSHOTS, NO_SHOWERS = HaloOptions(), SnapshotOptions(), ShowerOptions()


def simulate(
    case: Literal["radio_galaxies", "halo_cutouts", "halo_survey", "radio_snapshots", "cherenkov"],
    out: Path,
    /,
    *,
    n: Annotated[int | None, Parameter(name=["--n", "-n"])] = None,
    size: int | None = None,
    halos: HaloOptions = NO_HALOS,
    snapshots: SnapshotOptions = NO_SNAPSHOTS,
    showers: ShowerOptions = NO_SHOWERS,
    seed: int = 1,
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Make a data set with known truth: images or events, a table and the parameters that made them.

    Example: merkhet simulate radio_galaxies sky --n 2000 --seed 1

    Parameters
    ----------
    case
        What to simulate. radio_galaxies: FRI and FRII galaxies as a 1.4 GHz survey with a 5.4" beam sees them.
        halo_cutouts: X-ray dust-scattering halos and what is taken for them, as an all-sky survey sees them.
        halo_survey: whole tiles of that survey, with halos, rings, exposure and background maps.
        radio_snapshots: low-frequency snapshots of an aperture array, with and without interference (RFI) and sources
        in a sidelobe of the primary beam (SIS).
        cherenkov: showers of gammas, electrons and protons, as an array of Cherenkov telescopes of three types records
        them.
    out
        Folder to make.
    n
        Number of images of radio_galaxies or halo_cutouts; 1000 where absent.
    size
        Side of an image in pixels. Where absent: 150 for radio_galaxies, 64 for halo_cutouts, 3240 for halo_survey,
        512 for radio_snapshots.
    seed
        Seed; each image depends on the seed and its own number alone.
    overwrite
        Replace an output that exists.
    """
    chosen = _CASES[case]
    options = {"n": n, "size": size} | vars(halos) | vars(snapshots) | vars(showers)
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    number = given.pop(chosen.option, chosen.number)
    for name in given:
        if name in _COUNTS:
            raise ConfigError(f"--{name} does not go with {case}; say how many with --{chosen.option}")
    changed = {_UNITS.get(name, name): value for name, value in given.items()}
    foreign = [name for name in given if _UNITS.get(name, name) not in chosen.options]
    if foreign:
        raise ConfigError(f"--{foreign[0]} does not go with {case}")
    with output.progress(f"simulating {case}") as progress:
        table = chosen.run(
            out, number=number, seed=seed, changed=changed, options={"overwrite": overwrite, "progress": progress}
        )
    output.say(f"{number} {chosen.things} and their {chosen.made}: {table}")
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


def _radio_snapshots(out: Path, *, number: int, seed: int, changed: dict[str, Any], options: dict[str, Any]) -> Path:
    from merkhet.simulate.radio_snapshots import Survey
    from merkhet.simulate.radio_snapshots import simulate as run

    options |= {name: changed.pop(name) for name in ("truth", "workers") if name in changed}
    if "strength" in changed:
        changed["min_strength"], changed["max_strength"] = changed.pop("strength")
    return run(out, observations=number, seed=seed, survey=Survey(**changed), **options)


def _cherenkov(out: Path, *, number: int, seed: int, changed: dict[str, Any], options: dict[str, Any]) -> Path:
    from merkhet.simulate.cherenkov import Observation
    from merkhet.simulate.cherenkov import simulate as run

    cameras = changed.pop("cameras", None)
    return run(out, events=number, seed=seed, observation=Observation(**changed), cameras=cameras, **options)


@dataclass(frozen=True)
class _Case:
    """What can be simulated: the option that says how many, its default, of what, how, other options, what is made."""

    option: str
    number: int
    things: str
    run: Callable[..., Path]
    options: tuple[str, ...]
    made: str = "table"


_CASES = {
    "radio_galaxies": _Case("n", 1000, "images", _radio_galaxies, ("size_px",)),
    "halo_cutouts": _Case("n", 1000, "cutouts", _halo_cutouts, ("size_px", "exposure_s")),
    "halo_survey": _Case("tiles", 1, "tiles", _halo_survey, ("size_px", "exposure_s", "crowding", "overlap_arcmin")),
    "radio_snapshots": _Case(
        "observations",
        100,
        "observations",
        _radio_snapshots,
        ("size_px", "array", "subbands", "robust", "prevalence", "strength", "truth", "workers"),
    ),
    "cherenkov": _Case("events", 1000, "events", _cherenkov, ("cameras", "gammas"), "files"),
}
