"""The specification of a bundle on disk: found, read and checked without torch."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from merkhet.config.array_experiment import ArrayBundleSpec, is_on_telescopes
from merkhet.config.bundle import SCHEMA_VERSION, BundleSpec
from merkhet.config.load import validate
from merkhet.errors import InputError

SPEC = "bundle.json"
CARD = "card.md"  # of a model that comes with the package
PACKAGED = Path(str(files("merkhet"))) / "pretrained"
"""Models that come with the package, a bundle folder each; their names stand wherever a model does."""

Spec = TypeVar("Spec", bound=BundleSpec)


def packaged_models() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(folder.parent.name for folder in PACKAGED.glob(f"*/{SPEC}"))


def is_packaged(model: str | Path) -> bool:
    """Tell whether this names a model of the package; what exists under that name in the file system goes first."""
    return str(model) in packaged_models() and not Path(model).exists()


def find_bundle(model: str | Path) -> Path:
    """Return the bundle folder of a run folder, of a bundle folder itself, or of a model that comes with the package.

    Raises
    ------
    InputError
        There is none.
    """
    if is_packaged(model):
        return PACKAGED / str(model)
    folder = Path(model)
    for candidate in (folder, folder / "bundle"):
        if (candidate / SPEC).is_file():
            return candidate
    if (folder / "folds").is_dir():
        raise InputError(model, "holds a model for each fold and none for all", action=f"Choose one: {folder}/folds/1")
    seen = "no such folder" if not folder.exists() else f"holds no {SPEC}"
    known = f"a run folder, a bundle folder, or one of the package's models: {', '.join(packaged_models())}"
    raise InputError(model, seen, expected=known, action="Train one with merkhet train")


def read_spec(folder: Path, *, schema: type[Spec]) -> Spec:
    """Read ``bundle.json`` and check its version and its hash.

    Raises
    ------
    InputError
        It cannot be read, comes from a newer Merkhet, or was changed.
    """
    path = folder / SPEC
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read: {error}", action="Copy the whole bundle folder") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError(
            path,
            f"schema version {version}",
            expected=f"at most {SCHEMA_VERSION}",
            action="It was made by a newer Merkhet; upgrade with pip install -U merkhet",
        )
    spec = validate(_of_telescopes(schema, content), content, source=path)
    if _digest(content) != spec.hash:
        raise InputError(path, "its content does not match its hash: it was edited or damaged")
    return spec


def _of_telescopes(schema: type[Spec], content: Any) -> type[Spec]:
    """Return the schema for telescopes where a plain one was asked for and the bundle takes them."""
    return ArrayBundleSpec if schema is BundleSpec and is_on_telescopes(content) else schema  # type: ignore[return-value]


def seal(spec: Spec) -> Spec:
    """Return the specification with the digest of all the rest of it as its hash."""
    return spec.model_copy(update={"hash": _digest(spec.model_dump(mode="json"))})


def _digest(content: dict[str, Any]) -> str:
    """Digest the content as it stands on disk: options that a later Merkhet adds do not change an old bundle's hash."""
    text = json.dumps({**content, "hash": ""}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
