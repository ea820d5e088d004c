"""Experiments that ship with the package, as YAML: a starting point that overrides change."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from merkhet.config.load import apply_overrides, parse_yaml, read_yaml
from merkhet.errors import ConfigError


def recipe_names() -> list[str]:
    """Return the names of the recipes."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in files(__name__).iterdir() if entry.name.endswith(".yaml")
    )


def recipe_text(name: str) -> str:
    """Return a recipe as it is written, with its comments."""
    if name not in recipe_names():
        raise ConfigError(f"{name}: no such recipe; there are {', '.join(recipe_names())}")
    return files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def load_recipe(recipe: str | Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Read a recipe by name, or an experiment file by path, and apply overrides.

    Raises
    ------
    ConfigError
        There is neither a recipe nor a file of that name.
    """
    if str(recipe).endswith((".yaml", ".yml")) or Path(recipe).is_file():
        return apply_overrides(read_yaml(recipe), overrides)
    content = parse_yaml(recipe_text(str(recipe)), source=f"{recipe}.yaml")
    return apply_overrides(content, overrides)
