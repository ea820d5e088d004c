"""An event list made into a counts image on disk."""

from pathlib import Path

from astropy.io import fits

from merkhet import __version__
from merkhet.errors import InputError, OutputError
from merkhet.io.atomic import atomic_path, refuse_existing
from merkhet.io.events import count_events, image_frame, parse_energy, read_events, select_energy
from merkhet.io.fits import ImageFile
from merkhet.io.wcs import celestial_wcs

_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz")


def bin_image(
    events: str | Path,
    out: str | Path,
    *,
    energy: tuple[str, str] | None = None,
    pixel_arcsec: float = 4.0,
    size_px: int | None = None,
    center: tuple[float, float] | None = None,
    like: str | Path | None = None,
    hdu: int | str | None = None,
    overwrite: bool = False,
) -> tuple[int, int]:
    """Count the events of a list into an image of int32 with world coordinates; see ``merkhet bin``.

    Parameters
    ----------
    events, hdu
        See :func:`merkhet.io.events.read_events`.
    out
        Image to make.
    energy
        Lowest energy and upper bound, each with its unit (:func:`merkhet.io.events.parse_energy`).
    pixel_arcsec, size_px, center
        See :func:`merkhet.io.events.image_frame`.
    like
        Image whose pixels to use in place of these.
    overwrite
        Replace an output that exists.

    Returns
    -------
    counted, total
        Events in the image, and in the list.

    Raises
    ------
    InputError
        The list cannot be used, has no energies, or ``like`` has no world coordinates.
    OutputError
        The output exists, cannot be written, or is no FITS file by its name.
    """
    out = refuse_existing(out, overwrite=overwrite)
    if not out.name.lower().endswith(_SUFFIXES):
        raise OutputError(out, "is no FITS file by its name", expected=" or ".join(_SUFFIXES[::2]))
    listed = read_events(events, hdu=hdu)
    total = len(listed.x)
    if energy is not None:
        listed = select_energy(listed, *(parse_energy(text) for text in energy))
    if like is None:
        header, shape = image_frame(listed, pixel_arcsec=pixel_arcsec, size_px=size_px, center=center)
        wcs = celestial_wcs(header)
    else:
        with ImageFile(like) as image:
            wcs, shape = image.info.wcs, (image.info.shape[-2], image.info.shape[-1])
        header = listed.header.copy()
        if wcs is not None:
            for key in ("RADESYS", "EQUINOX"):
                header.remove(key, ignore_missing=True)
            header.update(wcs.to_header(relax=True))
    if wcs is None:
        raise InputError(like or events, "has no world coordinates", expected="an image with a celestial WCS")
    counts = count_events(listed, wcs=wcs, shape=shape)
    header["BUNIT"] = "count"
    header["CREATOR"] = f"merkhet {__version__}"
    with atomic_path(out) as temporary:
        fits.PrimaryHDU(counts, header=header).writeto(temporary)
    return int(counts.sum()), total
