"""Other tools' YAML is read as they read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.errors import ConfigSyntaxError
from tidegate.integrations.yaml_files import read_mapping, read_yaml


def test_it_is_yaml_1_1_with_repeated_keys(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("on: yes\na: 1\na: 2\nbase: &b {x: 1}\nmore: {<<: *b, y: 'no'}\njinja: \"{{ env_var('X') }}\"\n")
    document = read_mapping(file)
    assert document[True] is True  # type: ignore[index]  # YAML 1.1 reads the key `on` as true
    assert document["more"] == {"x": 1, "y": "no"}
    assert document["jinja"] == "{{ env_var('X') }}"


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("# nothing\n")
    assert read_yaml(file) is None
    assert read_mapping(file) == {}


def test_a_syntax_error_has_file_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("a: 1\nb: [1, 2\nc: 3\n")
    with pytest.raises(ConfigSyntaxError, match=r"a\.yml`, line \d, column \d"):
        read_yaml(file)


def test_what_is_no_mapping_or_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("- 1\n")
    with pytest.raises(ConfigSyntaxError, match="no mapping at its top"):
        read_mapping(file)
    file.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(ConfigSyntaxError):
        read_yaml(file)
