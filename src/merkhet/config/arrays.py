"""Schemas of Cherenkov arrays: what a model takes of their telescopes."""

import base64
import binascii
import zlib
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveFloat, field_validator, model_validator

from merkhet.config.base import Component, Config

PIXEL_STEP_M = 1e-7
"""What pixel positions are rounded to: a hundred-thousandth of the smallest pixel."""

Channel = Literal["charge", "log_charge", "time", "cleaned_charge", "cleaned_log_charge", "cleaned_time"]


class CameraPixels(Config):
    """The telescopes of one type in the training data, and the pixels of their camera; taken from the data.

    Attributes
    ----------
    type
        Name of the telescope type, which batches go by.
    camera
        Name of the camera.
    pixel_shape
        ``hexagonal`` or ``square``.
    pixels
        Positions of the pixels, as :func:`pack_pixels` writes them.
    camera_rotation_deg
        Angle that the camera is turned by.
    focal_length_m
        Effective focal length; none where the data do not say it.
    tel_ids
        The telescopes of this type in the array, ascending.
    """

    type: str
    camera: str
    pixel_shape: Literal["hexagonal", "square"]
    pixels: str
    camera_rotation_deg: float = 0.0
    focal_length_m: PositiveFloat | None = None
    tel_ids: tuple[int, ...] = Field(min_length=1)

    @field_validator("pixels")
    @classmethod
    def _readable(cls, value: str) -> str:
        try:
            positions = unpack_pixels(value)
        except (binascii.Error, zlib.error, ValueError) as error:
            raise ValueError(f"pixels cannot be read: {error}") from error
        if not len(positions):
            raise ValueError("pixels are none")
        return value

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        """float64 ``(P, 2)``: x and y of the pixels in m."""
        return unpack_pixels(self.pixels)


class TelescopeInput(Config):
    """The telescopes of an array as the input of a model; stored in the bundle.

    Attributes
    ----------
    types
        Telescope types to use, by name; all that the data hold where empty.
    slots
        What stands on the axis of telescopes: ``array``, every telescope of a type in the array, in the order of
        their ids; ``triggered``, those that took part in the event, as many as the batch needs; ``mono``, one: a
        sample is one image of one telescope.
    cameras
        One for each type; taken from the data.
    """

    kind: Literal["telescopes"] = "telescopes"
    types: tuple[str, ...] = ()
    slots: Literal["array", "triggered", "mono"] = "array"
    cameras: tuple[CameraPixels, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [camera.type for camera in self.cameras]
        if len(set(names)) != len(names):
            raise ValueError(f"cameras: types repeat: {', '.join(names)}")
        if self.cameras and self.types and set(names) != set(self.types):
            raise ValueError(f"cameras are those of {', '.join(names)}, types are {', '.join(self.types)}")
        return self


class Pixels(Component):
    """The images of telescopes as numbers near one: which channels a network sees of each pixel.

    Attributes
    ----------
    channels
        ``charge`` in photo-electrons divided by ``charge_scale``; ``log_charge``, ``sign(q) ln(1 + |q|)``, which keeps
        the noise around zero; ``time`` after the mean of the image, weighted by charge, divided by ``time_scale_ns``.
        With ``cleaned_`` in front, only of the pixels that image cleaning kept, others are zero.
    charge_scale
        Charge that counts as one.
    time_scale_ns
        Time that counts as one; times are cut off at ten of it.
    """

    target: ClassVar[str] = "merkhet.models.cameras.pixels:Pixels"
    kind: Literal["pixels"] = "pixels"
    channels: tuple[Channel, ...] = Field(("log_charge", "cleaned_time"), min_length=1)
    charge_scale: PositiveFloat = 100.0
    time_scale_ns: PositiveFloat = 10.0

    @property
    def fields(self) -> tuple[Literal["charge", "time", "mask"], ...]:
        """What has to be read of an image."""
        times = any(name.endswith("time") for name in self.channels)
        cleaned = any(name.startswith("cleaned_") for name in self.channels)
        return ("charge", *(("time",) if times else ()), *(("mask",) if cleaned else ()))

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels repeat: {', '.join(self.channels)}")
        return self


def pack_pixels(positions: npt.NDArray[np.float64]) -> str:
    """Return positions ``(P, 2)`` in m as text: whole steps of :data:`PIXEL_STEP_M`, int32, zlib, base64."""
    steps = np.round(positions / PIXEL_STEP_M).astype("<i4")
    return base64.b64encode(zlib.compress(steps.tobytes(), 9)).decode("ascii")


def unpack_pixels(text: str) -> npt.NDArray[np.float64]:
    """Return positions ``(P, 2)`` in m from what :func:`pack_pixels` gave."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), dtype="<i4")
    return steps.reshape(-1, 2) * PIXEL_STEP_M
