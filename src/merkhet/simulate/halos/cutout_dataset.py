"""A data set of cutouts: images, exposure maps, and the table in the columns of the published halo detector."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from merkhet.execute import Progress
from merkhet.io.atomic import os_errors, prepare_folder, write_text
from merkhet.simulate.halos.cutouts import MAX_CUTOUT_PX, Cutout, cutouts
from merkhet.simulate.halos.exposure import Coverage
from merkhet.simulate.halos.sphere import ra_dec
from merkhet.simulate.halos.survey import CUTOUT_PX, Survey, command
from merkhet.simulate.records import RECORD, check_count, check_seed, interrupted, write_each, write_record

IMAGE_FOLDER, EXPOSURE_FOLDER, TABLE = "images", "exposure", "catalog.csv"
SPLIT_TRAIN, SPLIT_VAL = 0.7, 0.15
GOLDEN = 0.6180339887498949

COLUMNS = {
    "relative_path": "s",
    "split": "s",
    "filename": "s",
    "distance": ".4f",
    "nh_unif": ".5g",
    "nh_wco": ".5g",
    "cloud_bits": "s",
    "label": "s",
    "group": "s",
    "source_id": "s",
    "kind": "s",
    "scar": "s",
    "exposure_path": "s",
    "ra": ".7f",
    "dec": ".7f",
    "x": ".3f",
    "y": ".3f",
    "snr": ".3f",
    "size_arcsec": ".2f",
    "inner_arcsec": ".2f",
    "outer_arcsec": ".2f",
    "halo_counts": ".2f",
    "psf_counts": ".2f",
    "background_counts": ".2f",
    "delay_days": ".5g",
    "exposure_s": ".2f",
}


def simulate_cutouts(
    out: str | Path,
    *,
    n: int,
    seed: int,
    survey: Survey | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write ``n`` cutouts, half of absorbed sources and half of confusers, and the table of their truth.

    Cutout ``i`` depends on the seed, the survey and ``i`` alone: the first hundred of a thousand are the hundred.

    Parameters
    ----------
    out
        Folder to make: ``images/*.fits`` and ``exposure/*.fits`` (float32; counts, seconds), ``catalog.csv``,
        ``simulation.json``.
    n
        Number of cutouts.
    seed
        Not negative.
    survey
        Depth and size; 64 pixels of 4 arcsec where absent, 512 at most.
    overwrite
        Clear the folder first if it holds anything.
    progress
        Called as ``progress(done, n)`` after each cutout.

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
        CTRL-C was pressed. The table holds the cutouts that were finished.
    """
    survey = survey or Survey(size_px=CUTOUT_PX)
    images = observe_cutouts(n, seed=seed, survey=survey)
    out = prepare_folder(out, marker=RECORD, overwrite=overwrite)
    with os_errors(out):
        (out / IMAGE_FOLDER).mkdir()
        (out / EXPOSURE_FOLDER).mkdir()
    rows: list[str] = []

    def write(index: int, cutout: Cutout) -> None:
        rows.append(_write(cutout, out, name=f"c{seed}_{index:06d}"))

    whole = write_each(images, write, total=n, progress=progress)
    table = _write_tables(out, rows, n=n, seed=seed, survey=survey)
    if not whole:
        raise interrupted(out, finished=len(rows), total=n, things="cutouts", table=TABLE)
    return table


def observe_cutouts(n: int, *, seed: int, survey: Survey) -> Iterator[Cutout]:
    """Return the first ``n`` cutouts of a seed, one after another, without writing anything.

    Raises
    ------
    ConfigError
        ``n``, ``seed`` or the size of the survey is out of its range.
    """
    check_count("n", n)
    check_seed(seed)
    check_count("size_px", survey.size_px, most=MAX_CUTOUT_PX)
    coverage = Coverage(survey, seed)
    return islice(chain.from_iterable(cutouts(slot, coverage=coverage) for slot in range((n + 1) // 2)), n)


def split_of(sightline: int) -> str:
    """Return the side of a sightline: 70 % train, 15 % val, 15 % test, evenly among any that follow each other."""
    place = sightline * GOLDEN % 1
    if place < SPLIT_TRAIN:
        return "train"
    return "val" if place < SPLIT_TRAIN + SPLIT_VAL else "test"


def _write(cutout: Cutout, out: Path, *, name: str) -> str:
    """Write an image with its exposure map and return its row of the table."""
    image, exposure = (out / folder / f"{name}.fits" for folder in (IMAGE_FOLDER, EXPOSURE_FOLDER))
    try:
        _write_image(image, cutout.counts, header=cutout.frame.header(name=name, unit="count"))
        _write_image(exposure, cutout.exposure, header=cutout.frame.header(name=name, unit="s"))
    except BaseException:
        image.unlink(missing_ok=True)
        exposure.unlink(missing_ok=True)
        raise
    return _row(cutout, source_id=name)


def _write_image(path: Path, image: npt.NDArray[np.float32], *, header: fits.Header) -> None:
    with os_errors(path):
        fits.PrimaryHDU(image, header=header).writeto(path)


def _row(cutout: Cutout, *, source_id: str) -> str:
    signal, dust, source = cutout.signal, cutout.dust, cutout.source
    thin = source.sightline.n_h_cm2 if source and source.sightline else 0.0  # of a confuser; most have none
    ra, dec = ra_dec(cutout.position)
    x, y = cutout.frame.pixels(cutout.position[None])
    values: dict[str, Any] = {
        "relative_path": f"{IMAGE_FOLDER}/{source_id}.fits",
        "split": split_of(cutout.sightline),
        "filename": f"{source_id}.fits",
        "distance": dust.sightline.distance_kpc if dust else np.nan,
        "nh_unif": dust.nh_unif if dust else thin,
        "nh_wco": dust.nh_wco if dust else 0.0,
        "cloud_bits": dust.cloud_bits if dust else "0" * 15,
        "label": signal.label,
        "group": f"sightline_{cutout.sightline:05d}",
        "source_id": source_id,
        "kind": cutout.kind,
        "scar": cutout.scar,
        "exposure_path": f"{EXPOSURE_FOLDER}/{source_id}.fits",
        "ra": float(ra),
        "dec": float(dec),
        "x": float(x[0]),
        "y": float(y[0]),
        "snr": signal.snr,
        "size_arcsec": source.size_arcsec if source else np.nan,
        "inner_arcsec": signal.inner_arcsec,
        "outer_arcsec": signal.outer_arcsec,
        "halo_counts": signal.halo,
        "psf_counts": signal.psf,
        "background_counts": signal.background,
        "delay_days": source.delay_days if source else np.nan,
        "exposure_s": float(cutout.exposure.mean()),
    }
    texts = (format(values[column], form) for column, form in COLUMNS.items())
    return ",".join("" if text == "nan" else text for text in texts)


def _write_tables(out: Path, rows: list[str], *, n: int, seed: int, survey: Survey) -> Path:
    """Write the record of the simulation, then the table."""
    case, number, default = "halo_cutouts", ("n", n), Survey(size_px=CUTOUT_PX)
    again = command(out, case=case, number=number, seed=seed, survey=survey, default=default)
    write_record(out, case=case, command=again, number=number, finished=len(rows), seed=seed, survey=survey)
    write_text(out / TABLE, "\n".join([",".join(COLUMNS), *rows]) + "\n")
    return out / TABLE
