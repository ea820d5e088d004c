"""Draw the picture of docs/simulators.md: ``python docs/images/simulated_radio_snapshots.py``."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from merkhet.simulate.radio_snapshots import Survey, observe
from merkhet.simulate.radio_snapshots.snapshots import Snapshot

SEED, MOST = 8, 300  # observations looked through
SURVEY = Survey(size_px=512, subbands=1)
OUT = Path(__file__).with_suffix(".png")


def _only_rfi(kind: str) -> Callable[[Snapshot], bool]:
    return lambda s: s.rfi_kind == kind and 0.8 < s.rfi_strength < 4 and s.sis_strength < 0.1 and _plain(s)


def _plain(snapshot: Snapshot) -> bool:
    observation = snapshot.observation
    return observation.scene == "clean" and not observation.corrected and observation.blank_edge is None


def _spotless(scene: str) -> Callable[[Snapshot], bool]:
    def test(s: Snapshot) -> bool:
        return s.rfi_strength == s.sis_strength == 0 and s.observation.scene == scene

    return test


PANELS: dict[str, Callable[[Snapshot], bool]] = {
    "good": lambda s: _spotless("clean")(s) and _plain(s),
    "rfi: a few cells": _only_rfi("cells"),
    "rfi: one baseline": _only_rfi("baseline"),
    "rfi: one direction": _only_rfi("direction"),
    "sis, strong": lambda s: s.rfi_strength == 0 and s.sis_strength > 1.2 and _plain(s),
    "sis, weak": lambda s: s.rfi_strength == 0 and 0.4 < s.sis_strength < 0.7 and _plain(s),
    "rfi and sis": lambda s: s.rfi_strength > 0.8 and s.sis_strength > 0.8,
    "good: wrong gains": _spotless("calibration_error"),
    "good: ionosphere": _spotless("ionosphere"),
    "good: Galactic plane": _spotless("galactic_plane"),
    "good: A-team, cleaned": _spotless("a_team"),
    "good: blank edge": lambda s: _spotless("clean")(s) and np.isnan(s.image).mean() > 0.08,
}


def examples() -> dict[str, Snapshot]:
    """Return the first snapshot of each kind."""
    found: dict[str, Snapshot] = {}
    for snapshot in observe(MOST, seed=SEED, survey=SURVEY):
        name = next((name for name, fits in PANELS.items() if name not in found and fits(snapshot)), None)
        if name:
            found[name] = snapshot
        if len(found) == len(PANELS):
            break
    return found


def draw(axes: Axes, name: str, snapshot: Snapshot) -> None:
    """Show an image in units of its noise."""
    colors = plt.get_cmap("gray", 48).with_extremes(bad="#446688")
    axes.imshow(snapshot.image / snapshot.noise_jy, origin="lower", cmap=colors, vmin=-4, vmax=8)
    strengths = [
        f"{label} {value:.1f}"
        for label, value in (("rfi", snapshot.rfi_strength), ("sis", snapshot.sis_strength))
        if value
    ]
    axes.set_title(name, fontsize=10, pad=3)
    caption = f"{snapshot.subband.name} {snapshot.polarization}  " + "  ".join(strengths)
    axes.set_xlabel(caption, fontsize=8, labelpad=2)
    axes.set(xticks=[], yticks=[])


def main() -> None:
    """Draw three rows of four."""
    figure, axes = plt.subplots(3, 4, figsize=(12, 9.9), layout="compressed")
    found = examples()
    for place, name in zip(axes.flat, PANELS, strict=True):
        draw(place, name, found[name])
    buffer = BytesIO()
    figure.savefig(buffer, dpi=85)
    colors = Image.open(buffer).convert("RGB").quantize(24, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colors.save(OUT, optimize=True)


if __name__ == "__main__":
    main()
