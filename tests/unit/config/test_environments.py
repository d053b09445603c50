"""Environments: which one holds, what it changes, where each value comes from, and what cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tidegate.config import FILE_NAME, environments, laid_out, load
from tidegate.errors import ConfigError, UnknownKeyError

FILE = """\
version: 1
warehouse: {database: shop.duckdb, adopt: shop.duckdb, link_back: true}
steps:
  - {name: load, run: python load.py, env: {A: file, B: file}}
  - {name: build, run: make}
learned: hold
retention: {versions: 5, days: 3}
notify: [{to: "console:"}]
environments:
  dev:
    warehouse: {path: warehouses/dev}
    learned: "off"
    notify: []
    retention: {days: 1}
    steps:
      load: {env: {A: dev}, timeout: 5m}
  staging: {warehouse: {path: warehouses/staging, adopt: shop.duckdb}}
  prod:
    promotion: {source: staging, approvals: {owner: [ana], steward: []}, only_promoted_code: yes}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / FILE_NAME).write_text(FILE, encoding="utf-8")
    (tmp_path / "shop.duckdb").touch()
    return tmp_path


def written(folder: Path, text: str) -> Path:
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    return folder


def test_without_a_choice_the_file_means_itself(folder: Path) -> None:
    settings = load(folder)
    assert settings.environment is None
    assert settings.environments == ("dev", "staging", "prod")
    assert settings.warehouse.path == folder / "warehouse"
    assert settings.state_path == folder / ".tidegate" / "state.db"
    assert "TIDEGATE_ENVIRONMENT" not in settings.steps[0].options["env"]


def test_mappings_are_laid_over_key_by_key_and_lists_take_the_place(folder: Path) -> None:
    settings = load(folder, "dev")
    assert settings.environment == "dev"
    assert settings.learned == "off"
    assert (settings.retention.versions, settings.retention.days) == (5, 1)
    assert settings.routes == ()
    assert settings.warehouse.database == "shop.duckdb"
    first, second = settings.steps
    assert first.options["env"] == {"TIDEGATE_ENVIRONMENT": "dev", "A": "dev", "B": "file"}
    assert first.timeout.total_seconds() == 300
    assert second.timeout.total_seconds() == 7200
    assert second.options["env"] == {"TIDEGATE_ENVIRONMENT": "dev"}


def test_the_state_follows_the_warehouse_and_the_old_database_stays_with_the_first(folder: Path) -> None:
    dev, staging, prod = (load(folder, name) for name in ("dev", "staging", "prod"))
    assert dev.state_path == folder / ".tidegate/environments/dev/state.db"
    assert dev.logs_path == folder / ".tidegate/environments/dev/logs"
    assert (dev.warehouse.adopt, dev.warehouse.link_back) == (None, False)
    assert (staging.warehouse.adopt, staging.warehouse.link_back) == (folder / "shop.duckdb", False)
    assert prod.state_path == folder / ".tidegate/state.db"
    assert prod.warehouse.link_back


def test_what_comes_from_another_environment(folder: Path) -> None:
    promotion = load(folder, "prod").promotion
    assert (promotion.source, promotion.only_promoted_code) == ("staging", True)
    assert promotion.approvals == {"owner": ("ana",), "steward": ()}
    assert load(folder, "dev").promotion.source is None


def test_the_option_goes_before_the_variable_and_an_empty_variable_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_ENVIRONMENT", "dev")
    assert load(folder).environment == "dev"
    with environments.choose("prod"):
        assert environments.chosen() == ("prod", "--environment")
        assert load(folder).environment == "prod"
        assert load(folder, "staging").environment == "staging"
        assert load(folder, "").environment is None
    with environments.choose(None):
        assert environments.chosen() == ("dev", "TIDEGATE_ENVIRONMENT")
    monkeypatch.setenv("TIDEGATE_ENVIRONMENT", "")
    assert load(folder).environment is None


def test_an_unknown_one_is_refused_with_the_nearest(folder: Path) -> None:
    with pytest.raises(ConfigError, match="there is no environment `prdo`") as refused:
        load(folder, "prdo")
    assert refused.value.hint == "did you mean `prod`? known are: `dev`, `staging`, `prod`"
    assert refused.value.exit_status == 2
    with pytest.raises(ConfigError) as refused:
        load(written(folder, "version: 1"), "prod")
    assert "the file has none" in refused.value.hint


