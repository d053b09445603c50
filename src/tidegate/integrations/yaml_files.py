"""Read the YAML of other tools, the way they read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.errors import ConfigSyntaxError

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import Node, ScalarNode

PLAIN_TEXT = re.compile(r"[A-Za-z_][A-Za-z0-9_./#-]*(?: [A-Za-z0-9_./-]+)*")
WORDS_OF_YAML = frozenset("y n yes no on off true false null".split())
"""Texts that YAML 1.1 reads as something else."""


def read_yaml(path: Path) -> object:
    """The document in a file, as plain values; None when it is empty.

    Read as YAML 1.1 with repeated keys allowed, as PyYAML does and so dbt does: `yes` is true there.

    Raises:
        ConfigSyntaxError: not YAML, or not text; the message has file, line and column.
    """
    status = path.stat()
    return _read(path, (status.st_ino, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=32)
def _read(path: Path, _stamp: tuple[int, int, int]) -> object:
    """A project's files are asked for many times in one run; a file that was touched is read again."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = _parser()
    try:
        document: object = yaml.load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigSyntaxError(f"`{path}`{where}: {error.problem}", hint="correct the YAML there") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise ConfigSyntaxError(f"`{path}`: {error}", hint="correct the YAML there") from error
    return document


def _parser() -> YAML:
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import SafeConstructor

    class Constructor(SafeConstructor):
        """Reads `y` and `n` as texts, as PyYAML does, and unlike the letter of YAML 1.1."""

        def bool_or_letter(self, node: ScalarNode) -> object:
            return str(node.value) if len(node.value) == 1 else self.construct_yaml_bool(node)

    Constructor.add_constructor("tag:yaml.org,2002:bool", Constructor.bool_or_letter)
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Constructor
    yaml.version = (1, 1)
    yaml.allow_duplicate_keys = True
    return yaml


def read_mapping(path: Path) -> Mapping[str, object]:
    """The mapping in a file; empty when the file is.

    Raises:
        ConfigSyntaxError: it is something else than a mapping.
    """
    document = read_yaml(path)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigSyntaxError(f"`{path}` has no mapping at its top", hint="write `key: value` lines there")
    return document


@dataclass(frozen=True, slots=True)
class Marked:
    """A document and where its parts stand: line and column, from 1, by the keys and indexes that lead to a part."""

    content: object
    places: Mapping[tuple[str | int, ...], tuple[int, int]]

    def place(self, loc: tuple[str | int, ...]) -> tuple[int, int]:
        """Where a part stands; of one that is not there, the nearest part around it."""
        while loc and loc not in self.places:
            loc = loc[:-1]
        return self.places.get(loc, (1, 1))


def read_marked(text: str, *, name: str) -> Marked:
    """The document in a text with the place of every part. Dates and keys are texts, as in JSON; a repeated key is refused.

    Raises:
        ConfigSyntaxError: not YAML; the message has `name`, line and column.
    """
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = _parser()
    yaml.Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))
    yaml.allow_duplicate_keys = False
    try:
        constructor, _ = yaml.get_constructor_parser(text)
        node = constructor.composer.get_single_node()
        content = None if node is None else constructor.construct_document(node)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = text.splitlines()[mark.line].strip() if mark and mark.line < len(text.splitlines()) else ""
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        said = f"{error.problem or error.context}{f': `{line}`' if line else ''}"
        raise ConfigSyntaxError(f"`{name}`{where}: {said}", hint="correct the YAML there") from error
    except YAMLError as error:
        raise ConfigSyntaxError(f"`{name}`: {error}", hint="correct the YAML there") from error
    try:
        return Marked(_text_keys(content), {} if node is None else dict(_places(node, ())))
    except RecursionError:
        raise ConfigSyntaxError(
            f"`{name}`: a part of it contains itself", hint="remove the alias (`*`) in it"
        ) from None


def _text_keys(value: object) -> object:
    """The same with texts for keys, as JSON has them: YAML 1.1 reads the key `on` as true."""
    if isinstance(value, dict):
        return {str(key): _text_keys(inner) for key, inner in value.items()}
    return [_text_keys(inner) for inner in value] if isinstance(value, list) else value


def _places(node: Node, loc: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], tuple[int, int]]]:
    """A key's own place for what it names, an item's for what a list holds."""
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    if isinstance(node, MappingNode):
        for key, value in node.value:
            inner = (*loc, str(key.value))
            yield inner, (key.start_mark.line + 1, key.start_mark.column + 1)
            yield from _places(value, inner)
    elif isinstance(node, SequenceNode):
        for number, item in enumerate(node.value):
            yield (*loc, number), (item.start_mark.line + 1, item.start_mark.column + 1)
            yield from _places(item, (*loc, number))


def write_yaml(document: object) -> str:
    """A document of plain values as YAML that versions 1.1 and 1.2 read alike; keys stay in their order."""
    from io import StringIO

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 110
    text = StringIO()
    yaml.dump(_quoted(document), text)
    return text.getvalue()


def _quoted(value: object) -> object:
    """The same with quotes around every text that is not plainly one."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, Mapping):
        return {_quoted(key): _quoted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_quoted(inner) for inner in value]
    if isinstance(value, str) and (value.casefold() in WORDS_OF_YAML or not PLAIN_TEXT.fullmatch(value)):
        return DoubleQuotedScalarString(value)
    return value
