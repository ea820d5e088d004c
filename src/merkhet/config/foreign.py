"""Names of the models of other packages whose weights ``merkhet import`` takes over."""

from typing import Literal

ForeignName = Literal["halo_full", "halo_lite", "halo_resnet", "halo_resnet_lite", "cnngleam"]
