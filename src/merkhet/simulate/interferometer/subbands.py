"""The frequencies of a survey: coarse channels of 1.28 MHz, sub-bands of six, observations of four sub-bands."""

from dataclasses import dataclass

COARSE_MHZ = 1.28
SUBBAND_CHANNELS = 6
# First coarse channels of the five tunings of 30.72 MHz between 72 and 231 MHz (Wayth et al. 2015, PASA 32, e025);
# 134 to 139 MHz, where satellites transmit, lies between two of them.
TUNINGS = (57, 81, 109, 133, 157)
TUNING_SUBBANDS = 4


@dataclass(frozen=True)
class Subband:
    """Six neighboring coarse channels, imaged together.

    Attributes
    ----------
    first_channel
        The lowest; channel ``n`` is centered on ``1.28 n`` MHz.
    """

    first_channel: int

    @property
    def channel(self) -> float:
        """Coarse channel number of the middle, which sets the pixel scale."""
        return self.first_channel + 0.5 * (SUBBAND_CHANNELS - 1)

    @property
    def frequency_hz(self) -> float:
        """Frequency of the middle."""
        return self.channel * COARSE_MHZ * 1e6

    @property
    def bandwidth_hz(self) -> float:
        """Width."""
        return SUBBAND_CHANNELS * COARSE_MHZ * 1e6

    @property
    def name(self) -> str:
        """Lower and upper limit in whole megahertz, as survey files are named: ``147-154MHz``."""
        low = (self.first_channel - 0.5) * COARSE_MHZ
        return f"{round(low)}-{round(low + SUBBAND_CHANNELS * COARSE_MHZ)}MHz"


def tuning(number: int) -> tuple[Subband, ...]:
    """Return the four sub-bands of one of the five tunings, the lowest frequency first."""
    return tuple(Subband(TUNINGS[number] + SUBBAND_CHANNELS * k) for k in range(TUNING_SUBBANDS))
