"""The classification task: binary, one of several classes, or several independent labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from merkhet.config.tasks import Classify, categorize
from merkhet.data.sample import Batch
from merkhet.evaluate.temperature import fit_temperature
from merkhet.tasks.base import Loss, Outputs, Prediction, Task, to_numpy
from merkhet.tasks.class_labels import ClassLabels

FloatArray = npt.NDArray[np.float32]


class ClassifyTask(Task):
    """Put a linear head on pooled features and name the class.

    Parameters
    ----------
    config
        The task's schema; ``weights: balanced`` must have been resolved to numbers before.
    normalize, network
        See :class:`merkhet.tasks.base.Task`; the network returns ``(B, network.out_features)``.
    """

    truth = ClassLabels

    def __init__(self, config: Classify, *, normalize: nn.Module, network: nn.Module) -> None:
        super().__init__(normalize, network)
        self.config = config
        outputs = 1 if config.mode == "binary" else len(config.classes)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(int(network.out_features), outputs)  # type: ignore[arg-type]
        weights = torch.tensor(config.weights) if isinstance(config.weights, tuple) else None
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(self, batch: Batch) -> Outputs:
        """Return ``logits`` ``(B, outputs)``, one for binary, else one per class; and ``features``, the network's."""
        x, _, _ = self.normalize(batch)
        features = self.network(x)
        return {"logits": self.head(self.dropout(features)), "features": features}

    def loss(self, out: Outputs, batch: Batch) -> Loss:
        """Cross-entropy in float32 (binary for single logits), weighted by class, with label smoothing."""
        logits, label = out["logits"].float(), batch["target"]["label"].value
        if self.config.mode == "multiclass":
            correct = logits.argmax(1) == label
            total = F.cross_entropy(logits, label, weight=self._weights(), label_smoothing=self.config.label_smoothing)
            return Loss(total, {"accuracy": correct.float().mean()})
        truth = label.float().reshape(logits.shape)
        correct = ((torch.sigmoid(logits) >= self.config.threshold) == (truth > 0.5)).all(dim=1)
        smooth = truth * (1 - self.config.label_smoothing) + 0.5 * self.config.label_smoothing
        each = F.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
        return Loss(self._weighted_mean(each, truth), {"accuracy": correct.float().mean()})

    def decode(self, out: Outputs, batch: Batch) -> Prediction:
        """Return columns ``label, probability, category``, ``p_<class>`` for every class, and derived probabilities."""
        probabilities = to_numpy(self.probabilities(out["logits"]))
        columns: dict[str, npt.NDArray[Any]] = {}
        columns["label"], columns["probability"] = self._name(probabilities)
        graded = probabilities[:, 1] if self.config.categories_of == "positive" else columns["probability"]
        columns["category"] = categorize(graded, self.config.categories, below=self.config.below)
        columns |= {f"p_{name}": probabilities[:, k] for k, name in enumerate(self.config.classes)}
        columns |= {name: self._derive(probabilities, of) for name, of in self.config.derived_columns.items()}
        return Prediction(columns)

    def combine(self, outputs: Sequence[Outputs]) -> Outputs:
        """Average probabilities: the logits of the result are those of the mean probability."""
        logits = torch.stack([out["logits"].float() for out in outputs])
        if self.config.mode == "multiclass":
            mean = logits.log_softmax(dim=2).logsumexp(dim=0)
        else:
            mean = F.logsigmoid(logits).logsumexp(dim=0) - F.logsigmoid(-logits).logsumexp(dim=0)
        return {**outputs[0], "logits": mean}

    def calibrated(self, out: Outputs, batch: Batch) -> Classify:
        """Return the schema with the temperature that fits validation rows best."""
        truth = to_numpy(batch["target"]["label"].value)
        temperature = fit_temperature(to_numpy(out["logits"]), truth, mode=self.config.mode)
        return self.config.model_copy(update={"temperature": temperature})

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return ``(B, classes)`` in float32; they sum to one except for several labels."""
        logits = logits.float() / self.config.temperature
        if self.config.mode == "multiclass":
            return logits.softmax(dim=1)
        positive = torch.sigmoid(logits)
        return torch.cat([1 - positive, positive], dim=1) if self.config.mode == "binary" else positive

    def _name(self, probabilities: FloatArray) -> tuple[npt.NDArray[np.str_], FloatArray]:
        """Name each row and give the probability of that name.

        Of several labels all that reach the threshold are named, joined by ``+`` unless their combination has a name
        of its own; the probability is then that of the least sure decision.
        """
        classes = np.array(self.config.classes)
        if self.config.mode == "multilabel":
            chosen = probabilities >= self.config.threshold
            return self.config.name(chosen), np.where(chosen, probabilities, 1 - probabilities).min(axis=1)
        if self.config.mode == "binary":
            code = (probabilities[:, 1] >= self.config.threshold).astype(int)
        else:
            code = probabilities.argmax(axis=1)
        return classes[code], probabilities[np.arange(len(code)), code]

    def _derive(self, probabilities: FloatArray, of: Sequence[str]) -> FloatArray:
        """Return ``(B,)``: the probability that exactly these labels hold, or that one of these classes does."""
        members = np.isin(self.config.classes, of)
        exact = probabilities.astype(
            np.float64
        )  # so that all combinations together make one to the rounding of float32
        if self.config.mode == "multilabel":
            return np.asarray(np.where(members, exact, 1 - exact).prod(axis=1), dtype=np.float32)
        return np.asarray(exact[:, members].sum(axis=1).clip(max=1), dtype=np.float32)

    def _weights(self) -> Tensor | None:
        return self.class_weights  # type: ignore[return-value]

    def _weighted_mean(self, each: Tensor, truth: Tensor) -> Tensor:
        weights = self._weights()
        if weights is None:
            return each.mean()
        if self.config.mode == "binary":
            weight = torch.where(truth > 0.5, weights[1], weights[0])
        else:
            weight = torch.where(truth > 0.5, weights, torch.ones_like(weights))
        return (each * weight).sum() / weight.sum()
