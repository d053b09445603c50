"""Read one generic test of dbt's manifest as an entry of the catalogue of checks, or say why it has none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tidegate.checks import BY_DBT, CHECKS, CheckKind, ThresholdError, meets, refusal
from tidegate.metrics import relation
from tidegate.model import Check, DatasetRef

Raw = Mapping[str, object]

BUILT_IN = ("unique", "not_null", "accepted_values", "relationships")
PACKAGES = ("dbt_utils", "dbt_expectations", "elementary")
LEARNED = "elementary"
ADAPTERS = ("", "default__", "duckdb__")
"""How the macro of a test is called, and those that it is dispatched to."""

ON_FAIL = ("hold", "warn", "quarantine")
"""What may stand at `config.meta.tidegate.on_fail` of a test."""

NOT_ARGUMENTS = frozenset({"model", "column_name"})
NEVER_NULL = frozenset(
    """
    at_most data_type date_part factor flags from_condition gaps ignore_row_if inclusive interval lookback_periods match_on
    period quote quote_values sigma_threshold strictly take_diffs take_logs test_condition test_periods to_condition
    tolerance transform trend_periods trim_whitespace
    """.split()
)
"""Arguments that are something where they are left out, so that a null in their place is another value."""

THIS = re.compile(r"\{\{-?\s*this\s*-?\}\}")
PERIODS_S = {"minute": 60, "hour": 3_600, "day": 86_400}

Parent = Callable[[str], DatasetRef | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How a test is evaluated: the kind of check with its arguments, or without a kind `because` of what it has none."""

    kind: str | None
    arguments: Raw
    because: str = ""


def _none(because: str) -> Entry:
    return Entry(kind=None, arguments={}, because=because)


def called(metadata: Raw) -> str:
    """The test as YAML names it, such as `dbt_utils.recency`; `singular` for a query of the project."""
    return ".".join(str(part) for part in (metadata.get("namespace"), metadata.get("name")) if part) or "singular"


def entry(raw: Raw, metadata: Raw, kwargs: Raw, *, replaced: Iterable[str], parent: Parent) -> Entry:
    """The entry of the catalogue for a generic test, with its arguments.

    Args:
        replaced: the names of macros that the project has its own of.
        parent: the table that an argument such as `ref('orders')` means.
    """
    name, namespace = called(metadata), metadata.get("namespace")
    kind = CHECKS.get(name)
    if kind is None or (name not in BUILT_IN and namespace not in PACKAGES):
        return _none("" if name == "singular" else "Tidegate has no entry for this test")
    if namespace == LEARNED:
        return Entry(kind=name, arguments={})
    macro = str(metadata.get("name"))
    if {"get_where_subquery", *(f"{prefix}test_{macro}" for prefix in ADAPTERS)} & set(replaced):
        return _none("the project has its own macro of that name")
    if kind.needs_column and not (raw.get("column_name") or kwargs.get("column_name")):
        return _none("it names no column")
    config = raw.get("config")
    if isinstance(config, Mapping) and _is_jinja([config.get(key) for key in ("where", "fail_calc")]):
        return _none("its `where` or `fail_calc` is Jinja")
    if nulls := sorted(key for key, value in kwargs.items() if value is None and key in NEVER_NULL):
        return _none(f"its argument `{nulls[0]}` is null, which is not its default")
    given = {key: value for key, value in kwargs.items() if key not in NOT_ARGUMENTS and value is not None}
    for key, value in given.items():
        if because := _unusable(kind, key, value):
            return _none(because)
    return _resolved(name, kind, given, parent)


def _unusable(kind: CheckKind, key: str, value: object) -> str:
    if key not in kind.arguments:
        return f"Tidegate does not know its argument `{key}`"
    if key not in kind.others and _is_jinja(value):
        return f"its argument `{key}` is Jinja"
    return ""


def _resolved(name: str, kind: CheckKind, given: Raw, parent: Parent) -> Entry:
    arguments = dict(given)
    for key in kind.others:
        if key in given:
            ref = parent(str(given[key]))
            if ref is None:
                return _none(f"its argument `{key}` is no table that the manifest has")
            arguments[key] = [ref.namespace, ref.name]
    if lacking := [key for key in kind.required if key not in arguments]:
        return _none(f"it has no argument `{lacking[0]}`")
    if name == "accepted_values":
        if not isinstance(arguments["values"], list):
            return _none("its argument `values` is no list")
        arguments["quote"] = bool(arguments.get("quote", True))
    return Entry(kind=name, arguments=arguments)


