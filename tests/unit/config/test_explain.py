"""Whatever is wrong in `tidegate.yml`, the error names its line and column, what was found and what is allowed."""

import copy
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from tidegate.config import FILE_NAME, json_schema, load
from tidegate.config.explain import explain
from tidegate.config.schema import ProjectPart, convert
from tidegate.errors import ConfigError, UnknownKeyError
from tidegate.model import DatasetRef, Settings

FULL = """\
version: 1
learned: warn
warehouse:
  path: house
  link_back: false
steps:
  - name: load
    run: python load.py
    timeout: 30m
    env:
      REGION: eu
    args: [--fast]
    vars: {day: 2024-01-01}
budget:
  false_alarms_per_month: 1.5
retention:
  versions: 5
  days: 3
samples:
  rows: 10
  mask: [email]
tables:
  raw.orders:
    grain: day
    key: [order_id]
    ignore: no
products:
  revenue:
    tables: [marts.revenue]
    tier: 1
checks:
  - table: raw.orders
    rule: total >= 0
    on_fail: warn
  - table: raw.orders
    not_null: [id, code]
  - table: raw.orders
    accepted_values:
      column: status
      values: [open, 1, 2.5, true]
  - table: raw.orders
    relationships:
      column: customer_id
      to: raw.customers
      field: id
  - table: raw.orders
    row_count:
      min: 1
  - table: raw.orders
    freshness:
      column: created_at
      max_age: 36h
  - metric: select 1
    min: 0
"""


def refused(folder: Path, text: str) -> ConfigError:
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(folder)
    return caught.value


def changed(old: str, new: str) -> tuple[str, str]:
    """The file with one line changed, and the line and column where the change begins."""
    assert FULL.count(old) == 1
    before = FULL[: FULL.index(old)]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return FULL.replace(old, new), f"{FILE_NAME}:{line}:{column}: "


