"""Which columns a fault can reach, as a statement says it: never too few."""

import pytest

from tidegate.lineage.columns import passed_on

EVERYTHING = None


@pytest.mark.parametrize(
    ("code", "columns", "reached"),
    [
        ("select a + b as c, d from x", {"a"}, {"c"}),
        ("select a + b as c, d from x", {"d"}, {"d"}),
        ("select a + b as c, d from x", {"e"}, set()),
        ('select "A" as c from x', {"a"}, {"c"}),
        ("select id from x where a > 1", {"a"}, EVERYTHING),
        ("select id, sum(b) as b from x group by id", {"id"}, EVERYTHING),
        ("select id, sum(b) as total from x group by id", {"b"}, {"total"}),
        ("select x.id, y.v from x join y on x.a = y.a", {"a"}, EVERYTHING),
        ("select x.id, y.v from x join y using (a)", {"a"}, EVERYTHING),
        ("select id from x qualify row_number() over (partition by a) = 1", {"a"}, EVERYTHING),
        ("select distinct on (a) b from x", {"a"}, EVERYTHING),
        ("select * from x", {"a"}, {"a"}),
        ("select x.* from x", {"a"}, {"a"}),
        ("select count(*) as n from x", {"a"}, set()),
        ("with s as (select amount * 2 as twice from o) select s.twice as total, z from s", {"amount"}, {"twice", "total"}),
        ("with s as (select amount as a from o) select b from s where a > 0", {"amount"}, EVERYTHING),
        ("select a from x union all select b from y", {"b"}, {"b"}),
        ("select case when a then 1 else b end as c from x", {"a"}, {"c"}),
        ("select {{ cents('a') }} as c from x", {"a"}, EVERYTHING),
        ("select from where a", {"a"}, EVERYTHING),
        (None, {"a"}, EVERYTHING),
    ],
)  # fmt: skip
def test_what_a_fault_in_some_columns_reaches(code: str | None, columns: set[str], reached: set[str] | None) -> None:
    assert passed_on(code, frozenset(columns)) == reached
