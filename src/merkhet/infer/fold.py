"""Batch norms folded into the layers before them: the same answers in fewer passes over the memory."""

import copy
from collections import Counter
from itertools import pairwise

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from merkhet.models.group_convolution import GroupConvolution

_NORM_OF: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
    nn.Linear: nn.BatchNorm1d,
}


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Return a copy of a network, in evaluation mode, with its batch norms folded into the layers before them.

    A trained batch norm multiplies each channel by ``gamma / sqrt(variance + eps)`` and adds a constant; the
    convolution or linear layer in front of it can do both with other weights and another bias (Jacob et al. 2018,
    arXiv:1712.05877, section 3.2). An identity takes the place of the norm.

    Only what certainly belongs together is folded: neighbors in a plain ``nn.Sequential``, where nothing but the norm
    sees the layer's output, neither of them used a second time nor changed by hooks. Every other norm stays as it is.
    """
    folded = copy.deepcopy(network).eval()
    uses = Counter(module for _, module in folded.named_modules(remove_duplicate=False))
    for chain in [module for module in folded.modules() if type(module) is nn.Sequential]:
        for place, (layer, norm) in enumerate(pairwise(list(chain))):
            if _belong_together(layer, norm) and uses[layer] == uses[norm] == 1:
                chain[place] = _fuse(layer, norm)
                chain[place + 1] = nn.Identity()
    return folded


def norms_left(network: nn.Module) -> int:
    """Return how many batch norms of a folded network still run; group convolutions fold theirs themselves."""
    own = {module.norm for module in network.modules() if isinstance(module, GroupConvolution)}
    return sum(isinstance(module, _BatchNorm) and module not in own for module in network.modules())


def _belong_together(layer: nn.Module, norm: nn.Module) -> bool:
    """Tell whether a layer can take over a norm. Subclasses cannot be trusted to compute what their parent does."""
    hooked = any(module._forward_hooks or module._forward_pre_hooks for module in (layer, norm))
    return type(norm) is _NORM_OF.get(type(layer)) and getattr(norm, "running_mean", None) is not None and not hooked


def _fuse(layer: nn.Module, norm: nn.Module) -> nn.Module:
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
    if isinstance(layer, nn.Linear):
        return fuse_linear_bn_eval(layer, norm)
    assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    return fuse_conv_bn_eval(layer, norm)
