"""What a user may choose about how a trained model runs."""

from typing import Literal

BackendName = Literal["torch", "openvino"]
Precision = Literal["f32", "bf16"]
