"""``merkhet inject``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from merkhet.cli.numbers import AtLeastOne
from merkhet.cli.output import QUIET_DEFAULT, Output


def inject(
    *images: str,
    out: Path,
    n: Annotated[AtLeastOne, Parameter(name=["--n", "-n"])] = 50,
    snr: tuple[float, float] = (10.0, 30.0),
    kind: Literal["halo", "ring", "both"] = "halo",
    per_image: AtLeastOne | None = None,
    psf: tuple[float, float] = (8.7, 1.5),
    exposure: Annotated[tuple[Path, ...] | None, Parameter(consume_multiple=True)] = None,
    background: Annotated[tuple[Path, ...] | None, Parameter(consume_multiple=True)] = None,
    seed: int = 1,
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Put halos and rings of known strength into copies of your own images, to measure what a detector finds of them.

    Scan the copies and score the catalog: merkhet scan MODEL OUT/tiles.csv --separate --out found.ecsv, then merkhet
    evaluate found.ecsv --truth OUT/truth.ecsv --tiles OUT/tiles.csv --separate.

    Example: merkhet inject field.fits --exposure field_exposure.fits --out injected --n 50 --snr 10 30 --seed 1

    Parameters
    ----------
    images
        FITS images of counts: files, folders, patterns, or a table with columns image, exposure and background. They
        are only read.
    out
        Folder to make: images, tiles.csv, truth.ecsv.
    n
        Number of sources in all. There are as many copies of the images as it takes.
    snr
        Least and largest signal to noise ratio: halo / sqrt(halo + psf + background) in the annulus where it is best.
    kind
        halo, ring, or both.
    per_image
        Sources in one copy; one in a tenth of a square degree where absent.
    psf
        Core radius in arcsec and alpha of the point-spread function (1 + (r/core)^2)^-alpha: 8.7 1.5 for eROSITA's
        survey, 5 1.5 or so for XMM-Newton.
    exposure
        Exposure maps, one for each image, in their order.
    background
        Maps of the expected background counts, one for each image; estimated where there are none.
    seed
        Seed.
    overwrite
        Replace an output that exists.
    """
    from merkhet.errors import ConfigError
    from merkhet.scan.inject import inject as run
    from merkhet.scan.injected import Injection
    from merkhet.simulate.halos.psf import King

    if not images:
        raise ConfigError("there are no images; name files, folders, patterns, or a table")
    injection = Injection(number=n, snr=snr, kind=kind, per_image=per_image, psf=King(*psf))
    maps = {"exposure": exposure, "background": background}
    with output.progress("injecting") as progress:
        truth = run(images, out, injection=injection, seed=seed, overwrite=overwrite, progress=progress, **maps)
    output.say(f"{n} sources and their table: {truth}")
    output.summary(table=truth, n=n, seed=seed)
    return 0