def test_the_file_is_right_before_it_is_broken(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(FULL, encoding="utf-8")
    assert isinstance(load(tmp_path), Settings)


@pytest.mark.parametrize(
    ("old", "new", "near"),
    [
        ("learned:", "learnt:", "learned"),
        ("link_back:", "linkback:", "link_back"),
        ("timeout:", "timeot:", "timeout"),
        ("false_alarms_per_month:", "false_alarms:", "false_alarms_per_month"),
        ("days:", "day:", "days"),
        ("rows:", "row:", "rows"),
        ("grain:", "grian:", "grain"),
        ("tier:", "tear:", "tier"),
        ("on_fail:", "on_fial:", "on_fail"),
        ("values: [", "value: [", "values"),
        ("field:", "feild:", "field"),
        ("min: 1", "minimum: 1", "min"),
        ("max_age:", "maxage:", "max_age"),
    ],
    ids=str,
)
def test_an_unknown_key_is_told_in_every_part(tmp_path: Path, old: str, new: str, near: str) -> None:
    text, place = changed(old, new)
    error = refused(tmp_path, text)
    assert isinstance(error, UnknownKeyError)
    assert str(error) == f"{place}unknown key `{new.partition(':')[0]}`"
    assert error.hint == f"did you mean `{near}`?"


def test_an_unknown_key_that_is_like_no_other_gets_the_list_of_those(tmp_path: Path) -> None:
    text, _ = changed("versions: 5", "zzz: 5")
    assert refused(tmp_path, text).hint == "known here: days, history_days, versions"


def test_an_unknown_key_is_told_before_a_wrong_value_above_it(tmp_path: Path) -> None:
    text, place = changed("tier: 1", "tear: 1")
    error = refused(tmp_path, text.replace("learned: warn", "learned: [never]"))
    assert str(error) == f"{place}unknown key `tear`"


NULL = "give it a value, or remove it"
QUOTES = "put quotes around it, if it is meant as a text"
SCHEMA = "config schema"


@pytest.mark.parametrize(
    ("old", "new", "path", "says", "hint"),
    [
        ("version: 1", "version: 2", "version", "`1` is expected (found `2`)", SCHEMA),
        ("learned: warn", "learned: never", "learned", "`hold`, `warn` or `off` is expected (found `never`)", SCHEMA),
        ("learned: warn", "learned: true", "learned", "`hold`, `warn` or `off` is expected (found `true`)", SCHEMA),
        ("path: house", "path: [a]", "warehouse.path", "a text is expected (found a list)", SCHEMA),
        ("path: house", "path: {a: b}", "warehouse.path", "a text is expected (found a mapping)", SCHEMA),
        ("path: house", "path: 2024-01-01", "warehouse.path", "a text is expected (found `2024-01-01`)", QUOTES),
        ("path: house", "path: !x house", "warehouse.path", "a text is expected (found a value with a YAML", SCHEMA),
        ("link_back: false", "link_back: maybe", "warehouse.link_back", "`true` or `false` is exp", SCHEMA),
        ("name: load", "name: 5", "steps.0.name", "letters, digits, `_`, `-` and `.` is expected (found `5`)", QUOTES),
        ("name: load", "name: a b", "steps.0.name", "`a b` is not a name made of letters, digits", SCHEMA),
        ("name: load", 'name: "a\\n"', "steps.0.name", "is not a name made of letters, digits", SCHEMA),
        ("name: load", "name:", "steps.0.name", "a name made of letters, digits, `_`, `-` and `.` is exp", NULL),
        ("run: python load.py", "run: 5", "steps.0.run", "a text is expected (found `5`)", QUOTES),
        ("timeout: 30m", "timeout: soon", "steps.0.timeout", "`soon` is not a duration such as 90s, 30m", SCHEMA),
        ("timeout: 30m", "timeout: 30", "steps.0.timeout", "7d is expected (found `30`)", SCHEMA),
        ("timeout: 30m", "timeout: 999999999w", "steps.0.timeout", "`999999999w` is not a duration", SCHEMA),
        ("REGION: eu", "REGION: 5", "steps.0.env.REGION", "a text is expected (found `5`)", QUOTES),
        ("REGION: eu", "REGION: [a]", "steps.0.env.REGION", "a text is expected (found a list)", SCHEMA),
        ("REGION: eu", "REGION:", "steps.0.env.REGION", "a text is expected (found nothing)", NULL),
        ("args: [--fast]", "args: --fast", "steps.0.args", "a list is exp", "write it as a list: `[--fast]`"),
        ("vars: {day: 2024-01-01}", "vars: [a]", "steps.0.vars", "a mapping is expected (found a list)", SCHEMA),
        (
            "false_alarms_per_month: 1.5",
            "false_alarms_per_month: 0",
            "budget.false_alarms_per_month",
            "above 0",
            SCHEMA,
        ),
        ("versions: 5", "versions: 0", "retention.versions", "of 1 or more is expected (found `0`)", SCHEMA),
        ("versions: 5", "versions: 1.5", "retention.versions", "a whole number of 1 or more", SCHEMA),
        ("rows: 10", "rows: 1001", "samples.rows", "a whole number from 0 to 1000 is expected (found `1001`)", SCHEMA),
        ("grain: day", "grain: year", "tables.raw.orders.grain", "`hour`, `day`, `week` or `month` is exp", SCHEMA),
        ("raw.orders:\n    grain", "orders:\n    grain", "tables.orders", "`orders` is not a table name", SCHEMA),
        ("key: [order_id]", "key: order_id", "tables.raw.orders.key", "a list is expected", "list: `[order_id]`"),
        ("tables: [marts.revenue]", "tables: []", "products.revenue.tables", "with 1 or more entries", SCHEMA),
        ("tier: 1", "tier: 9", "products.revenue.tier", "a whole number from 1 to 4 is expected (found `9`)", SCHEMA),
        ("tier: 1", "tier: high", "products.revenue.tier", "a whole number from 1 to 4", SCHEMA),
        ("not_null: [id, code]", "not_null: 5", "checks.1.not_null", "a text or a list is exp", QUOTES),
        ("values: [open, 1, 2.5, true]", "values: 5", "checks.2.accepted_values.values", "a list is exp", "`[5]`"),
        ("to: raw.customers", "to: customers", "checks.3.relationships.to", "`customers` is not a table", SCHEMA),
        ("min: 1", "min: many", "checks.4.row_count.min", "a number is expected (found `many`)", SCHEMA),
        ("max_age: 36h", "max_age: [1h]", "checks.5.freshness.max_age", "a duration such as 90s", SCHEMA),
        ("metric: select 1", "metric: 1", "checks.6.metric", "a text is expected (found `1`)", QUOTES),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(
    tmp_path: Path, old: str, new: str, path: str, says: str, hint: str
) -> None:
    text, place = changed(old, new)
    error = refused(tmp_path, text)
    assert type(error) is ConfigError
    assert str(error).startswith(f"{place}`{path}`: ")
    assert says in str(error)
    assert hint in error.hint


@pytest.mark.parametrize(
    ("old", "wrong", "path", "says"),
    [
        ("args: [--fast]", "[--fast, 5]", "steps.0.args.1", "a text is expected (found `5`)"),
        ("mask: [email]", "[email, [phone]]", "samples.mask.1", "a text is expected (found a list)"),
        ("tables: [marts.revenue]", "[marts.a, b]", "products.revenue.tables.1", "`b` is not a table name"),
        ("not_null: [id, code]", "[id, null]", "checks.1.not_null.1", "a text is expected (found nothing)"),
        (
            "values: [open, 1, 2.5, true]",
            "[a, {b: c}]",
            "checks.2.accepted_values.values.1",
            "a text, a number, `true` or `false` is expected (found a mapping)",
        ),
    ],
)
def test_an_entry_of_a_list_is_told_with_its_own_column(
    tmp_path: Path, old: str, wrong: str, path: str, says: str
) -> None:
    key = old.partition(":")[0]
    text, place = changed(old, f"{key}: {wrong}")
    name, line, column, *_ = place.split(":")
    second = int(column) + len(f"{key}: ") + wrong.index(", ") + 2
    error = refused(tmp_path, text)
    assert str(error).startswith(f"{name}:{line}:{second}: `{path}`: ")
    assert says in str(error)


@pytest.mark.parametrize("key", json_schema()["properties"])
def test_a_key_with_nothing_after_it_is_told(tmp_path: Path, key: str) -> None:
    error = refused(tmp_path, f"{key}:\n" if key == "version" else f"version: 1\n{key}:\n")
    line = 1 if key == "version" else 2
    assert str(error).startswith(f"{FILE_NAME}:{line}:1: `{key}`: ")
    assert str(error).endswith("is expected (found nothing)")
    assert error.hint == NULL


def test_null_is_the_default_where_the_default_is_nothing(tmp_path: Path) -> None:
    text = "version: 1\nwarehouse: {adopt: null}\nproducts: {a: {tables: [b.c], owner: ~}}\n"
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    settings = load(tmp_path)
    assert settings.warehouse.adopt is None
    assert settings.products[0].owner is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("learned: warn", "tidegate.yml:1:1: `version` is missing"),
        ("version: 1\nsteps:\n  - run: x", "tidegate.yml:3:5: `steps.0.name` is missing"),
        ("version: 1\nproducts:\n  revenue: {tier: 1}", "tidegate.yml:3:3: `products.revenue.tables` is missing"),
        (
            "version: 1\nchecks:\n  - table: a.b\n    relationships: {column: c, to: a.d}",
            "tidegate.yml:4:5: `checks.0.relationships.field` is missing",
        ),
    ],
)
def test_a_missing_key_is_told_where_it_belongs(tmp_path: Path, text: str, says: str) -> None:
    error = refused(tmp_path, text)
    assert str(error) == says
    assert error.hint == f"add `{says.split('`')[1].rpartition('.')[2]}:`"


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("{table: a.b}", "exactly one of rule, not_null"),
        ("{table: a.b, rule: x, unique: y}", "found `rule`, `unique`"),
        ("{rule: x}", "`rule` needs a `table`"),
        ("{metric: select 1}", "`metric` needs `min`, `max` or both"),
        ("{table: a.b, rule: x, min: 1}", "`min` and `max` belong to `metric`"),
    ],
)
def test_keys_that_do_not_go_together_are_told(tmp_path: Path, check: str, says: str) -> None:
    error = refused(tmp_path, f"version: 1\nchecks:\n  - {check}\n")
    assert str(error).startswith("tidegate.yml:3:5: `checks.0`: ")
    assert says in str(error)


