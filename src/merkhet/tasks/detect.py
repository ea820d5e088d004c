"""The detection task: objects of several kinds in images of any size, each where its center is."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from merkhet.config.tasks import Detect
from merkhet.data.sample import Batch, Target
from merkhet.models.fcn import covered
from merkhet.tasks.base import Loss, Outputs, Prediction, ScanSpec, Task, to_numpy
from merkhet.tasks.object_truth import IGNORED, ObjectTruth

POSITIVE_CELLS = 0.75
"""Cells whose middle is this near to an object's center, in cells along both axes, are taught that it is there."""

UNDECIDED_CELLS = 1.75
"""Cells between that and this are taught nothing."""

START_LOGIT = -4.0
"""What an untrained head says: objects are rare."""

_EXPECTED_OBJECTS = 4.0  # per batch: the sum over cells is divided by the objects and so many more
_CLS, _DX, _DY, _SIZE, _KINDS = 0, 1, 2, 3, 4


class DetectTask(Task):
    """Say for each cell of the image whether an object has its center there, where in it, how large, of which kind.

    Anchor-free, after Zhou et al. 2019 (arXiv:1904.07850): one center per object, offset and size regressed there.

    Parameters
    ----------
    config
        The task's schema.
    normalize, network
        See :class:`merkhet.tasks.base.Task`; the network returns ``(B, out_features, H / stride, W / stride)``.
    """

    truth = ObjectTruth

    def __init__(self, config: Detect, *, normalize: nn.Module, network: nn.Module) -> None:
        super().__init__(normalize, network)
        self.config = config
        self.stride = int(network.stride)  # type: ignore[arg-type]
        self.scan = ScanSpec(stride=self.stride, context=int(network.context))  # type: ignore[arg-type]
        self.head = nn.Conv2d(int(network.out_features), _KINDS + len(config.classes), 1)  # type: ignore[arg-type]
        nn.init.normal_(self.head.weight, std=0.01)
        bias = torch.zeros(_KINDS + len(config.classes))
        bias[_CLS] = START_LOGIT
        self.head.bias = nn.Parameter(bias)

    def forward(self, batch: Batch) -> Outputs:
        """Return ``cells`` ``(B, 4 + kinds, h, w)``: logit, offset and log size in cells, kinds; and ``covered``."""
        x, _, _ = self.normalize(batch)
        return {"cells": self.head(self.network(x)), "covered": covered(batch["valid"], stride=self.stride)}

    def loss(self, out: Outputs, batch: Batch) -> Loss:
        """Binary cross-entropy of presence; at objects, absolute errors of offset and log size, and of the kind.

        The target ``objects`` has columns x, y (pixels), radius (pixels), kind (its number; -1: taught nothing).
        """
        cells = out["cells"].float()
        wanted = self._assign(batch["target"]["objects"], cells.shape)
        present, decided = wanted["present"], wanted["decided"] & out["covered"]
        each = F.binary_cross_entropy_with_logits(cells[:, _CLS], present.float(), reduction="none")
        number = present.sum()
        presence = (each * decided).sum() / (number + _EXPECTED_OBJECTS)
        b, i, j = present.nonzero(as_tuple=True)
        at = cells[b, :, i, j]
        many = number.clamp(min=1)
        place = F.smooth_l1_loss(at[:, _DX : _SIZE + 1], wanted["shape"][b, i, j], beta=0.1, reduction="sum") / many
        kind = F.cross_entropy(at[:, _KINDS:], wanted["kind"][b, i, j], reduction="sum") / many
        parts = {"presence": presence.detach(), "place": place.detach(), "kind": kind.detach()}
        return Loss(presence + place + 0.5 * kind, parts)

    def decode(self, out: Outputs, batch: Batch) -> Prediction:
        """Return maps ``(B, h, w)``: ``logit`` (NaN where nothing was seen), ``dx, dy, size`` in pixels, ``p_<kind>``.

        Offsets count from the middle of the cell.
        """
        cells = out["cells"].float()
        kinds = cells[:, _KINDS:].softmax(dim=1)
        logit = torch.where(out["covered"], cells[:, _CLS], torch.nan)
        maps = {"logit": logit, "dx": self.stride * cells[:, _DX], "dy": self.stride * cells[:, _DY]}
        maps["size"] = self.stride * cells[:, _SIZE].exp()
        maps |= {f"p_{name}": kinds[:, k] for k, name in enumerate(self.config.classes)}
        return Prediction({}, maps={name: to_numpy(values) for name, values in maps.items()})

    def _assign(self, objects: Target, shape: torch.Size) -> dict[str, Tensor]:
        """Say of each cell what it is taught: ``present, decided`` bool, ``kind`` and ``shape`` of the nearest object.

        Radii that are ignored keep the cells within them out of the lesson.
        """
        value = objects.value.float()[:, :, None, None]  # (B, n, 1, 1, columns)
        h, w = shape[-2:]
        y, x = (
            self.stride * (torch.arange(n, device=value.device) + 0.5) - 0.5 for n in (h, w)
        )  # middles of the cells
        dx = (value[..., 0] - x) / self.stride
        dy = (value[..., 1] - y[:, None]) / self.stride
        radius, code = value[..., 2] / self.stride, value[..., 3]
        far = torch.maximum(dx.abs(), dy.abs()).nan_to_num(torch.inf)  # padding is infinitely far
        taught = code > IGNORED
        hit = taught & (far <= POSITIVE_CELLS)
        reach = torch.where(taught, UNDECIDED_CELLS, radius.clamp(min=UNDECIDED_CELLS))
        near = far.masked_fill(~taught, torch.inf)
        best = near.argmin(dim=1, keepdim=True)
        picked = [torch.take_along_dim(v.expand_as(far), best, dim=1)[:, 0] for v in (dx, dy, radius, code)]
        size = picked[2].clamp(min=1e-3).log()
        present = hit.any(dim=1)
        return {
            "present": present,
            "decided": present | ~(far <= reach).any(dim=1),
            "kind": picked[3].nan_to_num(0).clamp(min=0).long(),
            "shape": torch.stack([picked[0], picked[1], size], dim=-1),
        }
