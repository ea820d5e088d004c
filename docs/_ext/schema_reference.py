"""Directive ``experiment-keys``: every key of an experiment, what it takes and means, from the schemas themselves.

With the argument ``events``, those of an experiment on events of telescopes that one on images has not.
"""

import inspect
import re
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from docutils import nodes
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from merkhet.config.array_experiment import ArrayExperiment
from merkhet.config.base import Config
from merkhet.config.experiment import Experiment

PLAIN = {int: "whole number", float: "number", str: "text", bool: "`true`, `false`", Path: "path", type(None): "`null`"}
PLURALS = {"whole number": "whole numbers", "number": "numbers", "text": "texts"}
LIMITS = {"gt": "> {}", "ge": "≥ {}", "lt": "< {}", "le": "≤ {}"}


class ExperimentKeys(SphinxDirective):
    """All keys of an experiment: a section for each part, a subsection for each kind of a part."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        lines = event_lines() if self.arguments == ["events"] else experiment_lines()
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def experiment_lines() -> Iterator[str]:
    """Yield Markdown: the keys of the experiment, then each part that has keys of its own."""
    yield from table_lines(Experiment, path="")
    for name, field in Experiment.model_fields.items():
        yield from part_lines(schemas_in(field.annotation), path=name, level=2)


def event_lines() -> Iterator[str]:
    """Yield Markdown: the parts of an experiment on events that differ from those of one on images."""
    for name, field in ArrayExperiment.model_fields.items():
        if field.annotation != Experiment.model_fields[name].annotation:
            yield from part_lines(schemas_in(field.annotation), path=name, level=2)


def part_lines(schemas: Sequence[type[Config]], *, path: str, level: int) -> Iterator[str]:
    """Yield the section of one key: its schema, or a subsection for each kind that it can be."""
    if not schemas:
        return
    yield from ("", f"{'#' * level} `{path}`", "")
    kinds = [kind_of(schema) for schema in schemas]
    for schema, kind in zip(schemas, kinds, strict=True):
        if kind:
            yield from ("", f"{'#' * (level + 1)} `{path}.kind: {kind}`", "")
        yield from schema_lines(schema, path=path, level=level + 1 if kind else level)


def schema_lines(schema: type[Config], *, path: str, level: int) -> Iterator[str]:
    """Yield what a schema is for, its keys, and the sections of the keys that hold schemas."""
    yield from (summary(schema), "")
    yield from table_lines(schema, path=path)
    for name, field in schema.model_fields.items():
        yield from part_lines(schemas_in(field.annotation), path=f"{path}.{name}", level=level + 1)


def table_lines(schema: type[Config], *, path: str) -> Iterator[str]:
    """Yield a row for each key; the column of meanings is left out where the schema tells none."""
    fields = {name: field for name, field in schema.model_fields.items() if name != "kind"}
    told = {name: meaning for name, field in fields.items() if (meaning := meaning_of(name, field, schema))}
    if not fields:
        yield "It has no keys."
        return
    titles = ["key", "takes", "default", *(["meaning"] if told else [])]
    yield f"| {' | '.join(titles)} |"
    yield f"| {' | '.join('---' for _ in titles)} |"
    for name, field in fields.items():
        cells = [f"`{name}`", takes(field, path=f"{path}.{name}".lstrip(".")), default(field)]
        cells += [told.get(name, "")] if told else []
        yield f"| {' | '.join(cells)} |"
    yield ""


def kind_of(schema: type[Config]) -> str | None:
    """Return the kind that tells a schema from its siblings; None for one that has no siblings."""
    field = schema.model_fields.get("kind")
    return str(field.default) if field is not None and len(typing.get_args(field.annotation)) == 1 else None


def summary(schema: type[Config]) -> str:
    """Return the docstring before its first section."""
    return re.split(r"\n\w+\n-{3,}\n", inspect.getdoc(schema) or "")[0].strip()


def meaning_of(name: str, field: FieldInfo, schema: type[Config]) -> str:
    """Return what a schema says of a key, or what the only schema that the key holds says of itself."""
    parts = schemas_in(field.annotation)
    of_part = summary(parts[0]).partition("\n\n")[0] if len(parts) == 1 else ""
    return attributes(schema).get(name) or " ".join(of_part.split())


def attributes(schema: type[Config]) -> dict[str, str]:
    """Return the meanings of the keys, from the section Attributes of the docstrings of a schema and its bases."""
    told: dict[str, str] = {}
    for owner in reversed(schema.__mro__):
        text = inspect.cleandoc(owner.__doc__ or "").partition("Attributes\n----------\n")[2]
        for names, lines in re.findall(r"^(\w[\w, ]*)\n((?:    .+\n?)+)", text, flags=re.MULTILINE):
            told |= dict.fromkeys(names.split(", "), " ".join(lines.split()))
    return {name: meaning for name, meaning in told.items() if name in schema.model_fields}


def takes(field: FieldInfo, *, path: str) -> str:
    """Return what a key takes: its type in words, and the limits of a number."""
    limits = [
        LIMITS[name].format(f"{value:g}" if isinstance(value, float) else value)
        for name in LIMITS
        for limit in field.metadata
        if (value := getattr(limit, name, None)) is not None
    ]
    return f"{describe(field.annotation, path=path)} {', '.join(limits)}".strip()


def describe(annotation: Any, *, path: str) -> str:
    """Return an annotation in words; what has keys of its own is a link to them."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return takes(FieldInfo.from_annotation(annotation), path=path)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (typing.Union, types.UnionType):
        return describe_choice(arguments, path=path)
    if origin in (tuple, list):
        return describe_list(arguments, path=path)
    if origin is dict:
        return f"a mapping of names to {describe(arguments[1], path=path)}"
    return describe_one(annotation, path=path)


