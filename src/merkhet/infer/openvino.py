"""A network run by OpenVINO: the same weights, by another library, on the processor."""

import copy
import math
import sys
import threading
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from merkhet.config.inference import Precision
from merkhet.data.arrays import FloatArray
from merkhet.errors import ConfigError, DependencyError
from merkhet.infer.parts import images_per_part


def import_openvino() -> ModuleType:
    """Return the package ``openvino``.

    Raises
    ------
    DependencyError
        It is absent or broken.
    """
    # Imported as it comes, it tells Google Analytics so, unasked. Without that other package it runs the same.
    quiet = "openvino" not in sys.modules and "openvino_telemetry" not in sys.modules
    if quiet:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino
        import openvino.frontend.pytorch.ts_decoder
    except ImportError as error:
        raise DependencyError(
            f"backend openvino cannot be used: {error}. Install it with: pip install 'merkhet[openvino]'"
        ) from error
    finally:
        if quiet:
            del sys.modules["openvino_telemetry"]
    module: ModuleType = openvino
    return module


def convert(network: nn.Module, example: Tensor, *, shape: Sequence[int] | None) -> Any:
    """Return a torch network as an ``openvino.Model`` for any number of images.

    Parameters
    ----------
    network
        Maps ``(B, C, *S)`` to one tensor. It is traced, so what it does may not depend on the pixels.
    example
        A batch that it takes.
    shape
        The only spatial shape that it will meet; None where any may come.

    Raises
    ------
    ConfigError
        OpenVINO has no counterpart of one of its layers, or what the network does depends on the shape of the image.
    """
    openvino = import_openvino()
    if getattr(network, "by_tiles", False):
        raise ConfigError("backend openvino: this network works through an image tile by tile. Use backend torch")
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # Tracing warns of every condition on a shape; that the result holds for other shapes is checked later.
            warnings.simplefilter("ignore")
            # Not openvino.convert_model, which reports its use as well; and in copies, so that torch's can be freed.
            decoder = openvino.frontend.pytorch.ts_decoder.TorchScriptPythonDecoder(
                network, example_input=(example,), shared_memory=False
            )
            frontend = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
            model = frontend.convert(frontend.load(decoder))
    except openvino.frontend.OpConversionFailure as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("-- ")
        raise ConfigError(f"backend openvino cannot run this network: {reason}. Use backend torch") from error
    spatial = [-1] * (example.ndim - 2) if shape is None else list(shape)
    model.reshape(openvino.PartialShape([-1, example.shape[1], *spatial]))
    return model


class OpenVINONetwork(nn.Module):
    """A network compiled by OpenVINO, in place of the torch network that it was converted from.

    A batch is cut into parts, and each core takes a part at a time. Where there are fewer images than cores, all cores
    work on each.

    Parameters
    ----------
    model
        What :func:`convert` gave.
    network
        The torch network; its weights are not kept.
    precision
        ``bf16`` computes in bfloat16, on processors that can.

    Raises
    ------
    ConfigError
        The processor has no bfloat16.
    """

    def __init__(self, model: Any, network: nn.Module, *, precision: Precision) -> None:
        super().__init__()
        openvino = import_openvino()
        core = openvino.Core()
        if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise ConfigError("precision bf16: this processor cannot compute in bfloat16. Use precision f32")
        together, alone = (
            core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": hint})
            for hint in ("LATENCY", "THROUGHPUT")
        )
        self._together = together.create_infer_request()
        self._alone = openvino.AsyncInferQueue(alone)
        self._alone.set_callback(_store)
        self._turn = threading.Lock()  # a request serves one caller at a time
        # Without storage: it refuses the images that the torch network refuses, and knows the shape of the answer.
        self._outline = copy.deepcopy(network).to("meta")
        self._answer_shapes: dict[torch.Size, torch.Size] = {}

    def forward(self, x: Tensor) -> Tensor:
        """Return what the torch network returns, of float32 images on the processor."""
        answers = torch.empty(len(x), *self._answer_shape(x.shape[1:]))
        with self._turn:
            self._infer(x.contiguous().numpy(), answers.numpy())
        return answers

    def _infer(self, images: FloatArray, answers: FloatArray) -> None:
        if len(images) < len(self._alone):
            answers[:] = self._together.infer(images, share_inputs=True)[0]
            return
        step = min(images_per_part(images.shape[2:], cores=1), math.ceil(len(images) / len(self._alone)))
        for start in range(0, len(images), step):
            part = slice(start, start + step)
            self._alone.start_async(images[part], answers[part])
        self._alone.wait_all()

    def _answer_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of the answer for one image ``(C, *S)``."""
        if shape not in self._answer_shapes:
            answer: Tensor = self._outline(torch.empty(1, *shape, device="meta"))
            self._answer_shapes[shape] = answer.shape[1:]
        return self._answer_shapes[shape]


def _store(request: Any, answers: FloatArray) -> None:
    answers[:] = request.get_output_tensor().data
