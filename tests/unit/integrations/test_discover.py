"""`discover` finds what is there, runs none of it, and says what it could not tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.integrations.discover import DbtProject, Discovery, DltScript, Environment, discover

FILES = {
    "transform/dbt_project.yml": "name: shop\nprofile: shop\nmodel-paths: [models]\n",
    "transform/profiles.yml": "shop: {outputs: {default: {type: duckdb, path: ../shop.duckdb}}}\n",
    "transform/models/orders.sql": "select 1",
    "transform/models/deep/items.py": "def model(dbt, session): ...",
    "transform/models/schema.yml": """
models:
  - name: orders
    data_tests: [{dbt_utils.recency: {}}]
    columns: [{name: id, data_tests: [unique, not_null]}, {name: x, tests: [not_null]}]
sources:
  - name: raw
    tables: [{name: orders, columns: [{name: id, tests: [unique]}]}, {name: items}]
""",
    "transform/tests/no_orphans.sql": "select 1 where false",
    "transform/tests/generic/mine.sql": "{% test mine(model) %}{% endtest %}",
    "transform/target/dbt_project.yml": "name: not a project",
    "transform/dbt_packages/utils/dbt_project.yml": "name: utils",
    "ingest/load.py": 'import dlt\ndlt.pipeline("shop", destination="duckdb", dataset_name="raw").run([1])\n',
    "ingest/other.py": "print('this is not about dlt')\n",
    ".venv/pyvenv.cfg": "",
    ".venv/lib/python3.11/site-packages/dlt/__init__.py": "",
    ".venv/bin/dbt": "",
    "node_modules/x/load.py": 'import dlt\ndlt.pipeline("no")\n',
    ".hidden/dbt_project.yml": "name: hidden",
    "env39/pyvenv.cfg": "",
    "env39/share/dbt_project.yml": "name: of a package",
}


def build(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def look(root: Path, **env: str) -> Discovery:
    return discover(root, {"HOME": str(root / "home")} | env)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build(tmp_path, FILES)
    (tmp_path / "shop.duckdb").write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 100)
    (tmp_path / "other.db").write_bytes(b"SQLite format 3\0")
    return tmp_path


def test_a_usual_project_is_found_whole(root: Path) -> None:
    found = look(root)
    assert found == Discovery(
        folder=root,
        dbt=(
            DbtProject(
                path="transform",
                name="shop",
                profile="shop",
                target="default",
                adapter="duckdb",
                database=root / "shop.duckdb",
                models=2,
                sources=2,
                tests=6,
            ),
        ),
        dlt=(DltScript(path="ingest/load.py", pipeline="shop", destination="duckdb", dataset="raw", hard_coded=None),),
        databases=(root / "shop.duckdb",),
        environments=(
            Environment(path=".venv", dbt=True, dlt=True),
            Environment(path="env39", dbt=False, dlt=False),
        ),
        notes=(),
    )


def test_nothing_is_run_or_written(root: Path) -> None:
    build(root, {"ingest/bomb.py": 'import dlt\ndlt.pipeline("b")\nopen("ran", "w")\nraise SystemExit(1)\n'})
    before = sorted(root.rglob("*"))
    assert [s.pipeline for s in look(root).dlt] == ["b", "shop"]
    assert sorted(root.rglob("*")) == before


def test_several_dbt_projects_are_told_and_local_packages_left_out(root: Path) -> None:
    build(
        root,
        {
            "transform/packages.yml": "packages: [{local: ../shared}]",
            "shared/dbt_project.yml": "name: shared",
            "finance/dbt_project.yml": "name: finance\nprofile: shop",
        },
    )
    found = look(root)
    assert [p.path for p in found.dbt] == ["finance", "transform"]
    assert found.notes[-1].startswith("2 dbt projects: finance, transform;")
    assert "finance: no profiles.yml in" in found.notes[0]


def test_what_could_not_be_told_is_said(root: Path) -> None:
    build(
        root,
        {
            "transform/profiles.yml": "shop: {target: pg, outputs: {pg: {type: postgres, host: h}}}",
            "transform/models/broken.yml": "a: [",
            "ingest/load.py": "import dlt\ndlt.pipeline(name(), destination=dest())\n",
            "ingest/broken.py": "import dlt\ndef (:\n",
        },
    )
    found = look(root)
    assert (found.dbt[0].adapter, found.dbt[0].database) == ("postgres", None)
    notes = "\n".join(found.notes)
    assert "of type `postgres`" in notes
    assert "broken.yml`, line 1" in notes
    assert "ingest/load.py:2: pipeline and destination can only be told by running the script" in notes
    assert "ingest/broken.py" in notes


@pytest.mark.parametrize(
    ("profile", "note"),
    [
        ("{{ env_var('P') }}", "which only dbt can evaluate"),
        ("''", "it names no profile"),
        ("none", "no profile `none`"),
    ],
    ids=str,
)
def test_a_profile_that_cannot_be_found_is_said(profile: str, note: str, root: Path) -> None:
    build(root, {"transform/dbt_project.yml": f'name: shop\nprofile: "{profile}"\n' if "{" in profile else
                 f"name: shop\nprofile: {profile}\n"})  # fmt: skip
    found = look(root)
    assert any(note in n for n in found.notes)
    assert (found.dbt[0].target, found.dbt[0].database) == (None, None)


def test_a_path_that_only_dbt_can_evaluate_is_said(root: Path) -> None:
    build(root, {"transform/profiles.yml": "shop: {outputs: {default: {type: duckdb, path: \"{{ var('x') }}\"}}}"})
    found = look(root)
    assert found.dbt[0].database is None
    assert "the path of target `default`" in found.notes[0]


def test_a_link_that_leads_nowhere_is_no_database(root: Path) -> None:
    (root / "gone.duckdb").symlink_to("nowhere.duckdb")
    assert look(root).databases == (root / "shop.duckdb",)


def test_the_versions_of_a_warehouse_are_not_databases_to_adopt(root: Path) -> None:
    build(root, {"warehouse/versions/000001/version.json": "{}"})
    (root / "warehouse/versions/000001/shop.duckdb").write_bytes(b"\0" * 8 + b"DUCK")
    assert look(root).databases == (root / "shop.duckdb",)


def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    assert look(tmp_path) == Discovery(folder=tmp_path, dbt=(), dlt=(), databases=(), environments=(), notes=())
