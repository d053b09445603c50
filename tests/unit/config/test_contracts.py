"""Where contracts are looked for, and checks of `tidegate.yml` that are written in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.config import FILE_NAME, checks_of, load
from tidegate.errors import ConfigError, PathNotFoundError, UnknownKeyError


def files(folder: Path, said: str = "") -> list[str]:
    (folder / FILE_NAME).write_text(f"version: 1\n{said}\n", encoding="utf-8")
    return [str(path.relative_to(folder)) for path in load(folder).contract_files]


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


def test_contracts_are_found_in_their_folder_and_beside_the_file(tmp_path: Path) -> None:
    assert files(tmp_path) == []
    make(tmp_path, "contracts/b.odcs.yaml", "contracts/a.odcs.yaml", "contracts/c.yaml", "d.odcs.yaml")
    assert files(tmp_path) == ["contracts/a.odcs.yaml", "contracts/b.odcs.yaml", "d.odcs.yaml"]


def test_what_is_named_is_taken_once_and_must_be_there(tmp_path: Path) -> None:
    make(tmp_path, "promises/a.yaml", "promises/b.yaml")
    assert files(tmp_path, "contracts: [promises/b.yaml, promises/*.yaml]") == ["promises/b.yaml", "promises/a.yaml"]
    assert files(tmp_path, "contracts: []") == []
    with pytest.raises(PathNotFoundError, match=r"tidegate\.yml:2:13: there is no contract `c\.yaml`"):
        files(tmp_path, "contracts: [c.yaml]")


@pytest.mark.parametrize("pattern", ["../a.yaml", "/etc/a.yaml", "a/../../b.yaml"])
def test_a_pattern_stays_in_the_project(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ConfigError, match="leads out of the project"):
        files(tmp_path, f"contracts: [{pattern}]")


def test_checks_written_elsewhere() -> None:
    found = checks_of({"not_null": ["a", "b"], "on_fail": "warn"}, "a.odcs.yaml:3:5")
    assert [(str(c.dataset), c.kind, c.column, c.blocking) for c in found] == [
        ("contract.table", "not_null", "a", False),
        ("contract.table", "not_null", "b", False),
    ]
    (moved,) = checks_of({"rule": "a > 0", "on_fail": "quarantine"}, "a.odcs.yaml:3:5")
    assert (moved.blocking, moved.quarantine) == (True, True)
    (other,) = checks_of({"table": "raw.x", "rule": "a > 0"}, "a.odcs.yaml:3:5")
    assert str(other.dataset) == "raw.x"
    with pytest.raises(UnknownKeyError, match=r"a\.odcs\.yaml:3:5: unknown key `rul`"):
        checks_of({"rul": "a > 0"}, "a.odcs.yaml:3:5")
    with pytest.raises(ConfigError, match=r"a\.odcs\.yaml:3:5: "):
        checks_of({"where": "a > 0"}, "a.odcs.yaml:3:5")
