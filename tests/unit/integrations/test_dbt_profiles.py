"""The profile that dbt would use is found, and written again with nothing but the database replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tidegate.errors import ConfigError, PathNotFoundError, ProfileNotFoundError
from tidegate.integrations import dbt_profiles
from tidegate.integrations.dbt_profiles import Profile
from tidegate.integrations.yaml_files import read_mapping

PROFILES = """
config: {use_colors: false}
shop:
  target: "{{ env_var('SHOP_TARGET', 'dev') }}"
  outputs:
    dev: &dev
      type: duckdb
      path: "{{ env_var('SHOP_DB', '../shop.duckdb') }}"
      schema: analytics
      threads: 2
      extensions: [json]
      settings: {enabled: yes, name: "yes"}
    prod:
      <<: *dev
      path: prod.duckdb
      database: prod
    pg: {type: postgres, host: db, password: "{{ env_var('PG_PASSWORD') }}"}
other: {outputs: {default: {type: duckdb, path: other.duckdb}}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "profiles.yml"
    path.write_text(PROFILES)
    return path


def profile(path: str = "x.duckdb", **output: object) -> Profile:
    whole = {"type": "duckdb", "path": path} | output
    return Profile(name="p", target="t", file=Path("f"), output=whole, document={"outputs": {"t": whole}})


def test_the_target_is_the_asked_one_else_the_profiles_else_default(file: Path) -> None:
    def found(name: str, target: str | None = None, **env: str) -> str:
        return dbt_profiles.find_profile(file, name=name, target=target, env=env).target

    assert found("shop") == "dev"
    assert found("shop", SHOP_TARGET="prod") == "prod"
    assert found("shop", "prod") == "prod"
    assert found("other") == "default"


def test_a_missing_profile_or_target_lists_those_that_exist(file: Path) -> None:
    with pytest.raises(ProfileNotFoundError, match=r"no profile `shpo`.*it has `other`, `shop`") as caught:
        dbt_profiles.find_profile(file, name="shpo", target=None, env={})
    assert caught.value.hint == "did you mean `shop`?"
    with pytest.raises(ProfileNotFoundError, match="no target `prd`; it has `dev`, `pg`, `prod`") as caught:
        dbt_profiles.find_profile(file, name="shop", target="prd", env={})
    assert caught.value.hint == "did you mean `prod`?"
    with pytest.raises(ProfileNotFoundError):
        dbt_profiles.find_profile(file, name="config", target=None, env={})


def test_a_target_that_only_dbt_can_evaluate_must_be_named(tmp_path: Path) -> None:
    file = tmp_path / "profiles.yml"
    file.write_text("p: {target: \"{{ env_var('X') }}\", outputs: {dev: {type: duckdb, path: a.duckdb}}}")
    with pytest.raises(ConfigError, match="which only dbt can evaluate"):
        dbt_profiles.find_profile(file, name="p", target=None, env={})
    assert dbt_profiles.find_profile(file, name="p", target=None, env={"X": "dev"}).target == "dev"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("{{ env_var('A') }}", "1"),
        ('{{env_var("A")}}/x', "1/x"),
        ("{{ env_var('B', 'two') }}", "two"),
        ("{{ env_var('B', '') }}", ""),
        ("{{ env_var('A') | as_number }}", "1"),
        ("{{ env_var('B') }}", None),
        ("{{ target.name }}", None),
        ("{% if true %}x{% endif %}", None),
    ],
    ids=str,
)
def test_rendering(text: str, expected: str | None) -> None:
    assert dbt_profiles.render(text, {"A": "1"}) == expected


def test_profiles_are_searched_where_dbt_and_people_put_them(tmp_path: Path) -> None:
    project, dbt, home = tmp_path / "p", tmp_path / "p" / "dbt", tmp_path / "home"
    for folder in (dbt, home / ".dbt", tmp_path / "asked", tmp_path / "said"):
        folder.mkdir(parents=True)
    env = {"HOME": str(home)}

    def found(asked: Path | None = None, **more: str) -> Path:
        return dbt_profiles.profiles_file((dbt, project), asked, env | more).parent

    with pytest.raises(ProfileNotFoundError, match=r"no profiles\.yml in"):
        found()
    for folder in (home / ".dbt", project, dbt):
        (folder / "profiles.yml").touch()
        assert found() == folder
    (tmp_path / "said" / "profiles.yml").touch()
    assert found(DBT_PROFILES_DIR=str(tmp_path / "said")) == tmp_path / "said"
    with pytest.raises(ProfileNotFoundError):
        found(tmp_path / "asked")


