"""A data set of snapshots: images named as a survey names its own, the table of their truth, the record of both.

The physics, the distributions and their limits are written down in ``docs/simulators.md``.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from merkhet.execute import Progress, pool, unordered_map
from merkhet.io.atomic import os_errors, prepare_folder, write_text
from merkhet.simulate.radio_snapshots.observations import SLOTS
from merkhet.simulate.radio_snapshots.snapshots import Snapshot, snapshots
from merkhet.simulate.radio_snapshots.survey import Survey
from merkhet.simulate.records import RECORD, check_count, check_seed, interrupted, write_each, write_record

IMAGE_FOLDER, TRUTH_FOLDER, TABLE = "images", "truth", "catalog.csv"

COLUMNS = {
    "id": "s",
    "path": "s",
    "label": "d",
    "rfi": "d",
    "sis": "d",
    "faint": "d",
    "observation": "d",
    "polarization": "s",
    "subband": "s",
    "frequency_mhz": ".3f",
    "suffix": "s",
    "rfi_strength": ".5g",
    "sis_strength": ".5g",
    "rfi_bin": "s",
    "sis_bin": "s",
    "noise_jy": ".5g",
    "scene": "s",
    "rfi_kind": "s",
    "ra": ".6f",
    "dec": ".6f",
    "bmaj_arcsec": ".3f",
    "bmin_arcsec": ".3f",
    "bpa_deg": ".2f",
    "seed": "d",
}


@dataclass(frozen=True)
class _Job:
    """What a worker process needs to make an observation."""

    out: Path
    seed: int
    survey: Survey
    truth: bool


def simulate(
    out: str | Path,
    *,
    observations: int,
    seed: int,
    survey: Survey | None = None,
    truth: bool = False,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write the snapshots of some observations, and the table of their truth.

    Observation ``i`` depends on the seed, the survey and ``i`` alone: the first hundred of a thousand are the hundred.

    Parameters
    ----------
    out
        Folder to make: ``images/*.fits`` (float32, Jy/beam), ``catalog.csv``, ``simulation.json``.
    observations
        Their number, 20,000 at most. Each gives two images, XX and YY, for each of its sub-bands.
    seed
        Not negative.
    survey
        Geometry, and abundance of the artifacts.
    truth
        Write ``truth/*.fits`` too: two planes, RFI and SIS, that hold the artifact alone (Jy/beam).
    workers
        Processes.
    overwrite
        Clear the folder first if it holds anything.
    progress
        Called as ``progress(done, observations)`` after each observation.

    Returns
    -------
    Path
        The table. It is written last: it lists whole files only.

    Raises
    ------
    ConfigError
        An option is out of its range.
    OutputError
        The folder holds something, or cannot be written.
    Interrupted
        CTRL-C was pressed. The table holds the observations that were finished.
    """
    survey = survey or Survey()
    _check(observations, seed=seed)
    check_count("workers", workers)
    out = prepare_folder(out, marker=RECORD, overwrite=overwrite)
    with os_errors(out):
        for folder in (IMAGE_FOLDER, TRUTH_FOLDER)[: 1 + truth]:
            (out / folder).mkdir()
    done: dict[int, list[str]] = {}

    def keep(_: int, result: tuple[int, list[str]]) -> None:
        done[result[0]] = result[1]

    write = partial(_write_observation, job=_Job(out, seed, survey, truth))
    with pool(workers) as executor:
        results = unordered_map(write, range(observations), executor=executor, pending=2 * workers)
        whole = write_each(results, keep, total=observations, progress=progress)
    table = _write_tables(out, done, observations=observations, seed=seed, survey=survey, truth=truth)
    if not whole:
        raise interrupted(out, finished=len(done), total=observations, things="observations", table=TABLE)
    return table


def observe(observations: int, *, seed: int, survey: Survey) -> Iterator[Snapshot]:
    """Return the snapshots of the first observations of a seed, one after another, without writing anything.

    Raises
    ------
    ConfigError
        ``observations`` or ``seed`` is out of its range.
    """
    _check(observations, seed=seed)
    return chain.from_iterable(snapshots(index, seed=seed, survey=survey) for index in range(observations))


