"""Formats and where they go, and files as other programs find them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.integrations.reports import outcome
from tidegate.cli import reports
from tidegate.cli.output import Output
from tidegate.errors import UsageError


@pytest.mark.parametrize(
    ("asked", "output", "json", "found"),
    [
        ([], None, False, [("text", None)]),
        ([], None, True, [("json", None)]),
        (["json"], None, True, [("json", None)]),
        (["junit"], None, False, [("junit", None)]),
        (["junit"], "a.xml", False, [("junit", "a.xml"), ("text", None)]),
        ([], "a.txt", False, [("text", "a.txt"), ("text", None)]),
        (["junit=a.xml", "sarif=b"], None, False, [("junit", "a.xml"), ("sarif", "b"), ("text", None)]),
        (["junit=a.xml", "github"], None, False, [("junit", "a.xml"), ("github", None)]),
        (["junit=a=b.xml"], None, True, [("junit", "a=b.xml"), ("json", None)]),
    ],
)
def test_where_formats_go(
    asked: list[str], output: str | None, json: bool, found: list[tuple[str, str | None]]
) -> None:
    places = reports.targets(asked, output, json=json)
    assert list(places) == [(name, Path(path) if path else None) for name, path in found]


@pytest.mark.parametrize(
    ("asked", "output", "json", "says"),
    [
        (["xml"], None, False, "`--format xml` is no format"),
        (["junit="], None, False, "`--format junit=` is no format"),
        (["junit", "sarif"], None, False, "two formats for one place: `junit` and `sarif`"),
        (["junit"], None, True, "two formats for one place: `junit` and `json`"),
        (["junit=a"], "b", False, "`--output b` has no format of its own"),
    ],
)
def test_what_is_no_format(asked: list[str], output: str | None, json: bool, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        reports.targets(asked, output, json=json)


def written(tmp_path: Path, *asked: str, results: str | None = None) -> None:
    places = reports.targets(asked, None, json=False)
    reports.write(outcome(), places, Output(quiet=True), root=tmp_path, statements=False, results=results)


def test_files_are_written_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "folder"
    (tmp_path / "old.xml").write_text("longer than nothing" * 1000, encoding="utf-8")
    names = {"json": '{\n  "schema_version"', "sarif": '{\n  "$schema"', "markdown": "## Tidegate", "text": "version 7"}
    asked = [f"{name}={folder / name}" for name in names]
    written(tmp_path, *asked, f"junit={tmp_path / 'old.xml'}", results=str(folder / "run_results.json"))
    for name, begins in names.items():
        assert (folder / name).read_text(encoding="utf-8").startswith(begins)
    assert (tmp_path / "old.xml").read_text(encoding="utf-8").endswith("</testsuites>\n")
    assert "run-results/v6" in (folder / "run_results.json").read_text(encoding="utf-8")
    assert capsys.readouterr().out.startswith("version 7, as readers see it")


def test_the_summary_of_a_job_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "summary.md"
    place.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
    written(tmp_path, "junit=" + str(tmp_path / "a"))
    assert place.read_text(encoding="utf-8") == "before\n"
    written(tmp_path, "github")
    assert place.read_text(encoding="utf-8").startswith("before\n## Tidegate check failed\n")
    assert "\n::error file=tidegate.yml,line=4" in "\n" + capsys.readouterr().out


@pytest.mark.parametrize(
    ("workspace", "found"), [(None, "data/shop"), (".", "data/shop"), ("data", "shop"), ("other", "data/shop")]
)
def test_the_folder_in_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: str | None, found: str
) -> None:
    root = tmp_path / "data" / "shop"
    root.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    if workspace:
        monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / workspace))
    assert reports.folder_in_repository(root) == found


def test_a_project_that_is_its_own_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    (tmp_path / ".git").write_text("gitdir: elsewhere", encoding="utf-8")
    assert reports.folder_in_repository(tmp_path) == ""