def describe_choice(members: Sequence[Any], *, path: str) -> str:
    """Return the members of a union in words; text, numbers and booleans together are a value."""
    scalars = {str, int, float, bool}
    some = [member for member in members if member not in scalars] if scalars <= set(members) else list(members)
    words = [describe(member, path=path) for member in some]
    return " or ".join(words if len(some) == len(members) else ["a value", *words])


def describe_list(members: Sequence[Any], *, path: str) -> str:
    """Return a list, or a tuple of fixed length, in words."""
    kind, space, limits = describe(members[0], path=path).partition(" >")
    size = str(len(members)) if len(members) > 1 and members[1] is not Ellipsis else "a list of"
    return f"{size} {PLURALS.get(kind, kind)}{space}{limits}"


def describe_one(annotation: Any, *, path: str) -> str:
    """Return a plain type in words, a schema as a link to its keys."""
    if not schemas_in(annotation):
        return PLAIN.get(annotation) or str(getattr(annotation, "__name__", annotation))
    kind = kind_of(annotation)
    return f"[`{kind}`](#{slug(f'{path}.kind: {kind}')})" if kind else f"[keys](#{slug(path)})"


def slug(title: str) -> str:
    """Return the anchor that MyST gives to a heading, after GitHub's rule."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def default(field: FieldInfo) -> str:
    """Return the default, as YAML would have it; nothing for a part whose keys have their own defaults."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if isinstance(value, Config) and not kind_of(type(value)) else f"`{yaml_text(value)}`"


def yaml_text(value: Any) -> str:
    """Return a value as it is written in YAML; of a schema, its kind or the keys that it must have."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Config):
        kind = kind_of(type(value))
        return f"{{kind: {kind}}}" if kind else yaml_text(value.model_dump(exclude_defaults=True))
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(yaml_text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml_text(item)}" for key, item in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value) or '""'


def schemas_in(annotation: Any) -> list[type[Config]]:
    """Return the schemas that a key can hold, looking through unions, lists and mappings."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return [annotation]
    return [schema for argument in typing.get_args(annotation) for schema in schemas_in(argument)]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("experiment-keys", ExperimentKeys)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