def test_a_mapping_that_is_none_is_told_its_keys(tmp_path: Path) -> None:
    error = refused(tmp_path, "version: 1\nretention: 5\n")
    assert str(error) == "tidegate.yml:2:1: `retention`: a mapping is expected (found `5`)"
    assert error.hint == "known here: days, history_days, versions"


def test_a_place_is_found_in_merged_and_in_numbered_keys(tmp_path: Path) -> None:
    text = "version: 1\nproducts:\n  a: &a {tables: [b.c], tier: 9}\n  2024:\n    <<: *a\n    tier: 8\n"
    assert str(refused(tmp_path, text)).startswith("tidegate.yml:3:25: `products.a.tier`")
    right = text.replace("tier: 9", "tier: 1")
    assert str(refused(tmp_path, right)).startswith("tidegate.yml:6:5: `products.2024.tier`")
    merged = text.replace("a: &a {tables: [b.c], tier: 9}", "2023: {<<: {tables: [b.c], tier: 9}}")
    assert str(refused(tmp_path, merged.replace("<<: *a", "tables: [b.c]"))).startswith("tidegate.yml:3:3: ")


ODD = [None, True, -7, 2.5, "x", date(2024, 1, 1), [], [None], {"x": None}]


def places(tree: object, loc: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a tree that holds something."""
    for key, inner in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield (*loc, key)
        yield from places(inner, (*loc, key))


def with_change(tree: object, loc: tuple[str | int, ...], value: object) -> object:
    changed = copy.deepcopy(tree)
    here = changed
    for key in loc[:-1]:
        here = here[key]
    here[loc[-1]] = value
    return changed


def test_whatever_is_written_anywhere_is_taken_or_explained_in_our_own_words() -> None:
    from ruamel.yaml import YAML

    plain = YAML(typ="safe", pure=True).load(FULL)
    explained = 0
    for loc in places(plain):
        for value in ODD:
            tree = with_change(plain, loc, value)
            try:
                convert(tree, ProjectPart)
            except msgspec.ValidationError:
                error = explain(tree, lambda *loc: f"at {'.'.join(map(str, loc))}")
                assert re.match(r"at [\w.]+: (`[\w.]+`|unknown key)", str(error)), (loc, value)
                assert "Expected" not in str(error), (loc, value)
                explained += 1
    assert explained > 300


@pytest.mark.parametrize(
    ("written", "meant"),
    [("true", True), ("yes", True), ("on", True), ('"true"', True), ("&a true", True), ("no", False), ("off", False)],
)
def test_a_switch_may_be_written_as_in_older_yaml(tmp_path: Path, written: str, meant: bool) -> None:
    text, _ = changed("ignore: no", f"ignore: {written}")
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    table = load(tmp_path).tables[DatasetRef(namespace="raw", name="orders")]
    assert table.ignore is meant


@pytest.mark.parametrize("written", ["3", '"3"', "3.0", "&a 3", "0x3"])
def test_a_number_may_be_written_in_any_way_that_yaml_has(tmp_path: Path, written: str) -> None:
    text, _ = changed("days: 3", f"days: {written}")
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    assert load(tmp_path).retention.days == 3


def test_a_column_that_is_called_yes_stays_a_text(tmp_path: Path) -> None:
    text, _ = changed("values: [open, 1, 2.5, true]", 'values: [yes, "1", 1, 2.5, true]')
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    arguments = next(c for c in load(tmp_path).checks if c.kind == "accepted_values").arguments
    assert arguments == {"values": ["yes", "1", 1, 2.5, True], "quote": True}
    assert [type(v) for v in arguments["values"]] == [str, str, int, float, bool]


@pytest.mark.parametrize(
    ("written", "namespace", "name"),
    [
        ("raw.orders", "raw", "orders"),
        ("raw.a.b", "raw", "a.b"),
        ('"my.raw".a', "my.raw", "a"),
        ('"a""b".c', 'a"b', "c"),
    ],
)
def test_a_table_is_named_by_schema_and_name(tmp_path: Path, written: str, namespace: str, name: str) -> None:
    (tmp_path / FILE_NAME).write_text(f"version: 1\ntables:\n  '{written}': {{}}\n", encoding="utf-8")
    assert list(load(tmp_path).tables) == [DatasetRef(namespace=namespace, name=name)]


@pytest.mark.parametrize("written", ["orders", ".orders", "raw.", '"my.raw".', '"my.raw', '"".a', ""])
def test_what_names_no_table_is_refused(tmp_path: Path, written: str) -> None:
    error = refused(tmp_path, f"version: 1\ntables:\n  '{written}': {{}}\n")
    assert f"`{written}` is not a table name such as `raw.orders`" in str(error)


def test_a_plug_in_names_its_step_and_has_options_of_its_own(tmp_path: Path) -> None:
    text, _ = changed("run: python load.py", "spark: job.py\n    cores: 4")
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    (step,) = load(tmp_path).steps
    assert (step.kind, step.target, step.options["cores"]) == ("spark", "job.py", 4)
    assert step.options["vars"] == {"day": date(2024, 1, 1)}


@pytest.mark.parametrize(
    ("new", "found"), [("cores: 4", "none"), ("spark: a\n    flink: b", "`spark`, `flink`"), ("spark: [a]", "none")]
)
def test_a_step_without_exactly_one_kind_is_told(tmp_path: Path, new: str, found: str) -> None:
    text, _ = changed("run: python load.py", new)
    error = refused(tmp_path, text)
    assert str(error).startswith("tidegate.yml:7:5: step `load` needs exactly one of")
    assert str(error).endswith(f"; found {found}")
