"""How a network may run, for the benchmarks that compare all the ways."""

from collections.abc import Iterable
from importlib.util import find_spec

from merkhet.config.inference import BackendName, Precision

METHODS: dict[str, tuple[BackendName, Precision]] = {
    "torch f32": ("torch", "f32"),
    "torch bf16": ("torch", "bf16"),
    "OpenVINO f32": ("openvino", "f32"),
    "OpenVINO bf16": ("openvino", "bf16"),
}


def measurable(methods: Iterable[str], claim: str) -> tuple[list[str], str]:
    """Return the methods that can run here, and the claim, which says so where OpenVINO is not installed."""
    if find_spec("openvino") is not None:
        return list(methods), claim
    return [name for name in methods if not name.startswith("OpenVINO")], (
        f"{claim} (OpenVINO is not installed and was not measured)"
    )
