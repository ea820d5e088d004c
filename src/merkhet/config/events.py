"""Schemas of event data: the files of a Cherenkov array, and which of their events and images are used."""

from pathlib import Path
from typing import Self

from pydantic import Field, PositiveInt, model_validator

from merkhet.config.base import Config
from merkhet.config.data import Between


class EventSelection(Config):
    """Which events and which of their images are used.

    Attributes
    ----------
    energy
        Range of the true energy in TeV.
    intensity
        Range of the size of an image, ``hillas_intensity`` in photo-electrons. The file must hold image parameters.
    leakage
        Range of the share of an image's light that lies in the two outermost rings of pixels,
        ``leakage_intensity_width_2``. The file must hold image parameters.
    multiplicity
        Least number of images that an event has left, of the telescope types that are used.
    """

    energy: Between = Between()
    intensity: Between = Between()
    leakage: Between = Between()
    multiplicity: PositiveInt = 1


class EventData(Config):
    """Where the events are.

    Attributes
    ----------
    files
        HDF5 files of one array, or folders made by ``merkhet pack``; a folder of HDF5 files stands for all of them.
    select
        Which events and images are used; events without an image never are.
    cameras
        A table of pixel positions for each telescope type, for the oldest files, which hold none.
    mixed_versions
        Allow files of several versions of a layout. A network can learn the version instead of the particle where
        gammas come in one and protons in another.
    buffer
        Examples that are drawn from at a time: more mix better, fewer take less memory.
    """

    files: tuple[Path, ...] = Field(min_length=1)
    select: EventSelection = EventSelection()
    cameras: dict[str, Path] = {}
    mixed_versions: bool = False
    buffer: PositiveInt = 1024

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.files)) < len(self.files):
            raise ValueError("files: one is named twice")
        return self
