"""The base of every schema, and the way from a `kind` to the object that it names."""

from importlib import import_module
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class Config(BaseModel):
    """A frozen schema that refuses unknown keys, NaN and infinities."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _keep_default_kind(cls, content: Any) -> Any:
        """Let ``optimizer: {lr: 0.1}`` mean the default optimizer with another rate."""
        if not isinstance(content, dict):
            return content
        defaults = {name: getattr(field.default, "kind", None) for name, field in cls.model_fields.items()}
        return {
            key: {"kind": defaults[key], **value}
            if isinstance(value, dict) and "kind" not in value and defaults.get(key)
            else value
            for key, value in content.items()
        }


class Component(Config):
    """A schema that builds something: one member of a union told apart by `kind`.

    A subclass sets ``kind: Literal["name"] = "name"`` and ``target``, the dotted path ``package.module:attribute`` of
    what it builds. The path is imported when :func:`build` is called and not before, so schemas stay torch-free.
    """

    target: ClassVar[str]


def locate(config: Component) -> Any:
    """Import and return what ``config`` names."""
    module, attribute = config.target.split(":")
    return getattr(import_module(module), attribute)


def build(config: Component, /, **kwargs: Any) -> Any:
    """Import what ``config`` names and call it as ``target(config, **kwargs)``."""
    return locate(config)(config, **kwargs)


def members(union: Any) -> dict[str, type[Component]]:
    """Return ``{kind: schema}`` of a discriminated union declared with ``Annotated[A | B, Field(...)]``."""
    (inner,) = union.__args__ if hasattr(union, "__metadata__") else (union,)
    schemas = getattr(inner, "__args__", (inner,))
    return {schema.model_fields["kind"].default: schema for schema in schemas}