def _check(observations: int, *, seed: int) -> None:
    check_count("observations", observations, most=SLOTS)
    check_seed(seed)


def _write_observation(index: int, *, job: _Job) -> tuple[int, list[str]]:
    """Write the images of an observation and return its rows of the table."""
    rows: list[str] = []
    written: list[Path] = []
    try:
        for snapshot in snapshots(index, seed=job.seed, survey=job.survey):
            written.append(job.out / IMAGE_FOLDER / f"{snapshot.name}.fits")
            _write_image(written[-1], snapshot.image, header=snapshot.header())
            if job.truth:
                written.append(job.out / TRUTH_FOLDER / f"{snapshot.name}_truth.fits")
                _write_image(written[-1], snapshot.artifacts, header=snapshot.truth_header())
            rows.append(_row(snapshot, job=job))
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return index, rows


def _write_image(path: Path, image: npt.NDArray[np.float32], *, header: fits.Header) -> None:
    with os_errors(path):
        fits.PrimaryHDU(image, header=header).writeto(path)


def _columns(truth: bool) -> dict[str, str]:
    return {**COLUMNS, "truth_path": "s"} if truth else COLUMNS


def _row(snapshot: Snapshot, *, job: _Job) -> str:
    survey, rfi, sis = job.survey, snapshot.rfi_strength, snapshot.sis_strength
    labels = int(survey.present(rfi)), int(survey.present(sis))
    values: dict[str, Any] = {
        "id": snapshot.name,
        "path": f"{IMAGE_FOLDER}/{snapshot.name}.fits",
        "label": labels[0] + 2 * labels[1],
        "rfi": labels[0],
        "sis": labels[1],
        "faint": int(survey.faint(rfi) or survey.faint(sis)),
        "rfi_strength": rfi,
        "sis_strength": sis,
        "rfi_bin": survey.strength_bin(rfi),
        "sis_bin": survey.strength_bin(sis),
        "seed": job.seed,
        "truth_path": f"{TRUTH_FOLDER}/{snapshot.name}_truth.fits",
        **snapshot.facts(),
    }
    return ",".join(format(values[column], form) for column, form in _columns(job.truth).items())


def _write_tables(
    out: Path, done: dict[int, list[str]], *, observations: int, seed: int, survey: Survey, truth: bool
) -> Path:
    """Write the record of the simulation, then the table."""
    write_record(
        out,
        case="radio_snapshots",
        command=_command(out, observations=observations, seed=seed, survey=survey, truth=truth),
        number=("observations", observations),
        finished=len(done),
        seed=seed,
        survey=survey,
    )
    rows = chain.from_iterable(done[index] for index in sorted(done))
    write_text(out / TABLE, "\n".join([",".join(_columns(truth)), *rows]) + "\n")
    return out / TABLE


def _command(out: Path, *, observations: int, seed: int, survey: Survey, truth: bool) -> str:
    """Return what makes the same images again: the command line, or Python for what it has no options for."""
    default = Survey()
    if survey.strength_edges != default.strength_edges:
        return f"{__package__}.simulate({str(out)!r}, {observations=}, {seed=}, {survey=}, {truth=})"
    words = ["merkhet", "simulate", "radio_snapshots", str(out), "--observations", str(observations)]
    for option, field in (
        ("--size", "size_px"),
        ("--array", "array"),
        ("--subbands", "subbands"),
        ("--robust", "robust"),
        ("--prevalence", "prevalence"),
    ):
        if getattr(survey, field) != getattr(default, field):
            words += [option, str(getattr(survey, field))]
    strength = survey.min_strength, survey.max_strength
    if strength != (default.min_strength, default.max_strength):
        words += ["--strength", *map(str, strength)]
    return shlex.join([*words, *(["--truth"] if truth else []), "--seed", str(seed)])