def test_only_the_path_changes(file: Path, tmp_path: Path) -> None:
    before = dbt_profiles.find_profile(file, name="shop", target=None, env={})
    dbt_profiles.write_profiles(tmp_path / "new", {"shop": dbt_profiles.redirected(before, Path("/v/shop.duckdb"))})
    after = read_mapping(tmp_path / "new" / "profiles.yml")
    assert set(after) == {"shop"}
    shop = after["shop"]
    assert isinstance(shop, dict)
    assert shop["target"] == "dev"
    assert shop["outputs"]["dev"] == {**before.output, "path": "/v/shop.duckdb"}
    assert shop["outputs"]["dev"]["settings"] == {"enabled": True, "name": "yes"}
    assert shop["outputs"]["prod"]["path"] == "prod.duckdb"
    assert shop["outputs"]["pg"]["password"] == "{{ env_var('PG_PASSWORD') }}"


def test_the_database_name_follows_the_file_unless_it_is_an_attached_one(file: Path) -> None:
    prod = dbt_profiles.find_profile(file, name="shop", target="prod", env={})
    outputs = dbt_profiles.redirected(prod, Path("/v/shop.duckdb"))["outputs"]
    assert isinstance(outputs, dict)
    assert outputs["prod"]["database"] == "shop"
    lake = profile(database="lake", attach=[{"path": "lake.duckdb", "alias": "lake"}])
    outputs = dbt_profiles.redirected(lake, Path("/v/shop.duckdb"))["outputs"]
    assert isinstance(outputs, dict)
    assert outputs["t"]["database"] == "lake"


@pytest.mark.parametrize(
    ("path", "name"), [("/a/shop.duckdb", "shop"), ("my.db.duckdb", "my"), (".hidden.duckdb", "hidden")], ids=str
)
def test_the_database_name_is_dbts(path: str, name: str) -> None:
    assert dbt_profiles.database_name(path) == name


def test_the_file_is_written_once_and_only_for_its_owner(tmp_path: Path) -> None:
    dbt_profiles.write_profiles(tmp_path, {"p": {"a": "\N{PILE OF POO} é"}})
    file = tmp_path / "profiles.yml"
    first = file.stat()
    assert stat.S_IMODE(first.st_mode) == 0o600
    dbt_profiles.write_profiles(tmp_path, {"p": {"a": "\N{PILE OF POO} é"}})
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    dbt_profiles.write_profiles(tmp_path, {"p": {"a": "b"}})
    assert read_mapping(file) == {"p": {"a": "b"}}
    assert [f.name for f in tmp_path.iterdir()] == ["profiles.yml"]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ({"type": "postgres"}, "of type `postgres`"),
        ({"path": ":memory:"}, "in memory"),
        ({"path": "md:shop"}, "not a local database file"),
        ({"path": "ducklake:lake.db"}, "not a local database file"),
        ({"is_ducklake": True}, "not a local database file"),
        ({"remote": {"host": "h", "port": 1, "user": "u"}}, "not a local database file"),
    ],
    ids=str,
)
def test_what_cannot_be_a_version_is_refused(output: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dbt_profiles.check_redirectable(profile(**output), {})  # type: ignore[arg-type]  # a path among the outputs


def test_a_path_that_only_dbt_can_evaluate_is_no_obstacle() -> None:
    unknown = profile("{{ var('path') }}")
    dbt_profiles.check_redirectable(unknown, {})
    assert dbt_profiles.local_files(unknown, Path("/p"), Path("/p"), {}) == ()


def test_local_files_are_those_that_the_target_writes(tmp_path: Path) -> None:
    said = profile(
        "../shop.duckdb",
        attach=[
            {"path": "extra.duckdb"},
            {"path": "reference.duckdb", "read_only": True},
            {"path": "s3://bucket/x.duckdb"},
        ],
    )
    project, dbt = tmp_path / "p", tmp_path / "p" / "dbt"
    dbt.mkdir(parents=True)
    inside = (project / "shop.duckdb", dbt / "extra.duckdb", project / "extra.duckdb")
    assert dbt_profiles.local_files(said, dbt, project, {}) == inside
    (tmp_path / "shop.duckdb").touch()
    assert dbt_profiles.local_files(said, dbt, project, {}) == (*inside[:2], tmp_path / "shop.duckdb", inside[2])
    assert dbt_profiles.local_files(profile("/abs/a.duckdb"), dbt, project, {}) == (Path("/abs/a.duckdb"),)


def test_a_link_that_readers_follow_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "shop.duckdb").symlink_to(tmp_path / "live.duckdb")
    assert dbt_profiles.local_files(profile("shop.duckdb"), tmp_path, tmp_path, {}) == (tmp_path / "shop.duckdb",)


def test_a_folder_without_dbt_project_yml_is_no_dbt_project(tmp_path: Path) -> None:
    with pytest.raises(PathNotFoundError, match=r"it has no dbt_project\.yml"):
        dbt_profiles.project_file(tmp_path)
