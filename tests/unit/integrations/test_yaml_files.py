"""Other tools' YAML is read as they read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tidegate.errors import ConfigSyntaxError
from tidegate.integrations.yaml_files import read_mapping, read_marked, read_yaml, write_yaml


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


def test_every_part_has_its_place() -> None:
    text = "a: 1\nb:\n  - c: 2022-05-12\n    d: yes\n  - [x]\n"
    marked = read_marked(text, name="a.yaml")
    assert marked.content == {"a": 1, "b": [{"c": "2022-05-12", "d": True}, ["x"]]}
    assert marked.place(("b", 0, "d")) == (4, 5)
    assert marked.place(("b", 1, 0)) == (5, 6)
    assert marked.place(("b", 0, "missing", "below")) == (3, 5)
    assert marked.place(("missing",)) == (1, 1)
    assert read_marked("", name="a.yaml").content is None


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: [1\n", "a: !!python/none 1\n", "a: \x00\n", "a: &x [*x]\n"])
def test_yaml_that_cannot_be_read_is_told_with_its_place(text: str) -> None:
    with pytest.raises(ConfigSyntaxError, match=r"`a\.yaml`"):
        read_marked(text, name="a.yaml")


TEXTS = st.text(max_size=30) | st.sampled_from(
    ["yes", "NO", "null", "~", "1", "1.0", "2022-01-01", "a: b", "# a", "- a", "n"]
)
DOCUMENTS = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b c", "no", "1"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(DOCUMENTS)
def test_what_is_written_is_read_back(document: object) -> None:
    text = write_yaml({"document": document})
    assert read_marked(text, name="a.yaml").content == {"document": document}
    assert YAML(typ="safe", pure=True).load(text) == {"document": document}
