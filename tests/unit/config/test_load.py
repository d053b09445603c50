"""Every wrong `tidegate.yml` is told with its place and a hint; a right one becomes settings."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tidegate.config import FILE_NAME, environments, find_project, json_schema, load
from tidegate.errors import (
    ConfigError,
    ConfigSyntaxError,
    PathNotFoundError,
    ProjectNotFoundError,
    TidegateError,
    UnknownKeyError,
)
from tidegate.model import DatasetRef, Settings

GOOD = """\
version: 1
warehouse: {path: house, database: shop.duckdb}
steps:
  - {name: load, run: "python load.py", timeout: 30m, env: {A: b}}
products:
  revenue:
    tables: [marts.revenue]
    tier: 1
tables:
  raw.orders: {key: [order_id], mask: [email]}
checks:
  - {table: raw.orders, rule: "total >= 0", on_fail: warn}
  - {table: raw.orders, unique: [id, code]}
  - table: raw.orders
    relationships: {column: customer_id, to: raw.customers, field: id}
  - {table: raw.orders, freshness: {column: created_at, max_age: 36h}}
  - {table: raw.orders, row_count: {min: 1}}
  - {name: margin, metric: "select 1", min: 0}
"""


def settings_of(folder: Path, text: str) -> Settings:
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    return load(folder)


def test_a_right_file_becomes_settings(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, GOOD)
    assert settings.warehouse.path == tmp_path.resolve() / "house"
    assert settings.steps[0].kind == "command"
    assert settings.steps[0].timeout == timedelta(minutes=30)
    assert settings.steps[0].options == {"env": {"A": "b"}}
    kinds = [(c.kind, c.column, c.blocking) for c in settings.checks]
    assert kinds == [
        ("rule", None, False),
        ("unique", "id", True),
        ("unique", "code", True),
        ("relationships", "customer_id", True),
        ("freshness", "created_at", True),
        ("row_count", None, True),
        ("metric", None, True),
    ]
    assert settings.checks[0].declared_in == "tidegate.yml:12"
    assert settings.checks[3].arguments == {"to": ["raw", "customers"], "field": "id"}
    assert settings.checks[4].arguments["max_age_s"] == 36 * 3600
    assert settings.tables[DatasetRef(namespace="raw", name="orders")].key == ("order_id",)
    assert settings.products[0].tier == 1


def test_on_fail_says_what_becomes_of_the_rows(tmp_path: Path) -> None:
    text = GOOD.replace("on_fail: warn", "on_fail: quarantine") + "quarantine_limit: 0.2\n"
    settings = settings_of(tmp_path, text)
    assert [(c.blocking, c.quarantine) for c in settings.checks[:2]] == [(True, True), (True, False)]
    assert settings.quarantine_limit == 0.2
    assert settings_of(tmp_path, GOOD).quarantine_limit == 0.05


@pytest.mark.parametrize("said", ["unique: id", "row_count: {min: 1}", "freshness: {column: c, max_age: 1h}"])
def test_only_what_fails_by_rows_is_quarantined(tmp_path: Path, said: str) -> None:
    with pytest.raises(ConfigError, match="`on_fail: quarantine` is for checks on single rows") as caught:
        settings_of(tmp_path, f"version: 1\nchecks: [{{table: raw.orders, {said}, on_fail: quarantine}}]\n")
    assert str(caught.value).startswith("tidegate.yml:2:")


@pytest.mark.parametrize(("said", "limit"), [("50%", 0.5), ("0.5 %", 0.005), ("100%", 1), ("'0.2'", 0.2), ("1", 1)])
def test_the_limit_of_quarantine_may_be_a_percentage(tmp_path: Path, said: str, limit: float) -> None:
    assert settings_of(tmp_path, f"{GOOD}quarantine_limit: {said}\n").quarantine_limit == limit
    overridden = f"{GOOD}environments: {{prod: {{quarantine_limit: {said}}}}}\n"
    with environments.choose("prod"):
        assert settings_of(tmp_path, overridden).quarantine_limit == limit


@pytest.mark.parametrize("share", ["0", "1.1", "-1", "0%", "101%", "'1.5'", "'0'", "a lot", "half%", "[]", "-5%"])
def test_the_limit_of_quarantine_is_a_share(tmp_path: Path, share: str) -> None:
    with pytest.raises(ConfigError, match="quarantine_limit"):
        settings_of(tmp_path, f"version: 1\nquarantine_limit: {share}\n")


@pytest.mark.parametrize(
    ("change", "error", "place", "hint"),
    [
        (("steps:", "steps: ["), ConfigSyntaxError, "tidegate.yml:", "line and column"),
        (("version: 1", "version: 1\nstepz: []"), UnknownKeyError, "tidegate.yml:2:1", "`steps`"),
        (("tier: 1", "tear: 1"), UnknownKeyError, "tidegate.yml:8:5", "`tier`"),
        (("rule:", "rul:"), UnknownKeyError, "tidegate.yml:12:25", "`rule`"),
        (("tier: 1", "tier: 9"), ConfigError, "tidegate.yml:8:5", "config schema"),
        (("version: 1", "version: 2"), ConfigError, "tidegate.yml:1:1", "config schema"),
        (("timeout: 30m", "timeout: soon"), ConfigError, "tidegate.yml:4:", "config schema"),
        (("timeout: 30m", "timeot: 30m"), UnknownKeyError, "tidegate.yml:4:41", "`timeout`"),
        (('run: "python load.py"', "dlt: nowhere.py"), PathNotFoundError, "tidegate.yml:4:5", "relative to"),
        (('run: "python load.py"', "run: a, dbt: b"), ConfigError, "tidegate.yml:4:5", "config schema"),
        (("database: shop.duckdb", "adopt: none.duckdb"), PathNotFoundError, "tidegate.yml:2:", "adopt"),
        (("database: shop.duckdb", "database: a/b.duckdb"), ConfigError, "a/b.duckdb", "config schema"),
        (('metric: "select 1", min: 0', 'metric: "select 1"'), ConfigError, "`min`", "config schema"),
        (("row_count: {min: 1}", "row_count: {}"), ConfigError, "`min`", "config schema"),
        (("raw.orders, rule", "orders, rule"), ConfigError, "raw.orders", "config schema"),
        (("products:", "quarantine: {}\nproducts:"), UnknownKeyError, "tidegate.yml:5:1", "quarantine_limit"),
    ],
)
def test_a_wrong_file_is_told_with_place_and_hint(
    tmp_path: Path, change: tuple[str, str], error: type[TidegateError], place: str, hint: str
) -> None:
    assert change[0] in GOOD
    with pytest.raises(error) as caught:
        settings_of(tmp_path, GOOD.replace(*change, 1))
    assert type(caught.value) is error
    assert place in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("text", ["", "[1, 2]", "just text", "version: 1\nversion: 1\n", "a: b: c", "\t- x"])
def test_what_is_no_mapping_is_a_syntax_error_with_a_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigSyntaxError, match=r"tidegate\.yml:\d+:\d+"):
        settings_of(tmp_path, text)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"version: 1\n\xff\xfe")
    with pytest.raises(ConfigSyntaxError, match="UTF-8"):
        load(tmp_path)


def test_pipelines_that_a_script_hides_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "load.py").touch()
    settings = settings_of(tmp_path, "version: 1\nsteps:\n  - {name: a, dlt: load.py, pipelines: [shop, crm]}\n")
    assert settings.steps[0].options == {"pipelines": ["shop", "crm"]}


@pytest.mark.parametrize(("said", "strict"), [("", False), ("strict: yes", True), ("strict: false", False)])
def test_a_project_may_be_strict(tmp_path: Path, said: str, strict: bool) -> None:
    (tmp_path / "tidegate.yml").write_text(f"version: 1\n{said}\n", encoding="utf-8")
    assert load(tmp_path).strict is strict


def test_a_test_of_a_package_is_a_check(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        """version: 1
checks:
  - {table: raw.orders, test: dbt_utils.accepted_range, column: total, arguments: {min_value: 0}, where: "id > 1", on_fail: quarantine}
  - {table: raw.orders, test: dbt_utils.equal_rowcount, arguments: {compare_model: raw.payments}, severity: warn}