def test_every_value_says_where_it_comes_from(folder: Path) -> None:
    found = {value.key: value for value in environments.values(laid_out(folder, "dev"))}
    told = {key: (value.value, value.source, value.place) for key, value in found.items()}
    assert told["learned"] == ("off", "environment", "tidegate.yml:12:5")
    assert told["retention.versions"] == (5, "file", "tidegate.yml:7:13")
    assert told["retention.days"] == (1, "environment", "tidegate.yml:14:17")
    assert told["warehouse.path"] == ("warehouses/dev", "environment", "tidegate.yml:11:17")
    assert told["warehouse.database"] == ("shop.duckdb", "file", "tidegate.yml:2:13")
    assert told["steps.load.env.A"] == ("dev", "environment", "tidegate.yml:16:20")
    assert told["steps.load.env.B"][1] == "file"
    assert told["steps.build.timeout"] == ("2h", "default", None)
    assert told["strict"] == (False, "default", None)
    assert told["notify"] == ([], "environment", "tidegate.yml:13:5")
    assert not any(key.startswith("environments") for key in told)


@pytest.mark.parametrize(
    ("said", "where", "what"),
    [
        (
            "a: {learned: maybe}",
            "2:20",
            "`environments.a.learned`: `hold`, `warn` or `off` is expected (found `maybe`)",
        ),
        ("a: {retention: {versions: 0}}", "2:32", "`environments.a.retention.versions`"),
        ("a: {promotion: {source: b}}", "2:32", "there is no environment `b`"),
    ],
)
def test_a_wrong_value_is_told_at_its_place(folder: Path, said: str, where: str, what: str) -> None:
    text = f"version: 1\nenvironments: {{{said}}}\n"
    with pytest.raises(ConfigError) as refused:
        load(written(folder, text), "a")
    assert what in str(refused.value)
    assert f"tidegate.yml:{where}" in str(refused.value)


def test_what_only_the_whole_shows_is_told_at_the_place_in_the_environment(folder: Path) -> None:
    text = FILE.replace("{days: 1}", "{days: 1, versions: 2}").replace("load: {env", "lod: {env")
    with pytest.raises(ConfigError, match=r"tidegate\.yml:16:7: there is no step `lod`") as refused:
        load(written(folder, text), "dev")
    assert refused.value.hint == "did you mean `load`?"


def test_checks_are_the_same_everywhere(folder: Path) -> None:
    text = "version: 1\nenvironments: {a: {checks: []}}\n"
    with pytest.raises(UnknownKeyError, match="unknown key `checks`"):
        load(written(folder, text))


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("{a: {warehouse: {path: x}}, b: {warehouse: {path: ./x}}}", "`b` and `a` have the same warehouse `x`"),
        ("{a: {}, b: {learned: warn}}", "`b` and `a` have the same warehouse `warehouse`"),
        ("{a: {state: 'postgresql://h/d'}}", "the ledger of `a` is not that of its warehouse `warehouse` alone"),
        (
            "{a: {warehouse: {path: x}, state: 'postgresql://h/d'}, b: {warehouse: {path: y}, state: 'postgresql://h/d'}}",
            "the ledger of `b` is not that of its warehouse `y` alone",
        ),
    ],
)
def test_a_warehouse_has_one_environment_and_one_ledger(folder: Path, said: str, what: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(what)):
        load(written(folder, f"version: 1\nenvironments: {said}\n"))


def test_an_environment_may_say_nothing(folder: Path) -> None:
    assert load(written(folder, "version: 1\nenvironments: {a: {}}\n"), "a").environment == "a"


def test_a_shared_ledger_is_named_for_every_warehouse(folder: Path) -> None:
    text = (
        "version: 1\nstate: postgresql://h/d?schema=prod\nenvironments:\n  prod: {}\n  staging: {warehouse: {path: x}"
    )
    with pytest.raises(ConfigError, match="the ledger of `staging`"):
        load(written(folder, text + "}\n"))
    own = written(folder, text + ", state: 'postgresql://h/d?schema=staging'}\n")
    assert [load(own, name).state for name in ("prod", "staging")] == [
        "postgresql://h/d?schema=prod",
        "postgresql://h/d?schema=staging",
    ]
