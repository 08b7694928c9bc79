"""YAML files of settings: reading with line numbers, and writing.

Scalars are read as strings, which the type of the setting parses: `cache: off` and `schema: off`
have the meaning of each setting, and `1e-3` is a number. (In YAML 1.1, `off` is false and `1e-3` a
string.)
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bonafide.settings.errors import SettingsError
from bonafide.settings.overrides import Change

if TYPE_CHECKING:
    import yaml

_STANDARD = "tag:yaml.org,2002:"
_PLAIN = {
    f"{_STANDARD}{kind}"
    for kind in ("str", "int", "float", "bool", "null", "timestamp", "value", "map", "seq")
}
# More than any settings need; nested aliases could expand to billions.
_MOST_VALUES = 10_000


def read_yaml(path: str | os.PathLike[str]) -> tuple[Any, dict[str, str]]:
    """Reads a file with YAML's safe loader, which creates no objects.

    Returns:
        The content: texts, None, lists and dictionaries. And places: dotted name of a value
        (`default.volumes[0].mount`) -> `FILE:LINE`.

    Raises:
        SettingsError: The file cannot be read, is not YAML, or has a duplicate name, also once
            nested and once dotted.
    """
    import yaml  # only needed with a file

    place = os.fspath(path)
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError("a YAML file", error.strerror or str(error), place=place) from error
    except UnicodeDecodeError as error:
        raise SettingsError("a YAML file in UTF-8", str(error), place=place) from error
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        places: dict[str, str] = {}
        content = None if node is None else _Reader(loader, place, places).value(node, "")
    except RecursionError as error:
        raise SettingsError("YAML with an end", "levels without end", place=place) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        where = f"{place}:{mark.line + 1}" if mark else place
        raise SettingsError("YAML", f"what is none: {problem}", place=where) from error
    return content, places


class _Reader:
    """Converts nodes to strings, lists and dictionaries, and records their positions."""

    def __init__(self, loader: yaml.SafeLoader, file: str, places: dict[str, str]) -> None:
        self._loader = loader
        self._file = file
        self._places = places
        self._read = 0
        self._own: dict[int, list[yaml.Node]] = {}

    def value(self, node: yaml.Node, name: str) -> Any:
        import yaml

        self._places.setdefault(name, self._place(node))
        self._read += 1
        if self._read > _MOST_VALUES:
            raise SettingsError(f"at most {_MOST_VALUES:,} values", "more", place=self._file)
        if node.tag not in _PLAIN:
            raise SettingsError("plain YAML", f"the tag {node.tag}", name, self._place(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, name)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, f"{name}[{i}]") for i, item in enumerate(node.value)]
        return None if node.tag == f"{_STANDARD}null" else node.value

    def _mapping(self, node: yaml.MappingNode, name: str) -> dict[str, Any]:
        # Before flattening, which adds merged keys.
        own = [key for key, _ in node.value if key.tag != f"{_STANDARD}merge"]
        for key in self._own.setdefault(id(node), own):
            if not isinstance(key.value, str):
                raise SettingsError("a name", "a list or mapping", name, self._place(key))
            inner = f"{name}.{key.value}" if name else key.value
            if inner in self._places:
                again = f"it again after {self._places[inner]}"
                raise SettingsError("each name once", again, inner, self._place(key))
            self._places[inner] = self._place(key)
        self._loader.flatten_mapping(node)  # inserts the content of `<<: *anchor`
        return {
            key.value: self.value(value, f"{name}.{key.value}" if name else key.value)
            for key, value in node.value
        }

    def _place(self, node: yaml.Node) -> str:
        return f"{self._file}:{node.start_mark.line + 1}"


def changes_of(content: Any, places: Mapping[str, str]) -> list[Change]:
    """Returns the changes in a file, nested (`trainer: {epochs: 5}`) or dotted.

    Args:
        content: Result of `read_yaml`.
        places: Result of `read_yaml`.

    Raises:
        SettingsError: It is not a mapping.
    """
    if content is None:
        return []
    if not isinstance(content, dict):
        raise SettingsError("a mapping of settings", repr(content), place=places.get("", ""))
    return list(_flat(content, "", places))


def _flat(content: Mapping[str, Any], outer: str, places: Mapping[str, str]) -> Iterator[Change]:
    for key, value in content.items():
        name = f"{outer}.{key}" if outer else key
        if isinstance(value, dict):
            yield from _flat(value, name, places)
        else:
            yield Change(name, value, places[name])


def to_yaml(sections: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> str:
    """Returns sections of settings as YAML for `read_yaml` and `changes_of`.

    Args:
        sections: Section -> setting -> value.
        titles: Section -> the comment above it.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes lists on one line."""

    Dumper.add_representer(
        tuple,
        lambda dumper, items: dumper.represent_sequence(f"{_STANDARD}seq", items, flow_style=True),
    )
    return "\n".join(
        f"# {titles[name]}\n"
        + yaml.dump(
            {name: dict(values)}, Dumper=Dumper, sort_keys=False, width=1000, allow_unicode=True
        )
        for name, values in sections.items()
    )
