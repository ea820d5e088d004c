"""Schema of the task on events of Cherenkov arrays."""

from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from merkhet.config.tasks import Task

Head = Literal["particle", "energy", "direction"]


class ArrayEvents(Task):
    """What an event was: particle, energy and direction, each with its uncertainty.

    Energy and direction are distributions that fall exponentially with the distance, whose width the network gives
    too: of log10 of the energy, and of the two offsets from the pointing, of one width. They are learned from events
    of the ``signal`` alone.

    Attributes
    ----------
    heads
        What is learned.
    particles
        Name of each class, and the numbers of the primaries (``shower_primary_id``) that belong to it.
    signal
        The class whose probability is the gammaness, and whose energies and directions are learned.
    weights
        Weight of each head in the loss.
    beta
        Weight of an event in the loss of energy and direction by its variance to this power (Seitzer et al. 2022): 0 is
        the plain likelihood, 0.5 learns the value as a mean distance does.
    energy_mean, energy_std
        Mean and standard deviation of log10 of the energies in TeV, fitted on training rows.
    direction_std
        Root mean square offset along an axis in deg, fitted on training rows.
    dropout
        Share of the features that are left out in training, in front of every head.
    temperature
        What logits are divided by before they become probabilities; fitted on validation rows.
    energy_scale, direction_scale
        What widths are multiplied by, so that 68.27 % of the validation rows lie within; fitted on them.
    """

    target: ClassVar[str] = "merkhet.tasks.array_events:ArrayEventsTask"
    kind: Literal["array_events"] = "array_events"
    heads: tuple[Head, ...] = Field(("particle", "energy", "direction"), min_length=1)
    particles: dict[str, tuple[int, ...]] = {"background": (1, 100, 101), "gamma": (0,)}
    signal: str = "gamma"
    weights: dict[Head, PositiveFloat] = {"particle": 1.0, "energy": 1.0, "direction": 1.0}
    beta: NonNegativeFloat = Field(0.5, le=1)
    energy_mean: float | None = None
    energy_std: PositiveFloat | None = None
    direction_std: PositiveFloat | None = None
    dropout: NonNegativeFloat = Field(0.0, lt=1)
    temperature: PositiveFloat = 1.0
    energy_scale: PositiveFloat = 1.0
    direction_scale: PositiveFloat = 1.0
    header: dict[str, str] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of their codes."""
        return tuple(self.particles)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of an answer."""
        of_head = {
            "particle": ("gammaness", *(f"p_{name}" for name in self.classes)),
            "energy": ("energy", "energy_uncertainty"),
            "direction": ("alt", "az", "direction_uncertainty_deg"),
        }
        return (
            *(name for head, names in of_head.items() if head in self.heads for name in names),
            "n_telescopes",
            "is_valid",
        )

    @property
    def answers(self) -> str:
        """Heads and classes, in order."""
        return f"{', '.join(self.heads)}: {', '.join(self.classes)}"

    @model_validator(mode="after")
    def _known(self) -> Self:
        if len(set(self.heads)) != len(self.heads):
            raise ValueError(f"heads repeat: {', '.join(self.heads)}")
        numbers = [number for group in self.particles.values() for number in group]
        if len(self.particles) < 2 or len(set(numbers)) != len(numbers):
            raise ValueError("particles: give two classes or more, and each primary to one of them")
        if self.signal not in self.particles:
            raise ValueError(f"signal is {self.signal!r}; particles are {', '.join(self.particles)}")
        if not set(self.heads) <= set(self.weights):
            raise ValueError(f"weights: one for each of {', '.join(self.heads)}")
        return self
