"""What the images of an observation share: time, pointing, tuning, the kind of sky, what was done to the images."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

import numpy as np

from merkhet.simulate.interferometer.arrays import ARRAYS, Array
from merkhet.simulate.interferometer.pointing import Pointing
from merkhet.simulate.interferometer.subbands import TUNING_SUBBANDS, TUNINGS, Subband, tuning
from merkhet.simulate.radio_snapshots.streams import Stream, generator
from merkhet.simulate.radio_snapshots.survey import Survey

Scene = Literal["clean", "galactic_plane", "a_team", "calibration_error", "ionosphere"]
SCENES: tuple[Scene, ...] = get_args(Scene)
SCENE_SHARES = (0.5, 0.14, 0.1, 0.13, 0.13)

FIRST_GPS, SEED_SECONDS, SEEDS = 1_060_000_000, 2_400_000, 100  # seeds 0 to 99 share no time, and 100 is 0 again
CADENCE_S, DURATION_S = 120, 112
SLOTS, STRIDE = 20_000, 12_361  # of a seed's time; neighbors in number are half a week and 77 degrees of sky apart
GPS_EPOCH = datetime(1980, 1, 6)
J2000 = datetime(2000, 1, 1, 12)
LEAPS = (1_025_136_015, 1_119_744_016, 1_167_264_017)  # GPS times of the leap seconds of 2012, 2015, 2016

# Declinations at which drift scans point (Wayth et al. 2015, PASA 32, e025), degrees.
DECLINATIONS = (-72.0, -55.0, -40.1, -26.7, -13.0, 1.6, 18.6)
MAX_HOUR_ANGLE = np.deg2rad(15)

NOISE_JY, NOISE_FREQUENCY_HZ, NOISE_INDEX = 0.025, 155e6, -2.3  # noise follows the brightness of the Galaxy
NOISE_SCATTER, IMAGE_NOISE_SCATTER = 0.2, 0.05  # of the natural logarithm: observations, images of one
GALACTIC_NOISE = 1.5

CORRECTED_SHARE = 0.15
BLANKED_SHARE = 0.12


@dataclass(frozen=True)
class Observation:
    """What is the same for all images of an observation.

    Attributes
    ----------
    index, seed
        Its number from 0, and the seed.
    gps
        Start, seconds of GPS time: the number in the names of its files.
    array
        The interferometer.
    pointing
        Phase center, and direction to which the tiles are steered.
    subbands
        The lowest frequency first.
    scene
        What kind of sky or trouble it shows.
    corrected
        Whether the images are divided by the primary beam.
    blank_edge
        ``(angle, distance)`` of a straight edge beyond which pixels are blank, the distance from the middle in half
        fields; None for none.
    noise_factor
        Its noise over the law's.
    """

    index: int
    seed: int
    gps: int
    array: Array
    pointing: Pointing
    subbands: tuple[Subband, ...]
    scene: Scene
    corrected: bool
    blank_edge: tuple[float, float] | None
    noise_factor: float

    def stream(self, stream: Stream, *index: int) -> np.random.Generator:
        """Return a random generator of this observation."""
        return generator(self.seed, stream, self.index, *index)

    @property
    def suffix(self) -> str:
        """End of the names of its files: what kind of image they hold."""
        return "pbcorr" if self.corrected else "image"

    @property
    def _leap_seconds(self) -> int:
        return 15 + sum(self.gps >= leap for leap in LEAPS)

    @property
    def date(self) -> str:
        """Start in UTC, as FITS writes it."""
        return (GPS_EPOCH + timedelta(seconds=self.gps - self._leap_seconds)).isoformat()

    @property
    def center_deg(self) -> tuple[float, float]:
        """Right ascension and declination of the phase center at the middle of the snapshot, to a few arcminutes."""
        days = (self.gps + DURATION_S / 2 - self._leap_seconds + (GPS_EPOCH - J2000).total_seconds()) / 86400
        sidereal = 280.46062 + 360.98564737 * days + self.array.longitude_deg
        ra = (sidereal - np.rad2deg(self.pointing.hour_angle)) % 360
        return float(ra), float(np.rad2deg(self.pointing.declination))

    def noise_jy(self, subband: Subband) -> float:
        """Return the mean rms of the noise in the images of a sub-band, Jy/beam."""
        return float(self.noise_factor * NOISE_JY * (subband.frequency_hz / NOISE_FREQUENCY_HZ) ** NOISE_INDEX)


def draw_observation(index: int, *, seed: int, survey: Survey) -> Observation:
    """Decide what the images of an observation share."""
    rng = generator(seed, Stream.OBSERVATION, index)
    array = ARRAYS[survey.array]
    band = tuning(int(rng.integers(len(TUNINGS))))
    first = int(rng.integers(TUNING_SUBBANDS - survey.subbands + 1))
    pointing = Pointing(
        hour_angle=float(rng.uniform(-MAX_HOUR_ANGLE, MAX_HOUR_ANGLE)),
        declination=float(np.deg2rad(rng.choice(DECLINATIONS))),
        latitude=float(np.deg2rad(array.latitude_deg)),
    )
    scene = SCENES[int(rng.choice(len(SCENES), p=SCENE_SHARES))]
    corrected, blanked = rng.uniform(size=2) < (CORRECTED_SHARE, BLANKED_SHARE)
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.1)
    factor = float(np.exp(rng.normal(0, NOISE_SCATTER))) * (GALACTIC_NOISE if scene == "galactic_plane" else 1)
    return Observation(
        index=index,
        seed=seed,
        gps=FIRST_GPS + seed % SEEDS * SEED_SECONDS + CADENCE_S * (index * STRIDE % SLOTS),
        array=array,
        pointing=pointing,
        subbands=band[first : first + survey.subbands],
        scene=scene,
        corrected=bool(corrected),
        blank_edge=(float(angle), float(distance)) if blanked else None,
        noise_factor=factor,
    )
