"""How old the data of a source is, as `dbt source freshness` measures it."""

from __future__ import annotations

from typing import Final

from tidegate.checks.arguments import NOW, given, source
from tidegate.checks.failing import subject
from tidegate.checks.families import spec
from tidegate.checks.kind import Blind
from tidegate.metrics import Vouched, literal, query, select
from tidegate.model import Check, MetricSpec


def number(check: Check) -> MetricSpec:
    """The newest time, those in the future among them, in seconds since 1970-01-01 UTC; NULL without rows.

    Raises:
        ConditionError: the source's own query for it is not one query.
    """
    if (asked := given(check, "query")) is not None:
        newest = select(["EPOCH(CAST(asked.newest AS TIMESTAMP))"], f"({query(str(asked))}) AS asked(newest)")
        return spec(check, "query", argument=newest)
    newest = f"MAX({subject(check)})"
    told = literal(
        f"`{subject(check)}` is no timestamp, without which dbt tells no freshness: cast it in `loaded_at_field`"
    )
    times = f"CASE WHEN {newest} IS NULL OR TYPEOF({newest}) LIKE 'TIMESTAMP%' THEN {newest} ELSE ERROR({told}) END"
    shown = f"EPOCH(CAST({times} AS TIMESTAMP))"
    return spec(check, "query", argument=Vouched(select([shown], source(check))))


FUTURE: Final = Blind(
    says="{rows} {rows:row lies|rows lie} in the future, and the newest counts",
    when=lambda check: given(check, "query") is None,
    rows=lambda check: f"CAST({subject(check)} AS TIMESTAMP) > {NOW}",
)