""",
    )
    ranged, counted = settings.checks
    assert (ranged.kind, ranged.column, ranged.where) == ("dbt_utils.accepted_range", "total", "id > 1")
    assert (ranged.name, ranged.quarantine) == ("dbt_utils.accepted_range total", True)
    assert (counted.name, counted.severity) == ("dbt_utils.equal_rowcount compare_model: raw.payments", "warn")
    assert counted.arguments == {"compare_model": "raw.payments"}
    assert (ranged.fail_calc, counted.fail_calc) == ("count(*)", "sum(coalesce(diff_count, 0))")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("test: recency, arguments: {field: at}", "did you mean `dbt_utils.recency`?"),
        ("test: dbt_utils.recncy", "did you mean `dbt_utils.recency`?"),
        ("test: not_null, column: id", "write `not_null:` as a key of its own"),
        ("test: elementary.volume_anomalies", "is no test of dbt_utils or dbt_expectations"),
        (
            "test: dbt_utils.recency, arguments: {field: at, datepat: day}",
            "no argument `datepat`; did you mean `datepart`?",
        ),
        ("test: dbt_utils.recency, arguments: {field: at, interval: 1}", "needs the argument `datepart`: the unit"),
        ("test: dbt_utils.accepted_range, arguments: {min_value: 1}", "needs a `column`"),
        ("test: dbt_expectations.expect_column_to_exist", "needs a `column`"),
        ("test: dbt_utils.not_constant, column: id, on_fail: quarantine", "`dbt_utils.not_constant` is none"),
        ("rule: id > 0, column: id", "`column` and `arguments` belong to `test`"),
        ("row_count: {min: 2, max: 1}", "`min` is 2 and `max` is 1: nothing lies between them"),
        ("metric: sum(id), min: 2.5, max: 1", "`min` is 2.5 and `max` is 1"),
    ],
)
def test_a_demand_that_cannot_be_is_refused(tmp_path: Path, said: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as raised:
        settings_of(tmp_path, f"version: 1\nchecks: [{{table: raw.orders, {said}}}]\n")
    assert "tidegate.yml:2:" in str(raised.value)


def test_two_steps_of_one_name(tmp_path: Path) -> None:
    text = "version: 1\nsteps:\n  - {name: a, run: x}\n  - {name: a, run: y}\n"
    with pytest.raises(ConfigError, match=r"tidegate\.yml:4:6: two steps are called `a`"):
        settings_of(tmp_path, text)


def test_the_project_is_found_from_below_and_only_there(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("version: 1\n", encoding="utf-8")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_project(below) == tmp_path.resolve()
    with pytest.raises(ProjectNotFoundError):
        find_project(tmp_path.parent)
    with pytest.raises(PathNotFoundError):
        find_project(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_the_json_schema_refuses_what_the_loader_refuses() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert {"version", "warehouse", "steps", "checks", "tables", "products", "retention", "learned"} <= set(properties)


CALENDAR = """\
version: 1
time_zone: Europe/Berlin
holidays: DE-BY
weekend: [fri, sat]
budget: {false_alarms_per_month: 3}
tables:
  raw.a: {key: [id]}
  raw.b: {time_zone: UTC, holidays: none, weekend: [], seasonality: false, budget: {false_alarms_per_month: 0.5}}
