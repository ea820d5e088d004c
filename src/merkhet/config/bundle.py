"""The schema of ``bundle.json``: all that is needed to use a trained model, and where it came from."""

from typing import Any

from merkhet.config.base import Config
from merkhet.config.data import ReadSpec
from merkhet.config.ensemble import Ensemble
from merkhet.config.inputs import InputSpec
from merkhet.config.models import Model
from merkhet.config.normalize import Normalization
from merkhet.config.reference import Reference
from merkhet.config.tasks import TaskConfig

SCHEMA_VERSION = 1


class Provenance(Config):
    """Where a model came from: enough to train it again.

    ``epochs`` are those whose weights were kept, by member; ``finetuned_from`` is the hash of the model whose weights
    training started from, empty where they were drawn. ``imported_from`` names the foreign file and its SHA-256 where
    the weights were not trained here: rows, epochs and experiment are then not known.
    """

    created: str
    merkhet: str
    versions: dict[str, str]
    seed: int
    data_fingerprint: str
    rows: dict[str, int]
    train_counts: dict[str, int] = {}
    epochs: tuple[int, ...]
    finetuned_from: str = ""
    imported_from: str = ""
    experiment: dict[str, Any]


class BundleSpec(Config):
    """A trained model without its weights. ``reference`` says what its training data looked like.

    ``weights_sha256`` is the digest of ``weights.safetensors``; ``hash`` is the digest of this specification with
    that digest in it, and names the model in every catalogue row.
    """

    schema_version: int = SCHEMA_VERSION
    input: InputSpec
    read: ReadSpec
    normalize: Normalization
    model: Model
    task: TaskConfig
    ensemble: Ensemble = Ensemble()
    reference: Reference | None = None
    provenance: Provenance
    weights_sha256: str
    hash: str = ""
