"""The header of an interferometer's image: Jy/beam, beam, frequency, and world coordinates."""

from astropy.io import fits

from merkhet import __version__
from merkhet.simulate.interferometer.restore import RestoringBeam
from merkhet.simulate.interferometer.subbands import Subband


def image_header(
    *, size_px: int, center_deg: tuple[float, float], pixel_deg: float, subband: Subband, beam: RestoringBeam
) -> fits.Header:
    """Describe a square image whose phase center is pixel ``size_px / 2``, counted from 0, on both axes.

    Parameters
    ----------
    center_deg
        Right ascension and declination of the phase center.
    pixel_deg
        Side of a pixel.
    """
    header = fits.Header()
    header["ORIGIN"] = (f"merkhet {__version__}", "simulated, not observed")
    header["BUNIT"] = "Jy/beam"
    header["BMAJ"] = (beam.major_px * pixel_deg, "[deg]")
    header["BMIN"] = (beam.minor_px * pixel_deg, "[deg]")
    header["BPA"] = (beam.pa_deg, "[deg]")
    header["RESTFRQ"] = (subband.frequency_hz, "[Hz] middle of the sub-band")
    header["BANDWID"] = (subband.bandwidth_hz, "[Hz]")
    header["RADESYS"] = "ICRS"
    axes = zip(("RA---SIN", "DEC--SIN"), center_deg, (-pixel_deg, pixel_deg), strict=True)
    for axis, (kind, value, step) in enumerate(axes, start=1):
        header[f"CTYPE{axis}"], header[f"CUNIT{axis}"] = kind, "deg"
        header[f"CRVAL{axis}"], header[f"CRPIX{axis}"], header[f"CDELT{axis}"] = value, size_px // 2 + 1, step
    return header