def _is_jinja(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_is_jinja(part) for part in value.values())
    if isinstance(value, list):
        return any(_is_jinja(part) for part in value)
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def compiled(check: Check, name: str, because: str, code: str | None) -> Check:
    """The same test by the SQL that dbt compiled, which has its `where` in it; without any only dbt can evaluate it."""
    if code is None:
        return by_dbt(check, name, f"{because}, and dbt compiled no SQL" if because else "")
    told = {"test": name} | ({"because": because} if because else {})
    return replace(check, kind="compiled", arguments=told | {"sql": code}, where=None)


def by_dbt(check: Check, name: str, because: str = "") -> Check:
    """The same test by dbt's verdict."""
    return replace(check, kind="dbt", arguments={"test": name} | ({"because": because} if because else {}))


def unclear_threshold(check: Check) -> str:
    """Why the engine alone can tell how many failures are too many, as a reason; empty when Tidegate can."""
    for name, condition in (("error_if", check.error_if), ("warn_if", check.warn_if)):
        try:
            meets(0, condition)
        except ThresholdError:
            return f"its `{name}` is more than a comparison with numbers"
    return ""


def is_native(check: Check) -> bool:
    """Whether Tidegate evaluates the test by an entry of its own, not by dbt's SQL and not by a learned band."""
    return check.kind not in BY_DBT and not check.kind.startswith(f"{LEARNED}.")


def usable(check: Check) -> str:
    """Why the arguments of a test cannot be used, as a reason; empty when they can."""
    return refusal(check)


def freshness(unique_id: str, raw: Raw, dataset: DatasetRef, declared_in: str | None) -> Check | None:
    """The freshness that a source declares; None where it declares none.

    Without a column that says when a row was loaded only dbt can tell, by `dbt source freshness`.
    """
    said = _said(raw, "freshness")
    if not isinstance(said, Mapping):
        return None
    limits = {f"{name}_after_s": _seconds(said.get(f"{name}_after")) for name in ("warn", "error")}
    known = {name: limit for name, limit in limits.items() if limit is not None}
    if not known:
        return None
    check = Check(
        id=freshness_id(unique_id),
        name=f"freshness of {dataset}",
        dataset=dataset,
        kind="source_freshness",
        arguments=known,
        where=str(said["filter"]) if said.get("filter") else None,
        severity="error" if "error_after_s" in known else "warn",
        warn_if="> 0",
        error_if="> 1",
        source="dbt",
        declared_in=declared_in,
    )
    column, query = _said(raw, "loaded_at_field"), _said(raw, "loaded_at_query")
    if query is not None:
        asked = THIS.sub(lambda _: relation(dataset), str(query))
        check = replace(check, arguments=known | {"query": asked}, where=None)
        return _freshness_by_dbt(check, "its `loaded_at_query` is Jinja") if _is_jinja(asked) else check
    if column is None:
        return _freshness_by_dbt(check, "it has no `loaded_at_field`")
    return replace(check, column=str(column))


def _freshness_by_dbt(check: Check, because: str) -> Check:
    return replace(by_dbt(check, "source freshness", because), severity="warn")


def _said(raw: Raw, key: str) -> object:
    """What a source says, in its configuration or, as older versions of dbt have it, beside it."""
    config = raw.get("config")
    return (config.get(key) if isinstance(config, Mapping) else None) or raw.get(key) or None


def on_fail(raw: Raw) -> str | None:
    """What the test's `config.meta.tidegate.on_fail` says: hold, warn or quarantine; None when it says nothing."""
    here: object = raw
    for key in ("config", "meta", "tidegate", "on_fail"):
        here = here.get(key) if isinstance(here, Mapping) else None
    return str(here) if here else None


def stored_in(raw: Raw) -> DatasetRef | None:
    """The table or view in which dbt keeps the rows that fail a test; None where it keeps none."""
    config, name = raw.get("config"), raw.get("alias") or raw.get("name")
    if not isinstance(config, Mapping) or not (config.get("store_failures") or config.get("store_failures_as")):
        return None
    if config.get("store_failures_as") == "ephemeral":
        return None
    return DatasetRef(namespace=str(raw.get("schema", "")), name=str(name))


def freshness_id(unique_id: str) -> str:
    """The id of the check that is a source's freshness."""
    return f"{unique_id}/freshness"


def is_freshness(check: Check) -> bool:
    """Whether the check is a source's freshness, which `dbt build` and `dbt test` do not look at."""
    return check.id == freshness_id(check.id.rpartition("/")[0])


def _seconds(said: object) -> float | None:
    if not isinstance(said, Mapping):
        return None
    count, period = said.get("count"), PERIODS_S.get(str(said.get("period")))
    return float(count) * period if isinstance(count, int | float) and period else None
