"""dlt's own files say where it would write."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.errors import ConfigSyntaxError
from tidegate.integrations import dlt_settings
from tidegate.integrations.dlt_script import Pipeline


def pipeline(name: str | None = "shop", destination: str | None = None) -> Pipeline:
    return Pipeline(
        line=1, name=name, destination=destination, dataset=None, credentials=None, pipelines_dir=None, dev_mode=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        """
        [pipelines.shop]
        destination_name = "wh"
        [destination.wh]
        destination_type = "dlt.destinations.duckdb"
        credentials = "wh.duckdb"
        [destination.duckdb.credentials]
        database = "plain.duckdb"
        [destination.postgres]
        credentials = "postgresql://u@h/db"
        """
    )
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        """
        [shop.destination.duckdb]
        credentials = "duckdb:////abs/own.duckdb"
        [destination.wh]
        credentials = "secret.duckdb"
        """
    )
    return tmp_path


def test_secrets_and_configuration_are_one(folder: Path) -> None:
    settings = dlt_settings.read_settings(folder)
    assert set(dlt_settings.configured_files(settings, folder)) == {
        folder / "secret.duckdb",
        folder / "plain.duckdb",
        Path("/abs/own.duckdb"),
    }


def test_the_destination_is_the_scripts_else_the_settings(folder: Path) -> None:
    settings = dlt_settings.read_settings(folder)
    assert dlt_settings.destination_of(pipeline(destination="postgres"), settings) == "postgres"
    assert dlt_settings.destination_of(pipeline(), settings) == "wh"
    assert dlt_settings.destination_of(pipeline("other"), settings) is None
    assert dlt_settings.type_of("wh", settings) == "duckdb"
    assert dlt_settings.type_of("postgres", settings) == "postgres"


@pytest.mark.parametrize(
    ("credentials", "file"),
    [
        ("a.duckdb", "/p/a.duckdb"),
        ("duckdb:///a.duckdb", "/p/a.duckdb"),
        ("duckdb:////abs/a.duckdb", "/abs/a.duckdb"),
        (":memory:", None),
        (":pipeline:", None),
        ("duckdb:///:memory:", None),
        ("postgresql://u@h/db", None),
        ("", None),
    ],
    ids=str,
)
def test_what_credentials_mean(credentials: str, file: str | None) -> None:
    assert dlt_settings.database_file(credentials, Path("/p")) == (Path(file) if file else None)


def test_no_files_are_no_settings_and_broken_ones_are_named(tmp_path: Path) -> None:
    assert dlt_settings.read_settings(tmp_path) == {}
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[a\n")
    with pytest.raises(ConfigSyntaxError, match=r"config\.toml`.*line 1"):
        dlt_settings.read_settings(tmp_path)
