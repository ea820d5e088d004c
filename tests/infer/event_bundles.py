"""Small bundles for events: networks that never learned, for the telescopes of some files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from merkhet.bundle.store import build_task, save_bundle
from merkhet.config.array_experiment import ArrayBundleSpec
from merkhet.config.array_models import Attention, PublishedArray, TelescopeArray
from merkhet.config.array_tasks import ArrayEvents
from merkhet.config.arrays import Pixels, TelescopeInput
from merkhet.config.bundle import Provenance
from merkhet.config.models import CNN
from merkhet.io.cherenkov.array_spec import describe_array
from merkhet.io.cherenkov.reading import open_events

MODEL = TelescopeArray(
    mapping={"method": "axial"},
    backbone=CNN(widths=(4, 8)),
    features=8,
    combination=Attention(layers=1, heads=2),
)


def make_event_bundle(
    folder: Path,
    like: Path,
    *,
    types: Sequence[str] = (),
    slots: Any = "triggered",
    model: TelescopeArray | PublishedArray = MODEL,
    task: ArrayEvents | None = None,
) -> ArrayBundleSpec:
    """Write a bundle for the telescopes, or some types of them, of a file and return its specification."""
    cameras = describe_array(open_events(like).subarray, types=types)
    spec_input = TelescopeInput(types=tuple(camera.type for camera in cameras), slots=slots, cameras=cameras)
    learned = {"energy_mean": 0.0, "energy_std": 0.5, "direction_std": 1.0}
    spec = ArrayBundleSpec(
        input=spec_input,
        normalize=Pixels(),
        model=model,
        task=(task or ArrayEvents()).model_copy(update=learned),
        provenance=Provenance(
            created="2026-01-01T00:00:00+00:00",
            merkhet="0.0.0",
            versions={},
            seed=1,
            data_fingerprint="",
            rows={},
            train_counts={},
            epochs=(1,),
            experiment={},
        ),
        weights_sha256="",
    )
    network = build_task(task=spec.task, model=spec.model, normalize=spec.normalize, spec=spec.input)
    sealed = save_bundle(folder, spec, network.state_dict())
    assert isinstance(sealed, ArrayBundleSpec)
    return sealed
