"""Fully convolutional networks in two forms, of which the quicker takes images without holes alone."""

from torch import Tensor, nn

from merkhet.models.fcn import FCN, has_holes


class WithoutHoles(nn.Module):
    """A network as it is for images every pixel of which lies inside; it shares the weights."""

    def __init__(self, network: FCN) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return what the network returns, of images without holes."""
        return self.network.whole(x)


class InTwoForms(nn.Module):
    """A network that can choose by the pixels only from outside, for what it does was written down.

    Parameters
    ----------
    with_holes, without
        Its form for any images, and that for images without holes.
    """

    def __init__(self, with_holes: nn.Module, without: nn.Module) -> None:
        super().__init__()
        self.with_holes, self.without = with_holes, without

    def forward(self, x: Tensor) -> Tensor:
        """Return what either form returns."""
        answer: Tensor = (self.with_holes if has_holes(x) else self.without)(x)
        return answer
