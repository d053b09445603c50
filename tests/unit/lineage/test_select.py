"""Reading specs, walking the graph, and matching names and paths; what dbt answers is compared in tests/e2e/selection."""

from __future__ import annotations

import pytest

from tidegate.errors import UsageError
from tidegate.lineage.match import any_part, is_glob_of, is_named
from tidegate.lineage.select import reach, read, select
from tidegate.model import Selectable, Selection


@pytest.mark.parametrize(
    ("text", "method", "value", "rest"),
    [
        ("orders", "fqn", "orders", (False, False, None, False, None)),
        ("2+orders+1", "fqn", "orders", (False, True, 2, True, 1)),
        ("+tag:a", "tag", "a", (False, True, None, False, None)),
        ("@source:raw.orders", "source", "raw.orders", (True, False, None, False, None)),
        ("models/a", "path", "models/a", (False, False, None, False, None)),
        ("orders.sql", "file", "orders.sql", (False, False, None, False, None)),
        ("0+a", "fqn", "a", (False, True, 0, False, None)),
    ],
)
def test_reading_a_spec(text: str, method: str, value: str, rest: tuple[object, ...]) -> None:
    found = read(text)
    assert (found.method, found.value) == (method, value)
    assert (found.around, found.parents, found.up, found.children, found.down) == rest


def test_a_method_has_arguments() -> None:
    assert read("config.meta.owner:ann").arguments == ("meta", "owner")


@pytest.mark.parametrize("text", ["@a+", "@a+2", "nope:x", "nope.a:x"])
def test_specs_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        read(text)


CHAIN = {"a": ["b"], "b": ["c", "d"], "d": ["a"]}


@pytest.mark.parametrize(
    ("depth", "found"),
    [(0, set()), (1, {"b"}), (2, {"b", "c", "d"}), (None, {"a", "b", "c", "d"}), (9, {"a", "b", "c", "d"})],
)
def test_a_cycle_ends(depth: int | None, found: set[str]) -> None:
    assert reach({"a"}, CHAIN, depth) == found


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ("orders", True),
        ("shop", True),
        ("shop.staging", True),
        ("shop.staging.orders", True),
        ("staging.orders", False),
        ("shop.*", True),
        ("ord*", True),
        ("shop.ord*", False),
        ("shop.staging.orders.more", False),
        ("", False),
    ],
)
def test_names(wanted: str, fits: bool) -> None:
    assert is_named(("shop", "staging", "orders"), wanted, versioned=False) is fits


@pytest.mark.parametrize(
    ("wanted", "fits"), [("orders", True), ("ord*", True), ("sh*", True), ("stag*", False), ("v*", False)]
)
def test_a_versioned_name_is_known_without_its_version(wanted: str, fits: bool) -> None:
    assert is_named(("shop", "staging", "orders", "v1"), wanted, versioned=True) is fits


def test_a_name_of_nothing() -> None:
    assert not is_named((), "a", versioned=False)
    assert is_named(("v1",), "v1", versioned=True)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("models/a.sql", True),
        ("./models/a.sql", True),
        ("models/*", True),
        ("**/a.sql", True),
        ("**", True),
        ("models", False),
        ("*.sql", False),
        ("models/[a-c].sql", True),
        ("transform/models/a.sql", True),
        ("transform", True),
        ("other/models/a.sql", False),
        ("/models/a.sql", False),
    ],
)
def test_paths(pattern: str, fits: bool) -> None:
    assert is_glob_of("models/a.sql", pattern, "transform") is fits


def test_a_file_and_its_folders() -> None:
    assert any_part("models/marts/a.sql") == ("models/marts/a.sql", "models/marts", "models")
    assert any_part("") == ()


def node(name: str, *parents: str, kind: str = "model", **more) -> Selectable:
    return Selectable(**{"id": name, "kind": kind, "name": name, "fqn": ("p", name), "parents": parents, **more})


GRAPH = (
    node("a"),
    node("b", "a"),
    node("ta", "a", kind="test"),
    node("tab", "a", "b", kind="test"),
    node("gone", "nowhere"),
    node("m", kind="macro", aspects={"body": "1"}),
)


@pytest.mark.parametrize(
    ("spec", "mode", "found"),
    [
        ("a", "eager", {"a", "ta", "tab"}),
        ("a", "cautious", {"a", "ta"}),
        ("a b", "cautious", {"a", "b", "ta", "tab"}),
        ("b", "buildable", {"b", "tab"}),
        ("b", "cautious", {"b"}),
        ("a", "empty", {"a"}),
        ("m", "eager", set()),
    ],
)
def test_tests_come_along(spec: str, mode: str, found: set[str]) -> None:
    assert select(GRAPH, Selection(select=(spec,), indirect=mode)) == found


def test_a_macro_that_changed_changes_what_uses_it() -> None:
    same = {"contents": "x", "contract": ""}
    new = [node("user", macros=("outer",), aspects=same), node("other", aspects=same)]
    macros = [
        node("outer", kind="macro", macros=("inner",), aspects={"body": "o"}),
        node("inner", kind="macro", aspects={"body": "2"}),
    ]
    before = {n.id: n for n in (*new, macros[0], node("inner", kind="macro", aspects={"body": "1"}))}
    asked = Selection(select=("state:modified",), before=before)
    assert select([*new, *macros], asked) == {"user"}
    assert select([*new, *macros], Selection(select=("state:unmodified",), before=before)) == {"other"}


def source(name: str, loaded_at: str | None) -> Selectable:
    return node(name, kind="source", loaded_at=loaded_at)


@pytest.mark.parametrize(
    ("status", "now", "before", "found"),
    [
        ("fresher", "2026-05-01T01:00:00Z", {"s": "2026-05-01T00:00:00Z"}, {"s", "below"}),
        ("fresher", "2026-05-01T01:00:00+02:00", {"s": "2026-05-01T00:00:00Z"}, set()),
        ("fresher", "2026-05-01T00:00:00", {"s": "2026-05-01T00:00:00Z"}, set()),
        ("fresher", "2026-05-01T00:00:00Z", {}, {"s", "below"}),
        ("fresher", "2026-05-01T00:00:00Z", {"s": "2026-06-01T00:00:00Z"}, set()),
        ("pass", "2026-05-01T00:00:00Z", {}, set()),
    ],
)
def test_sources_with_newer_rows(status: str, now: str, before: dict[str, str], found: set[str]) -> None:
    nodes = [source("s", now), source("unknown", None), node("below", "s")]
    asked = Selection(select=(f"source_status:{status}+",), loaded=before, indirect="empty")
    assert select(nodes, asked) == found


def test_of_two_steps_one_knows_how_fresh_a_source_is() -> None:
    asked = Selection(select=("source_status:fresher",), loaded={})
    known, unknown = source("s", "2026-05-01T00:00:00Z"), source("s", None)
    assert select([known, unknown], asked) == select([unknown, known], asked) == {"s"}


@pytest.mark.parametrize(
    ("loaded", "now", "says"), [(None, "2026-05-01", "to compare"), ({"s": "x"}, None, "has none")]
)
def test_unknown_freshness_is_no_answer(loaded: dict[str, str] | None, now: str | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        select([source("s", now)], Selection(select=("source_status:fresher",), loaded=loaded))
