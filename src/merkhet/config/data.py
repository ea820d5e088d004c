"""Schemas of the data: the table of images, its columns, filters and splits."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from merkhet.config.base import Config

Scalar = str | int | float | bool


class Between(Config):
    """A closed range of a numeric column; either side may be open."""

    min: float | None = None
    max: float | None = None


class Columns(Config):
    """Which column of the table holds what. Everything else is carried along as metadata.

    Attributes
    ----------
    path
        Column of the file, or one column per band where bands lie in separate files.
    label
        Column of the class name, or one 0/1 column per class for the multi-label task.
    id
        Unique name of a row; the path where absent.
    group
        Rows of one group (observation, source, sky patch) never stand on two sides of a split. Each row is its
        own group where absent.
    split
        Column that says ``train``, ``val`` or ``test``, for ``split.kind: column``.
    metadata
        Columns that say how an image was taken, or what else is known of it: a baseline learns from them alone, and
        the report warns when it comes close to the model.
    strength
        Columns that say how strong what is to be found is in an image, in any unit (its signal-to-noise, say): one
        for each class or label, or one for the second class of a binary task. Scores are then given by strength.
        They are not needed: where the table has no such column, scores are given for all strengths together.
    truth_map
        Column of the file that shows what is to be found alone; ``merkhet evaluate --heatmaps`` compares heat maps
        with it.
    """

    path: str | tuple[str, ...] = "path"
    label: str | tuple[str, ...] = "label"
    id: str | None = None
    group: str | None = None
    split: str | None = None
    metadata: tuple[str, ...] = ()
    strength: tuple[str, ...] = ()
    truth_map: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The path columns, one per file of a sample."""
        return (self.path,) if isinstance(self.path, str) else self.path

    @property
    def labels(self) -> tuple[str, ...]:
        """The label columns."""
        return (self.label,) if isinstance(self.label, str) else self.label


class ReadSpec(Config):
    """How pixels are taken out of a file.

    Attributes
    ----------
    hdu
        HDU by index or name; the first one that holds an image where absent.
    plane
        Index along the leading axis of a cube that is to be read as one image.
    """

    hdu: int | str | None = None
    plane: int | None = None


class Negatives(Config):
    """Samples of the negative class that are drawn and not observed, as the published halo detector was trained.

    A share of them holds nothing but zeros, the others independent Gaussian noise, cut off at zero. Every drawn sample
    stands beside an observed positive, in whose group and on whose side of the split it is, and whose other columns it
    repeats. They are easily told from any real image: see what such scores are worth in the documentation.

    Attributes
    ----------
    ratio
        Drawn samples for each positive.
    zeros
        Share of them that holds nothing but zeros.
    sigma
        Standard deviation of the noise in the others, in the unit of the image.
    shared
        Draw the same images for training, validation and test, as it was published; else no image is drawn twice.
    seed
        Seed of the drawing; that of the experiment where absent.
    """

    ratio: PositiveFloat = 1.0
    zeros: float = Field(0.8, ge=0, le=1)
    sigma: PositiveFloat = 0.05
    shared: bool = False
    seed: int | None = Field(None, ge=0, lt=2**32)


class Data(Config):
    """Where the samples are.

    Attributes
    ----------
    table
        A table (CSV, ECSV, FITS, VOTable, Parquet) with a row per sample, or a folder made by ``merkhet pack``.
    root
        Folder that relative paths start from; the table's own folder where absent.
    where
        Rows to keep: ``{column: value}``, ``{column: [values]}`` or ``{column: {min: a, max: b}}``.
    max_reject_fraction
        A larger share of unusable rows stops the run before training.
    negatives
        Draw samples of the first of two ``task.classes`` beside those of the table. A table without the column
        ``columns.label`` then holds nothing but samples of the second.
    """

    table: Path
    root: Path | None = None
    columns: Columns = Columns()
    where: dict[str, Scalar | tuple[Scalar, ...] | Between] = {}
    read: ReadSpec = ReadSpec()
    max_reject_fraction: float = Field(0.05, ge=0, le=1)
    negatives: Negatives | None = None


class Split(Config):
    """How rows are divided into training, validation and test, always by whole groups.

    ``random`` draws the sides and, with ``stratify``, keeps the share of each class; ``column`` takes the sides from
    ``data.columns.split``; ``fold`` tests on part ``fold`` (from 1) of ``folds`` equal parts and divides the rest
    between training and validation as ``train`` to ``val``. What is drawn is drawn by ``seed``, that of the experiment
    where absent: give it to keep the split while the experiment's seed changes.
    """

    kind: Literal["random", "column", "fold"] = "random"
    folds: int = Field(5, ge=2)
    fold: int = Field(1, ge=1)
    train: float = Field(0.7, gt=0, lt=1)
    val: float = Field(0.15, gt=0, lt=1)
    test: float = Field(0.15, ge=0, lt=1)
    stratify: bool = True
    seed: int | None = Field(None, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _sum(self) -> Self:
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"train + val + test is {self.train + self.val + self.test:g}; it must be 1")
        if self.fold > self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds} folds")
        return self
