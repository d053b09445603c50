"""`tidegate init` writes a file that the loader reads back, from whatever it finds, and touches nothing else."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tidegate.app.init import init
from tidegate.cli.progress import StderrProgress
from tidegate.config import FILE_NAME, load
from tidegate.errors import ConfigError, PathNotFoundError

QUIET = StderrProgress(quiet=True)

PROFILES = "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: '../my shop.duckdb', schema: analytics}\n"
SCRIPT = 'import dlt\n\npipeline = dlt.pipeline(pipeline_name="shop", destination="duckdb", dataset_name="raw")\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "transform" / "models").mkdir(parents=True)
    (tmp_path / "transform" / "dbt_project.yml").write_text(
        "name: shop\nversion: '1'\nprofile: shop\n", encoding="utf-8"
    )
    (tmp_path / "transform" / "profiles.yml").write_text(PROFILES, encoding="utf-8")
    (tmp_path / "transform" / "models" / "a.sql").write_text("select 1 as x", encoding="utf-8")
    (tmp_path / "ingest").mkdir()
    (tmp_path / "ingest" / "shop.py").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_it_writes_one_file_that_loads(project: Path) -> None:
    before = files(project)
    done = init(project, QUIET, link_back=False, force=False)
    assert files(project) - before == {FILE_NAME}
    settings = load(project)
    assert [(s.name, s.kind, s.target) for s in settings.steps] == [
        ("load", "dlt", "ingest/shop.py"),
        ("transform", "dbt", "transform"),
    ]
    assert settings.warehouse.database == "my shop.duckdb"
    assert settings.warehouse.adopt is None
    assert any("does not exist yet" in line for line in done.unknown)
    assert any("pipeline shop" in line for line in done.found)
    assert any("1 model," in line for line in done.found)


def test_an_existing_database_is_to_be_adopted_and_left_alone(project: Path) -> None:
    database = project / "my shop.duckdb"
    with duckdb.connect(str(database)) as con:
        con.execute("create table t as select 1 as x")
    bytes_before = database.read_bytes()
    init(project, QUIET, link_back=False, force=False)
    assert load(project).warehouse.adopt == project.resolve() / "my shop.duckdb"
    assert database.read_bytes() == bytes_before
    assert not (project / "warehouse").exists()


def test_sources_that_nothing_here_loads_are_asked_for(project: Path) -> None:
    sources = "sources: [{name: raw, tables: [{name: orders}]}]"
    (project / "transform" / "models" / "sources.yml").write_text(sources, encoding="utf-8")
    assert not any("what loads" in line for line in init(project, QUIET, link_back=False, force=False).unknown)
    (project / "ingest" / "shop.py").unlink()
    assert any("what loads the source" in line for line in init(project, QUIET, link_back=False, force=True).unknown)


def test_adopt_makes_the_database_a_link_at_once(project: Path) -> None:
    database = project / "my shop.duckdb"
    with duckdb.connect(str(database)) as con:
        con.execute("create table t as select 42 as x")
    done = init(project, QUIET, link_back=True, force=False)
    assert done.adopted == 1
    assert database.is_symlink()
    with duckdb.connect(str(database), read_only=True) as con:
        assert con.execute("select x from t").fetchall() == [(42,)]
    assert (project / "my shop.duckdb.before-tidegate").is_file()


@pytest.mark.parametrize("link_back", [True, False])
def test_an_adopted_database_stays_the_link_that_it_is(project: Path, link_back: bool) -> None:
    with duckdb.connect(str(project / "my shop.duckdb")) as con:
        con.execute("create table t as select 42 as x")
    first = init(project, QUIET, link_back=True, force=False)
    again = init(project, QUIET, link_back=link_back, force=True)
    assert again.text == first.text
    assert again.adopted is None
    assert "database my shop.duckdb: is a link to the live version" in again.found
    (project / "warehouse" / "versions" / "000001" / "my shop.duckdb").unlink()  # it leads nowhere now
    assert init(project, QUIET, link_back=link_back, force=True).text == first.text


def test_a_link_of_the_users_own_is_followed(project: Path) -> None:
    (project / "live").mkdir()
    elsewhere = project / "live" / "my shop.duckdb"
    with duckdb.connect(str(elsewhere)) as con:
        con.execute("create table t as select 42 as x")
    (project / "my shop.duckdb").symlink_to(elsewhere)
    init(project, QUIET, link_back=False, force=False)
    assert load(project).warehouse.adopt == elsewhere.resolve()


def test_it_refuses_what_it_cannot_do(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(PathNotFoundError, match="no database"):
        init(project, QUIET, link_back=True, force=False)
    init(project, QUIET, link_back=False, force=False)
    with pytest.raises(ConfigError, match="exists"):
        init(project, QUIET, link_back=False, force=False)
    init(project, QUIET, link_back=False, force=True)
    with pytest.raises(ConfigError, match="no dbt project"):
        init(tmp_path_factory.mktemp("empty"), QUIET, link_back=False, force=False)
    with pytest.raises(PathNotFoundError):
        init(project / "nowhere", QUIET, link_back=False, force=False)


@pytest.mark.parametrize(
    ("ignored", "said"),
    [
        (None, "add `warehouse/` and `.tidegate/` to `.gitignore`"),
        ("/warehouse/\n", "add `.tidegate/` to `.gitignore`"),
        ("warehouse\n.tidegate/\n", None),
    ],
)
def test_git_is_not_to_take_data_for_code(project: Path, ignored: str | None, said: str | None) -> None:
    assert init(project, QUIET, link_back=False, force=False).advice == ()
    (project / ".git").mkdir()
    if ignored is not None:
        (project / ".gitignore").write_text(ignored, encoding="utf-8")
    advice = init(project, QUIET, link_back=False, force=True).advice
    assert [line.partition(":")[0] for line in advice] == ([said] if said else [])


def test_a_project_that_has_versions_does_not_start_empty(project: Path) -> None:
    (project / "warehouse" / "versions" / "000001").mkdir(parents=True)
    (project / "warehouse" / "live").symlink_to("versions/000001")
    done = init(project, QUIET, link_back=False, force=False)
    assert not any("does not exist yet" in line for line in done.unknown)


def test_several_scripts_get_names_of_their_own(project: Path) -> None:
    (project / "ingest" / "other").mkdir()
    (project / "ingest" / "other" / "shop.py").write_text(SCRIPT.replace("shop", "other"), encoding="utf-8")
    init(project, QUIET, link_back=False, force=False)
    names = [s.name for s in load(project).steps]
    assert len(set(names)) == len(names) == 3
