"""Radio galaxies of Fanaroff-Riley classes I and II, as VLA FIRST would see them at 1.4 GHz.

The physics, the distributions and their limits are written down in ``docs/simulators.md``.
"""

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any

from astropy.io import fits

from merkhet import __version__
from merkhet.errors import ConfigError
from merkhet.execute import Progress
from merkhet.io.atomic import os_errors, prepare_folder, write_text
from merkhet.simulate.radio_galaxies.fields import Cutout, cutouts
from merkhet.simulate.radio_galaxies.survey import Survey
from merkhet.simulate.records import RECORD, check_seed, interrupted, write_each, write_record

FREQUENCY_HZ = 1.4e9
IMAGE_FOLDER, TABLE = "images", "catalog.csv"

COLUMNS = {
    "source_id": "s",
    "path": "s",
    "label": "s",
    "ra": ".7f",
    "dec": ".7f",
    "redshift": ".4f",
    "las_arcsec": ".2f",
    "peak_snr": ".2f",
    "group": "d",
    "subclass": "s",
    "flux_jy": ".6g",
    "peak_jy_beam": ".6g",
    "rms_jy_beam": ".6g",
    "fr_ratio": ".3f",
    "pa_deg": ".2f",
    "inclination_deg": ".2f",
    "core_x": ".3f",
    "core_y": ".3f",
}


def simulate(
    out: str | Path,
    *,
    n: int,
    seed: int,
    size_px: int = Survey.size_px,
    pixel_scale_arcsec: float = Survey.pixel_scale_arcsec,
    beam_fwhm_arcsec: float = Survey.beam_fwhm_arcsec,
    rms_mjy_beam: float = Survey.rms_mjy_beam,
    uncleaned_fraction: float = Survey.uncleaned_fraction,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write ``n`` FITS maps of radio galaxies, the table of their truth and the record of how they were made.

    Source ``i`` depends on the seed, the survey and ``i`` alone: the first hundred of a thousand are the hundred.

    Parameters
    ----------
    out
        Folder to make: ``images/*.fits`` (float32, Jy/beam), ``catalog.csv``, ``simulation.json``.
    n
        Number of maps.
    seed
        Not negative.
    size_px, pixel_scale_arcsec, beam_fwhm_arcsec, rms_mjy_beam, uncleaned_fraction
        See `merkhet.simulate.radio_galaxies.survey.Survey`; the defaults are those of VLA FIRST.
    overwrite
        Clear the folder first if it holds anything.
    progress
        Called as ``progress(done, n)`` after each map.

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
        CTRL-C was pressed. The table holds the maps that were finished.
    """
    survey = Survey(size_px, pixel_scale_arcsec, beam_fwhm_arcsec, rms_mjy_beam, uncleaned_fraction)
    maps = observe(n, seed=seed, survey=survey)
    out = prepare_folder(out, marker=RECORD, overwrite=overwrite)
    with os_errors(out):
        (out / IMAGE_FOLDER).mkdir()
    rows: list[str] = []

    def write(index: int, cutout: Cutout) -> None:
        rows.append(_write(cutout, out, name=f"s{seed}_{index:06d}", survey=survey))

    whole = write_each(maps, write, total=n, progress=progress)
    table = _write_tables(out, rows, n=n, seed=seed, survey=survey)
    if not whole:
        raise interrupted(out, finished=len(rows), total=n, things="maps", table=TABLE)
    return table


def observe(n: int, *, seed: int, survey: Survey) -> Iterator[Cutout]:
    """Return the first ``n`` maps of a seed, one after another, without writing anything.

    Raises
    ------
    ConfigError
        ``n`` or ``seed`` is out of its range.
    """
    if n < 1:
        raise ConfigError(f"n is {n}; expected the number of maps, 1 or more")
    check_seed(seed)
    slots = (cutouts(slot, seed=seed, survey=survey) for slot in range((n + 1) // 2))
    return islice(chain.from_iterable(slots), n)


def _write(cutout: Cutout, out: Path, *, name: str, survey: Survey) -> str:
    """Write a map and return its row of the table."""
    path = out / IMAGE_FOLDER / f"{name}.fits"
    try:
        with os_errors(path):
            fits.PrimaryHDU(cutout.image, header=_header(cutout, name=name, survey=survey)).writeto(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return _row(cutout, source_id=name, path=path.relative_to(out))


def _header(cutout: Cutout, *, name: str, survey: Survey) -> fits.Header:
    """Describe a map as FIRST does its own, but for the class: no reader shall learn it here."""
    header = fits.Header()
    scale, beam = survey.pixel_scale_arcsec / 3600, survey.beam_fwhm_arcsec / 3600
    header["OBJECT"] = name
    header["ORIGIN"] = (f"merkhet {__version__}", "simulated, not observed")
    header["BUNIT"] = "Jy/beam"
    header["BMAJ"], header["BMIN"], header["BPA"] = (beam, "[deg]"), (beam, "[deg]"), (0.0, "[deg]")
    header["RESTFRQ"] = (FREQUENCY_HZ, "[Hz]")
    header["RADESYS"] = "ICRS"
    axes = zip(("RA---SIN", "DEC--SIN"), cutout.center_sky, cutout.center_px, (-scale, scale), strict=True)
    for axis, (kind, value, pixel, step) in enumerate(axes, start=1):
        header[f"CTYPE{axis}"], header[f"CUNIT{axis}"] = kind, "deg"
        header[f"CRVAL{axis}"], header[f"CRPIX{axis}"], header[f"CDELT{axis}"] = value, pixel + 1, step
    return header


def _row(cutout: Cutout, *, source_id: str, path: Path) -> str:
    galaxy, traits = cutout.galaxy, cutout.galaxy.traits
    values: dict[str, Any] = {
        "source_id": source_id,
        "path": path.as_posix(),
        "label": galaxy.label,
        "subclass": galaxy.subclass,
        "ra": cutout.core_sky[0],
        "dec": cutout.core_sky[1],
        "redshift": traits.redshift,
        "las_arcsec": traits.las_arcsec,
        "flux_jy": traits.flux_jy,
        "peak_jy_beam": cutout.peak_jy_beam,
        "rms_jy_beam": cutout.rms_jy_beam,
        "peak_snr": cutout.peak_jy_beam / cutout.rms_jy_beam,
        "fr_ratio": galaxy.fr_ratio,
        "pa_deg": traits.pa_deg,
        "inclination_deg": traits.inclination_deg,
        "core_x": cutout.core_px[0],
        "core_y": cutout.core_px[1],
        "group": cutout.group,
    }
    return ",".join(format(values[column], form) for column, form in COLUMNS.items())


def _write_tables(out: Path, rows: list[str], *, n: int, seed: int, survey: Survey) -> Path:
    """Write the record of the simulation, then the table."""
    again = _command(out, n=n, seed=seed, survey=survey)
    write_record(
        out, case="radio_galaxies", command=again, number=("n", n), finished=len(rows), seed=seed, survey=survey
    )
    write_text(out / TABLE, "\n".join([",".join(COLUMNS), *rows]) + "\n")
    return out / TABLE


def _command(out: Path, *, n: int, seed: int, survey: Survey) -> str:
    """Return what makes the same maps again: the command line, or Python for a survey that it has no options for."""
    if survey == Survey():
        return shlex.join(["merkhet", "simulate", "radio_galaxies", str(out), "--n", str(n), "--seed", str(seed)])
    options = {"n": n, "seed": seed, **asdict(survey)}
    return f"{__package__}.simulate({str(out)!r}, {', '.join(f'{name}={value!r}' for name, value in options.items())})"
