"""Schemas of training: optimizer, schedule, stopping, hardware, fine-tuning."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from merkhet.config.base import Config

Decay = Annotated[float, Field(ge=0, lt=1)]


class AdamW(Config):
    """AdamW (Loshchilov & Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"
    lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 1e-2
    betas: tuple[Decay, Decay] = (0.9, 0.999)


class Adam(Config):
    """Adam (Kingma & Ba 2015), with L2 penalty as weight decay."""

    kind: Literal["adam"] = "adam"
    lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.0
    betas: tuple[Decay, Decay] = (0.9, 0.999)


class SGD(Config):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    lr: PositiveFloat = 1e-2
    weight_decay: NonNegativeFloat = 0.0
    momentum: NonNegativeFloat = Field(0.9, lt=1)
    nesterov: bool = False

    @model_validator(mode="after")
    def _needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


Optimizer = Annotated[AdamW | Adam | SGD, Field(discriminator="kind")]


class Constant(Config):
    """The same learning rate throughout."""

    kind: Literal["constant"] = "constant"
    warmup_epochs: NonNegativeFloat = 0.0


class Cosine(Config):
    """Cosine from the base rate to ``min_factor`` of it over the whole training."""

    kind: Literal["cosine"] = "cosine"
    warmup_epochs: NonNegativeFloat = 0.0
    min_factor: NonNegativeFloat = Field(0.0, lt=1)


class WarmRestarts(Config):
    """Cosine with warm restarts (Loshchilov & Hutter 2017), period ``t0_epochs`` growing by ``t_mult``."""

    kind: Literal["warm_restarts"] = "warm_restarts"
    warmup_epochs: NonNegativeFloat = 0.0
    t0_epochs: PositiveInt = 10
    t_mult: PositiveInt = 2
    min_factor: NonNegativeFloat = Field(0.0, lt=1)


class Plateau(Config):
    """Multiply the rate by ``factor`` when the monitored value has not improved for ``patience`` epochs."""

    kind: Literal["plateau"] = "plateau"
    warmup_epochs: NonNegativeFloat = 0.0
    factor: PositiveFloat = Field(0.5, lt=1)
    patience: NonNegativeInt = 5
    min_lr: NonNegativeFloat = 1e-7


Schedule = Annotated[Constant | Cosine | WarmRestarts | Plateau, Field(discriminator="kind")]


class FineTune(Config):
    """Start from the weights of a bundle: a run, a bundle, or a model that comes with the package, by name.

    The network is taken over and the head is new unless the classes are the same. ``freeze`` names what stays
    fixed: ``none``, the whole ``network``, or the first ``freeze_levels`` levels of it. ``norms: keep`` leaves the
    means and variances of batch norms as they are, though all else learns: for batches too small, or of images too
    unlike one another (of several sizes, say), to measure them anew.
    """

    bundle: Path
    freeze: Literal["none", "network", "levels"] = "none"
    freeze_levels: NonNegativeInt = 0
    norms: Literal["learn", "keep"] = "learn"


class Train(Config):
    """How a model is trained.

    Attributes
    ----------
    steps_per_epoch
        Optimizer steps that make an epoch; one pass over the training rows where absent.
    sampling
        ``shuffle`` visits each row once a pass; ``balanced`` draws every class equally often.
    monitor, monitor_mode
        Column of the history that chooses the best epoch, the plateau and the early stop, and whether its lowest or
        its highest value is best; a loss and an accuracy speak for themselves.
    early_stopping_patience
        Epochs without improvement of ``monitor`` before training stops; never where absent.
    gradient_clip
        Largest norm of the gradient; no clipping where absent.
    precision
        ``auto`` is bf16 mixed precision on a GPU that has it, float32 elsewhere.
    workers
        Processes that prepare batches beside the training process.
    evaluate_training_every
        Every so many epochs, and after the last, run over all training rows as over validation rows: as they are,
        without dropout, with the weights of the epoch's end. Columns `whole_train_*` of the history; never where
        absent.
    stats
        Keep what the network says of every image in every epoch, with its loss and its times, in ``stats.parquet``.
    devices, num_nodes, strategy, accelerator
        Handed to Lightning's Trainer: several GPUs or nodes need nothing else.
    """

    epochs: PositiveInt = 30
    steps_per_epoch: PositiveInt | None = None
    batch_size: PositiveInt = 32
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    optimizer: Optimizer = AdamW()
    schedule: Schedule = Cosine()
    monitor: str = "val_loss"
    monitor_mode: Literal["min", "max"] | None = None
    early_stopping_patience: PositiveInt | None = None
    gradient_clip: PositiveFloat | None = None
    precision: Literal["auto", "32", "bf16", "16"] = "auto"
    workers: NonNegativeInt = 0
    finetune: FineTune | None = None
    tensorboard: bool = False
    evaluate_training_every: PositiveInt | None = None
    stats: bool = False
    accelerator: str = "auto"
    devices: int | str | list[int] = "auto"
    num_nodes: PositiveInt = 1
    strategy: str = "auto"

    @field_validator("precision", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _direction(self) -> Self:
        if self.monitor_mode is None and not any(name in self.monitor for name in ("loss", "accuracy")):
            raise ValueError(f"monitor {self.monitor!r} needs monitor_mode, min or max")
        return self

    @property
    def direction(self) -> Literal["min", "max"]:
        """Whether the lowest or the highest monitored value is best."""
        return self.monitor_mode or ("max" if "accuracy" in self.monitor else "min")

    def trainer_options(self) -> dict[str, Any]:
        """Return what goes to Lightning's Trainer unchanged."""
        names = ("accelerator", "devices", "num_nodes", "strategy")
        return {name: getattr(self, name) for name in names}
