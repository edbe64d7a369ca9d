"""YAML to plain values, with the line of every key.

Stricter and plainer than PyYAML's own loading: a key is always its text (`null:` and `on:` are
keys like any other), a key may not stand twice, and dates stay text.
"""

import re
from typing import Any, TypeAlias

import yaml

Location: TypeAlias = tuple[str | int, ...]
"""Where a value stands: the keys and list indexes that lead to it."""

Lines: TypeAlias = dict[Location, int]
"""The line of each location, counted from 1."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without dates."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def dotted(location: Location) -> str:
    """A location as people write it, such as `tables.orders.shards[0].host`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def read_yaml(data: bytes) -> tuple[Any, Lines]:
    """The document and the line of each of its parts.

    Raises:
        ValueError: `:LINE: problem` where the bytes are not YAML in UTF-8 or a key stands twice.
    """
    lines: Lines = {}
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f":{line}: expected UTF-8, got byte 0x{data[error.start]:02x}") from None
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f":{line}: expected YAML, got {error.reason}") from None
    try:
        node = loader.get_single_node()
        if node is None:
            return None, lines
        _refuse_twins(node, ())
        return _value(loader, node, (), lines), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        problem = re.sub(r"^(but )?found ", "", error.problem or "something else")
        # A value that begins with `*`, `&` or `!` is one to YAML, and may be a password.
        problem = re.sub(r"\b(alias|anchor|tag) '.*'", r"\1", problem)
        raise ValueError(f":{line}: expected YAML, got {problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f":1: expected YAML, got {error}") from None
    finally:
        loader.dispose()


def _value(loader: _Loader, node: yaml.Node, location: Location, lines: Lines) -> Any:
    lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            # Of a merged key (`<<:`) and one of the mapping's own, the own one comes last.
            lines[*location, key] = key_node.start_mark.line + 1
            mapping[key] = _value(loader, value_node, (*location, key), lines)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(loader, item, (*location, index), lines) for index, item in enumerate(node.value)
        ]
    try:
        return loader.construct_object(node)
    except ValueError:
        line = node.start_mark.line + 1
        # What stands at a host may be a password.
        found = "something else" if location[:1] == ("hosts",) else repr(node.value)
        raise ValueError(f":{line}: {dotted(location)}: expected a value, got {found}") from None


def _refuse_twins(node: yaml.Node, location: Location) -> None:
    """Refuse a key that stands twice in one mapping, as YAML does and PyYAML does not."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _refuse_twins(item, (*location, index))
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ValueError(f":{line}: expected text as a key, got a list or a mapping")
        inside = (*location, key_node.value)
        if key_node.value in seen:
            raise ValueError(f":{line}: {dotted(inside)}: expected each key once, got it twice")
        seen.add(key_node.value)
        _refuse_twins(value_node, inside)
