"""Three toy tasks that keep the contracts wide: 3-D image to image, ragged objects, array events."""

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from merkhet.config.models import Architecture
from merkhet.config.tasks import Task as TaskSchema
from merkhet.tasks.base import Loss, Prediction, Task, to_numpy


class ToyMapNet(Architecture):
    """One 3-D convolution."""

    target: ClassVar[str] = "tests.tasks.toys:Convolution3d"
    output: ClassVar[Literal["vector", "map"]] = "map"
    kind: Literal["toy_map"] = "toy_map"


class Convolution3d(nn.Module):
    def __init__(self, config, *, channels, dims, shape):
        super().__init__()
        assert dims == 3
        self.convolution = nn.Conv3d(channels, 1, 3, padding=1)

    def forward(self, x):
        return self.convolution(x)


class ToyRestore(TaskSchema):
    """Cube to cube, answers in the cube's own unit."""

    target: ClassVar[str] = "tests.tasks.toys:Restore"
    needs: ClassVar[Literal["vector", "map"]] = "map"
    kind: Literal["toy_restore"] = "toy_restore"


class Restore(Task):
    def __init__(self, config, *, normalize, network):
        super().__init__(normalize, network)

    def forward(self, batch):
        x, scale, offset = self.normalize(batch)
        denormalize: Any = self.normalize.denormalize
        return {"map": denormalize(self.network(x), scale=scale, offset=offset)}

    def loss(self, out, batch):
        return Loss(nn.functional.l1_loss(out["map"], batch["target"]["sky"].value))

    def decode(self, out, batch):
        return Prediction({"peak": to_numpy(out["map"].amax(dim=(1, 2, 3, 4)))}, maps={"sky": to_numpy(out["map"])})


class ToyVectorNet(Architecture):
    """Pixels as features."""

    target: ClassVar[str] = "tests.tasks.toys:Flatten"
    kind: Literal["toy_vector"] = "toy_vector"


class Flatten(nn.Module):
    def __init__(self, config, *, channels, dims, shape):
        super().__init__()
        self.out_features = channels * int(np.prod(shape))

    def forward(self, x):
        return x.flatten(1)


class ToyDetect(TaskSchema):
    """The positions of up to three objects."""

    target: ClassVar[str] = "tests.tasks.toys:Detect"
    kind: Literal["toy_detect"] = "toy_detect"


class Detect(Task):
    slots = 3

    def __init__(self, config, *, normalize, network):
        super().__init__(normalize, network)
        self.head = nn.Linear(network.out_features, self.slots * 3)

    def forward(self, batch):
        x, _, _ = self.normalize(batch)
        out = self.head(self.network(x)).reshape(-1, self.slots, 3)
        return {"position": out[..., :2], "logit": out[..., 2]}

    def loss(self, out, batch):
        objects = batch["target"]["objects"]
        slots = min(self.slots, objects.value.shape[1])
        real = torch.arange(slots) < objects.count[:, None]
        distance = (out["position"][:, :slots] - torch.nan_to_num(objects.value[:, :slots, :2])) ** 2
        presence = nn.functional.binary_cross_entropy_with_logits(out["logit"][:, :slots], real.float())
        return Loss((distance.sum(-1) * real).mean() + presence)

    def decode(self, out, batch):
        row, slot = np.nonzero(to_numpy(out["logit"]) > -100)
        position = to_numpy(out["position"])[row, slot]
        return Prediction({"x": position[:, 0], "y": position[:, 1]}, row=row)


class ToyArrayNet(Architecture):
    """Shared weights for all telescopes of a type; those that did not trigger are left out."""

    target: ClassVar[str] = "tests.tasks.toys:ArrayNet"
    kind: Literal["toy_array"] = "toy_array"


class ArrayNet(nn.Module):
    out_features = 4

    def __init__(self, config, *, channels, dims, shape):
        super().__init__()
        self.telescope = nn.Linear(shape[-1], 4)

    def forward(self, telescopes):
        features = [(self.telescope(t["charge"]) * t["trigger"][..., None]).sum(1) for t in telescopes.values()]
        return torch.stack(features).sum(0)


class ToyEvent(TaskSchema):
    """Energy of an event seen by an array."""

    target: ClassVar[str] = "tests.tasks.toys:Event"
    kind: Literal["toy_event"] = "toy_event"


class Event(Task):
    def __init__(self, config, *, normalize, network):
        super().__init__(normalize, network)
        self.head = nn.Linear(network.out_features, 1)

    def forward(self, batch):
        return {"energy": self.head(self.network(batch["telescopes"]))}

    def loss(self, out, batch):
        return Loss(nn.functional.mse_loss(out["energy"], batch["target"]["energy"].value))

    def decode(self, out, batch):
        return Prediction({"energy": to_numpy(out["energy"])[:, 0]})
