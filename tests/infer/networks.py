"""Every registered architecture as a task whose batch norms are those of a trained network."""

import torch
from torch import nn

from merkhet.config.inputs import Band, InputSpec
from merkhet.config.normalize import AsinhNoise
from merkhet.config.tasks import Classify
from merkhet.models.normalize import AsinhNoise as Normalizer
from merkhet.tasks.classify import ClassifyTask
from tests.models.test_registry import SHAPES, narrow


def set_norms(network: nn.Module) -> nn.Module:
    """Give batch norms numbers that are not those they start with, and switch to evaluation."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            if module.running_mean is not None and module.running_var is not None:
                module.running_mean.normal_(std=0.3, generator=generator)
                module.running_var.uniform_(0.5, 2, generator=generator)
            if module.affine:
                nn.init.normal_(module.weight, mean=1, std=0.3, generator=generator)
                nn.init.normal_(module.bias, std=0.3, generator=generator)
    return network.eval()


def make_trained_task(kind: str, *, dims: int = 2, fit: str = "exact") -> tuple[ClassifyTask, InputSpec]:
    """Return a small classifier of two bands, and what it takes."""
    bands = (Band(name="g"), Band(name="r"))
    spec = InputSpec.model_validate({"bands": bands, "dims": dims, "shape": SHAPES[dims], "fit": fit})
    network = narrow(kind, channels=2, dims=dims)
    labels = Classify(mode="multiclass", classes=("a", "b", "c"))
    task = ClassifyTask(labels, normalize=Normalizer(AsinhNoise()), network=set_norms(network))
    return task.eval(), spec
