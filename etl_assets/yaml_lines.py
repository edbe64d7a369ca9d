"""YAML to plain values, with the line of every key.

Stricter and plainer than PyYAML's own loading: a key is always its text (`null:` and `on:` are
keys like any other), a key may not stand twice, and dates stay text.
"""

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


def read_yaml(text: str) -> tuple[Any, Lines]:
    """The document and the line of each of its parts.

    Raises:
        ValueError: `:LINE: problem` where the text is not YAML or a key stands twice.
    """
    lines: Lines = {}
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f":{line}: wanted YAML, found {error.reason}") from None
    try:
        node = loader.get_single_node()
        return (None if node is None else _value(loader, node, (), lines)), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise ValueError(f":{line}: wanted YAML, found {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f":1: wanted YAML, found {error}") from None
    finally:
        loader.dispose()


def _value(loader: _Loader, node: yaml.Node, location: Location, lines: Lines) -> Any:
    lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ValueError(f":{line}: wanted text as a key, found a list or a mapping")
            key = key_node.value
            if key in mapping:
                raise ValueError(f":{line}: {key}: wanted each key once, found it twice")
            lines[*location, key] = line
            mapping[key] = _value(loader, value_node, (*location, key), lines)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(loader, item, (*location, index), lines) for index, item in enumerate(node.value)
        ]
    return loader.construct_object(node)
