"""Read the YAML of other tools, the way they read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.errors import ConfigSyntaxError

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode


def read_yaml(path: Path) -> object:
    """The document in a file, as plain values; None when it is empty.

    Read as YAML 1.1 with repeated keys allowed, as PyYAML does and so dbt does: `yes` is true there.

    Raises:
        ConfigSyntaxError: not YAML, or not text; the message has file, line and column.
    """
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