products:
  p: {tables: [raw.a], budget: {false_alarms_per_month: 1}}
"""


def test_a_calendar_and_budgets_for_the_project_and_for_one_table(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, CALENDAR)
    a, b, c = (settings.table(DatasetRef(namespace="raw", name=name)) for name in "abc")
    for said in (a, c):
        assert str(said.zone) == "Europe/Berlin"
        assert (said.holidays, said.weekend, said.seasonality) == ("DE-BY", {4, 5}, True)
    assert (b.zone, b.holidays, b.weekend, b.seasonality, b.false_alarms_per_month) == (None, "none", set(), False, 0.5)
    assert settings.products[0].false_alarms_per_month == 1
    assert settings.countries == ("DE-BY",)


def test_without_a_word_days_are_utcs_and_holidays_those_of_many(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "version: 1\n")
    said = settings.table(DatasetRef(namespace="raw", name="a"))
    assert (said.zone, said.holidays, said.weekend) == (None, "common", {5, 6})
    assert settings.countries == ()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("time_zone: Europe/Nowhere", "there is no time zone `Europe/Nowhere`"),
        ("tables: {raw.a: {}}\ntime_zone: Nowhere", "tidegate.yml:3:1: there is no time zone `Nowhere`"),
        ("tables: {raw.a: {time_zone: Mars}}", "tidegate.yml:2:18: there is no time zone `Mars`"),
        ("holidays: Germany", "`common` or `none`"),
        ("holidays: de", "`common` or `none`"),
        ("weekend: [sunday]", "`sunday`"),
        ("tables: {raw.a: {budget: {}}}", "false_alarms_per_month"),
        ("tables: {raw.a: {budget: {false_alarms_per_month: 0}}}", "false_alarms_per_month"),
    ],
)
def test_a_calendar_that_is_none_is_refused(tmp_path: Path, said: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, f"version: 1\n{said}\n")
    assert message in str(caught.value)
    assert caught.value.hint
