"""From the array in a file to what a bundle keeps of it, and back to the geometry of its cameras."""

import math
from collections.abc import Sequence

from merkhet.config.arrays import CameraPixels, pack_pixels
from merkhet.errors import InputError
from merkhet.io.cherenkov.subarray import Subarray


def describe_array(subarray: Subarray, *, types: Sequence[str] = ()) -> tuple[CameraPixels, ...]:
    """Return what a model keeps of the telescopes of the given types, or of all.

    Raises
    ------
    InputError
        The array has no telescope of a type.
    """
    known = [name for name in subarray.type_names if len(subarray.slots(name))]
    missing = [name for name in types if name not in known]
    if missing:
        raise InputError(
            subarray.name,
            f"no telescope of type {', '.join(missing)}",
            expected=f"types {', '.join(known)}",
            action="Set input.types",
        )
    return tuple(_describe_type(subarray, name) for name in (types or known))


def _describe_type(subarray: Subarray, name: str) -> CameraPixels:
    kind = subarray.type(name)
    return CameraPixels(
        type=name,
        camera=kind.camera.name,
        pixel_shape=kind.camera.pixel_shape,
        pixels=pack_pixels(kind.camera.positions),
        camera_rotation_deg=kind.camera.camera_rotation_deg,
        focal_length_m=kind.focal_length_m if math.isfinite(kind.focal_length_m) else None,
        tel_ids=tuple(int(number) for number in subarray.of_type(name)["tel_id"]),
    )
