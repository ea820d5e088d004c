"""Reading experiments: YAML, ``key.sub=value`` overrides, and errors of one line that name the nearest key."""

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from merkhet.config.base import Config
from merkhet.config.experiment import Experiment
from merkhet.errors import ConfigError, InputError

C = TypeVar("C", bound=Config)


class _Loader(yaml.SafeLoader):
    """YAML that keeps ``no``, ``off`` and ``on`` as text: they are class names more often than booleans."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def parse_yaml(text: str, *, source: str | Path) -> Any:
    """Parse YAML safely; a syntax error names the file, the line and the column."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InputError(source, f"{place}not valid YAML: {getattr(error, 'problem', error)}") from error


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file that must hold a mapping."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(path, f"cannot be read: {reason}") from error
    content = parse_yaml(text, source=path)
    if not isinstance(content, dict):
        raise InputError(path, f"holds a {type(content).__name__}", expected="a mapping of keys to values")
    return content


def apply_overrides(content: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Return ``content`` with ``key.sub=value`` overrides applied; values are parsed as YAML.

    An index addresses a list (``augment.0.sigma=0.1``); ``key=`` takes a key out, so that its default holds. Another
    kind (``model.kind=resnet``) starts from its own defaults: the options of the one before go, but for those that
    earlier overrides have set. Keys are checked later, by the schema.
    """
    result: dict[str, Any] = _copy(content)
    given: list[list[str]] = []
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise ConfigError(f"{override}: an override is written key.sub=value, for example train.epochs=20")
        keys, value = key.split("."), parse_yaml(text, source=override) if text else _REMOVE
        if keys[-1] == "kind":
            _drop_options(result, keys[:-1], kind=value, given=given)
        _assign(result, keys, value, override)
        given.append(keys)
    return result


_REMOVE = object()


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list | tuple) else value


def _assign(node: Any, keys: list[str], value: Any, override: str) -> None:
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(node, list):
            if not key.isdigit() or int(key) >= len(node):
                raise ConfigError(f"{override}: {'.'.join(keys[:depth])} is a list of {len(node)}, {key!r} is no index")
            place: Any = int(key)
        elif isinstance(node, dict):
            place = key
            if not last and node.get(place) is None:
                node[place] = {}
        else:
            raise ConfigError(f"{override}: {'.'.join(keys[:depth])} is a single value and has no key {key!r}")
        if last and value is _REMOVE and isinstance(node, dict):
            node.pop(place, None)
        elif last:
            node[place] = value
        else:
            node = node[place]


def _drop_options(content: Any, keys: list[str], *, kind: Any, given: list[list[str]]) -> None:
    """Where another member of a union is chosen, take out the options of the one that stood at ``keys`` so far."""
    node = content
    for key in keys:
        entries = node if isinstance(node, dict) else dict(enumerate(node)) if isinstance(node, list) else {}
        node = entries.get(int(key) if isinstance(node, list) and key.isdigit() else key)
    union = [schema for schema in _schemas(_walk(Experiment, keys)[0]) if "kind" in schema.model_fields]
    if not isinstance(node, dict) or len(union) < 2:
        return  # the kind of a single schema (split.kind) is an option among others
    default = _default_kind(keys)
    if node.get("kind", default) != (default if kind is _REMOVE else kind):
        kept = {path[len(keys)] for path in given if len(path) > len(keys) and path[: len(keys)] == keys}
        for name in set(node) - kept:
            del node[name]


def _default_kind(keys: list[str]) -> str | None:
    """Return the kind that holds at ``keys`` where none is written."""
    for schema in _schemas(_walk(Experiment, keys[:-1])[0]):
        if keys[-1] in schema.model_fields:
            return getattr(schema.model_fields[keys[-1]].default, "kind", None)
    return None


def validate(schema: type[C], content: Any, *, source: str | Path) -> C:
    """Check ``content`` against ``schema``; raise one line that names every fault found.

    Raises
    ------
    ConfigError
        With the field, the value seen, what was expected and, for an unknown key, the nearest known one.
    """
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{source}: " + "; ".join(_describe_all(schema, error))) from error


def _describe_all(schema: type[BaseModel], error: ValidationError) -> list[str]:
    """One line per field; the branches of a plain union that all failed are joined into one."""
    lines: dict[str, list[str]] = {}
    for fault in error.errors():
        head, _, expected = _describe(schema, dict(fault)).partition("; expected ")
        lines.setdefault(head, []).append(expected)
    return [
        head + ("; expected " + " or ".join(dict.fromkeys(rest)) if rest[0] else "") for head, rest in lines.items()
    ]


def _describe(schema: type[BaseModel], fault: dict[str, Any]) -> str:
    loc, seen, kind = fault["loc"], fault["input"], fault["type"]
    fields, names = _follow(schema, loc[:-1] if kind == "extra_forbidden" else loc)
    if kind == "extra_forbidden":
        key = str(loc[-1])
        return f"{'.'.join([*names, key])}: unknown key{_nearest(key, fields)}"
    field = ".".join(names) or "experiment"
    if kind == "missing":
        return f"{field}: missing; set it in the file or as {field}=..."
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        known = [tag.strip("'") for tag in fault["ctx"].get("expected_tags", "").split(", ")] if "ctx" in fault else []
        tag = str(fault.get("ctx", {}).get("tag", "")) or "none"
        return f"{field}.kind: {tag!r} is unknown{_nearest(tag, known)}"
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    message = message.split(", unable to parse")[0]
    if kind == "value_error":
        return f"{field}: {message}"
    if kind in ("model_type", "model_attributes_type"):
        message = f"a mapping with keys {', '.join(dict.fromkeys(fields))}"
    return f"{field}: got {seen!r}; expected {message}"


def _nearest(key: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def _follow(schema: Any, loc: tuple[Any, ...]) -> tuple[list[str], list[str]]:
    """Walk a pydantic location through the schema; return the keys known at its end and the user's own path."""
    node, names = _walk(schema, loc)
    return [name for s in _schemas(node) for name in s.model_fields], names


def _walk(schema: Any, loc: Sequence[Any]) -> tuple[Any, list[str]]:
    """Walk a pydantic location through the schema; return the annotation at its end and the user's own path.

    Locations hold the tags of discriminated unions, which the user never wrote.
    """
    names: list[str] = []
    node = schema
    for part in loc:
        choices = _schemas(node)
        tagged = [s for s in choices if "kind" in s.model_fields and s.model_fields["kind"].default == part]
        if tagged and part not in tagged[0].model_fields:
            node = tagged[0]
            continue
        owner = next((s for s in choices if part in s.model_fields), None)
        if owner is not None:
            node = owner.model_fields[part].annotation
            names.append(str(part))
        elif isinstance(part, int):
            names.append(str(part))
        elif not choices:
            continue  # the name of a branch of a plain union
        else:
            names.append(str(part))
    return node, names


def _schemas(node: Any) -> list[type[BaseModel]]:
    """Return the pydantic schemas that an annotation can hold, looking through Optional, tuple and Annotated."""
    if isinstance(node, type) and issubclass(node, BaseModel):
        return [node]
    if typing.get_origin(node) is typing.Annotated:
        return _schemas(typing.get_args(node)[0])
    if typing.get_origin(node) in (typing.Union, types.UnionType, tuple, list):
        return [schema for argument in typing.get_args(node) for schema in _schemas(argument)]
    return []
