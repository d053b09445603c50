"""Our verdicts on dbt's four built-in tests equal dbt's own, on generated data and configurations.

dbt's side is the SQL that dbt-core 1.11 compiles, and the wrapping and rules of its test task, written out here.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.scan.engine import NOW, Engine, engines
from tidegate.checks import judge, needs
from tidegate.model import Check, CheckResult, DatasetRef, Outcome

CHILD = DatasetRef(namespace="main", name="child")


def dbt_sql(check: Check) -> str:
    model = f"(select * from main.child where {check.where})" if check.where else "main.child"
    column = check.column
    if check.kind == "not_null":
        return f"select {column} from {model} where {column} is null"
    if check.kind == "unique":
        return (
            f"select {column} as unique_field, count(*) as n_records from {model} as s"
            f" where {column} is not null group by {column} having count(*) > 1"
        )
    if check.kind == "accepted_values":
        quote = "'" if check.arguments["quote"] else ""
        values = ", ".join(f"{quote}{value}{quote}" for value in check.arguments["values"])
        return (
            f"with all_values as (select {column} as value_field, count(*) as n_records from {model} as s group by {column})"
            f" select * from all_values where value_field not in ({values})"
        )
    return (
        f"with child as (select {column} as from_field from {model} as s where {column} is not null),"
        f" parent as (select {check.arguments['field']} as to_field from main.parent)"
        " select from_field from child left join parent on child.from_field = parent.to_field where parent.to_field is null"
    )


def dbt_verdict(engine: Engine, check: Check) -> tuple[Outcome, int | None]:
    limit = f" limit {check.limit}" if check.limit is not None else ""
    ((failures, warn, error),) = engine.run(
        f"select {check.fail_calc} as failures, {check.fail_calc} {check.warn_if} as should_warn,"
        f" {check.fail_calc} {check.error_if} as should_error from ({dbt_sql(check)}{limit}) dbt_internal_test"
    )
    if failures is None:  # dbt 1.11 refuses a result without a number
        return Outcome.ERROR, None
    if check.severity == "error" and error:
        return Outcome.FAIL, int(failures)
    return (Outcome.WARN if warn else Outcome.PASS), int(failures)


def our_verdict(engine: Engine, check: Check, *, profile: bool = True) -> CheckResult:
    wanted = needs(check, engine.catalog())
    assert not isinstance(wanted, CheckResult), wanted.reason
    return judge(check, engine.scan("child", *wanted, profile=profile).scan.values, now=NOW)


def make(kind: str, **more) -> Check:
    arguments = {
        "accepted_values": {"values": ["a", "b"], "quote": True},
        "relationships": {"to": "main.parent", "field": "k"},
    }.get(kind, {})
    return Check(
        **{"id": kind, "name": kind, "dataset": CHILD, "kind": kind, "column": "k", "arguments": arguments, **more}
    )


KINDS = ("not_null", "unique", "accepted_values", "relationships")
KEYS = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "d", "", "A"]))
CHILDREN = st.lists(st.tuples(KEYS, st.one_of(st.none(), st.integers(-2, 2))), max_size=25)
PARENTS = st.lists(KEYS, max_size=8)
CONDITIONS = st.sampled_from(
    ["!= 0", "> 1", ">2", "= 0", ">= 3", "between 1 and 2", "< 0", "in (1, 3)", "> 1 and 1 = 1"]
)


@pytest.fixture(scope="module")
def shared():
    for engine in engines():
        engine.run("create table child (k varchar, n integer)")
        engine.run("create table parent (k varchar)")
        yield engine


def fill(engine, children, parents):
    engine.run("truncate child")
    engine.run("truncate parent")
    if children:
        engine.connection.executemany("insert into child values (?, ?)", [list(row) for row in children])
    if parents:
        engine.connection.executemany("insert into parent values (?)", [[key] for key in parents])


@given(
    children=CHILDREN,
    parents=PARENTS,
    kind=st.sampled_from(KINDS),
    where=st.sampled_from([None, "n > 0", "n is null or n <> 1", "1 = 0", "k = 'a' -- only these"]),
    severity=st.sampled_from(["error", "warn"]),
    warn_if=CONDITIONS,
    error_if=CONDITIONS,
    limit=st.sampled_from([None, 1, 2, 500]),
    profile=st.booleans(),
)
def test_verdicts_and_failures_are_dbts(
    shared, children, parents, kind, where, severity, warn_if, error_if, limit, profile
):
    fill(shared, children, parents)
    check = make(kind, where=where, severity=severity, warn_if=warn_if, error_if=error_if, limit=limit)
    plain = replace(check, where=where.split(" --")[0] if where else None)
    theirs, ours = dbt_verdict(shared, plain), our_verdict(shared, check, profile=profile)
    assert (ours.outcome, ours.failures) == theirs
    assert ours.evaluated == shared.run(f"select count(*) from child where {plain.where or '1 = 1'}")[0][0]
    assert (ours.evaluated == 0) == ("nothing was evaluated" in ours.reason)


@given(
    children=CHILDREN,
    pair=st.sampled_from(
        [
            ("unique", "sum(n_records)"),
            ("unique", "coalesce(max(n_records), 0)"),
            ("accepted_values", "sum(n_records)"),
            ("relationships", "count(distinct from_field)"),
            ("not_null", "2 * count(*)"),
            ("not_null", "COUNT( * )"),
        ]
    ),
    limit=st.sampled_from([None, 2]),
)
def test_fail_calc_is_dbts(shared, children, pair, limit):
    fill(shared, children, ["a"])
    check = make(pair[0], fail_calc=pair[1], error_if="> 2", limit=limit)
    if limit is not None and pair[0] in ("unique", "accepted_values", "relationships"):
        return  # which rows a LIMIT keeps is the engine's choice
    ours = our_verdict(shared, check)
    assert (ours.outcome, ours.failures) == dbt_verdict(shared, check)


NUMBERS = st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=20)


@given(numbers=NUMBERS, values=st.lists(st.integers(-3, 3), min_size=1, max_size=4), quote=st.booleans())
def test_accepted_numbers(shared, numbers, values, quote):
    fill(shared, [(None, n) for n in numbers], [])
    check = make("accepted_values", column="n", arguments={"values": values, "quote": quote})
    assert (our_verdict(shared, check).outcome, our_verdict(shared, check).failures) == dbt_verdict(shared, check)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table_passes_and_is_told(shared, kind):
    fill(shared, [], [])
    ours = our_verdict(shared, make(kind))
    assert (ours.outcome, ours.failures) == dbt_verdict(shared, make(kind))
    assert (ours.outcome, ours.evaluated, ours.reason) == (Outcome.PASS, 0, "nothing was evaluated: 0 rows")


@pytest.mark.parametrize("kind", ["unique", "not_null"])
@pytest.mark.parametrize("column", ["k || '-' || n", '"k"', "coalesce(n, 0) + 1"])
def test_dbts_columns_may_be_expressions(shared, kind, column):
    fill(shared, [("a", 1), ("a", 1), ("b", None), (None, 1)], [])
    check = make(kind, column=column, source="dbt")
    assert (our_verdict(shared, check).outcome, our_verdict(shared, check).failures) == dbt_verdict(shared, check)
