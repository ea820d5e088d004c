"""What a file of events of a Cherenkov array is, in a few facts."""

from pathlib import Path
from typing import Any

import numpy as np

from merkhet.io.cherenkov.events import EventSource
from merkhet.io.cherenkov.packed import is_pack
from merkhet.io.cherenkov.reading import open_events

_PARTICLES = {0: "gamma", 1: "electron", 100: "nucleus", 101: "proton", 402: "helium"}


def describe_events(path: Path) -> dict[str, Any]:
    """Return layout, version, events, images, telescopes and labels of a file or a pack of events.

    Raises
    ------
    InputError
        It cannot be used; the reason says why.
    """
    events = open_events(path)
    index, subarray = events.index, events.subarray
    facts: dict[str, Any] = {
        "kind": f"{'pack of events' if is_pack(path) else 'events'}, {events.format}",
        "model version": events.model_version,
        "events": len(index),
        "without an image": int((index.multiplicity == 0).sum()),
        "images": index.n_images,
        "observations": len(index.obs_ids),
        "telescopes": len(subarray.telescopes),
    }
    for name in subarray.type_names:
        facts[name] = _type_line(events, name)
    facts["labels"] = ", ".join(index.labels) or "none: not simulated"
    if "shower_primary_id" in index.labels:
        facts["particles"] = _particles(index.labels["shower_primary_id"])
    if "energy" in index.labels:
        energy = index.labels["energy"]
        facts["energy"] = f"{np.nanmin(energy):.3g} to {np.nanmax(energy):.3g} TeV"
    facts["pointing"] = _pointing(events)
    facts["index"] = f"{index.nbytes / len(index):.0f} bytes per event"
    return facts


def _type_line(events: EventSource, name: str) -> str:
    kind, number = events.subarray.type(name), len(events.subarray.slots(name))
    camera = kind.camera
    length = f", f = {kind.focal_length_m:.2f} m" if np.isfinite(kind.focal_length_m) else ""
    held = ", ".join(events.fields(name)) or "no images"
    images = len(events.images_of_type(name))
    return (
        f"{number} telescopes, {camera.name}, {camera.n_pixels} {camera.pixel_shape} pixels{length}; "
        f"{images} images: {held}"
    )


def _particles(primary: Any) -> str:
    numbers, counts = np.unique(primary, return_counts=True)
    names = [_PARTICLES.get(number, str(number)) for number in numbers.tolist()]
    return ", ".join(f"{count} {name}" for name, count in zip(names, counts.tolist(), strict=True))


def _pointing(events: EventSource) -> str:
    pointing = events.index.pointing
    if pointing is None:
        return "not in the file"
    altitude, azimuth = np.rad2deg(pointing).T
    spans = [f"{name} {_span(values)}" for name, values in (("altitude", altitude), ("azimuth", azimuth))]
    return ", ".join(spans) + " deg"


def _span(values: Any) -> str:
    low, high = f"{values.min():.4g}", f"{values.max():.4g}"
    return low if low == high else f"{low} to {high}"
