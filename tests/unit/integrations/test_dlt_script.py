"""A dlt script is understood without being run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.errors import ConfigSyntaxError, PathNotFoundError
from tidegate.integrations.dlt_script import UNREAD, Pipeline, read_script


def pipelines(text: str, tmp_path: Path) -> tuple[Pipeline, ...]:
    file = tmp_path / "load.py"
    file.write_text("import dlt\n" + text)
    return read_script(file)


def pipeline(text: str, tmp_path: Path) -> Pipeline:
    (found,) = pipelines(text, tmp_path)
    return found


def test_keywords_and_positions(tmp_path: Path) -> None:
    found = pipeline('p = dlt.pipeline("shop", destination="duckdb", dataset_name="raw")', tmp_path)
    assert found == Pipeline(
        line=2,
        name="shop",
        destination="duckdb",
        dataset="raw",
        credentials=None,
        pipelines_dir=None,
        dev_mode=False,
    )


def test_names_are_followed_to_their_one_literal(tmp_path: Path) -> None:
    text = 'NAME = "shop"\nDB: str = "a.duckdb"\np = dlt.pipeline(NAME, destination=dlt.destinations.duckdb(DB))'
    found = pipeline(text, tmp_path)
    assert (found.name, found.destination, found.credentials) == ("shop", "duckdb", "a.duckdb")
    twice = pipeline('NAME = "a"\nNAME = "b"\np = dlt.pipeline(NAME)', tmp_path)
    assert twice.name == UNREAD


@pytest.mark.parametrize(
    ("destination", "name", "credentials"),
    [
        ('"duckdb"', "duckdb", None),
        ('"dlt.destinations.postgres"', "postgres", None),
        ("dlt.destinations.duckdb", "duckdb", None),
        ("dlt.destinations.duckdb()", "duckdb", None),
        ('dlt.destinations.duckdb("x.duckdb")', "duckdb", "x.duckdb"),
        ('dlt.destinations.duckdb(credentials="duckdb:///x.duckdb")', "duckdb", "duckdb:///x.duckdb"),
        ('duckdb(Path("x.duckdb"), destination_name="wh")', "wh", "x.duckdb"),
        ('dlt.destinations.duckdb(f"{x}.duckdb")', "duckdb", UNREAD),
        ('dlt.destination("wh", destination_type="duckdb", credentials="y.duckdb")', "wh", "y.duckdb"),
        ("os.environ['D']", UNREAD, None),
        ("None", None, None),
        ("dlt.config.value", None, None),
        ("dlt.destinations.duckdb(dlt.secrets.value)", "duckdb", None),
    ],
    ids=str,
)
def test_destinations(destination: str, name: str | None, credentials: str | None, tmp_path: Path) -> None:
    found = pipeline(f'p = dlt.pipeline("p", destination={destination})', tmp_path)
    assert (found.destination, found.credentials) == (name, credentials)


def test_a_destination_assigned_to_a_name_or_given_to_run(tmp_path: Path) -> None:
    named = pipeline('d = dlt.destinations.duckdb("x.duckdb")\np = dlt.pipeline("p", destination=d)', tmp_path)
    assert (named.destination, named.credentials) == ("duckdb", "x.duckdb")
    late = pipeline('p = dlt.pipeline("p")\np.run([1], destination="duckdb", dataset_name="raw")', tmp_path)
    assert (late.destination, late.dataset) == ("duckdb", "raw")
    old = pipeline('p = dlt.pipeline("p", destination="duckdb", credentials="x.duckdb")', tmp_path)
    assert old.credentials == "x.duckdb"


def test_what_else_matters_is_seen(tmp_path: Path) -> None:
    found = pipeline('p = dlt.pipeline("p", pipelines_dir="state", dev_mode=True)', tmp_path)
    assert (found.pipelines_dir, found.dev_mode) == ("state", True)
    assert pipeline('p = dlt.pipeline("p", full_refresh=True)', tmp_path).dev_mode
    assert pipeline("from dlt import pipeline\np = pipeline('p')", tmp_path).name == "p"
    assert pipeline("p = dlt.pipeline()", tmp_path).name is None


def test_other_pipelines_are_not_dlts(tmp_path: Path) -> None:
    assert pipelines("p = sklearn.pipeline()\nq = pipeline\nmodel.run(data)", tmp_path) == ()


def test_a_script_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigSyntaxError, match=r"load\.py`, line 2"):
        pipelines("def broken(:", tmp_path)
    with pytest.raises(PathNotFoundError, match="no script"):
        read_script(tmp_path / "none.py")
    (tmp_path / "bytes.py").write_bytes(b"\x00\xff")
    with pytest.raises(ConfigSyntaxError):
        read_script(tmp_path / "bytes.py")
