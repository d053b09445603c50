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
        newest = select([_seconds("asked.newest", "loaded_at_query")], f"({query(str(asked))}) AS asked(newest)")
        return spec(check, "query", argument=newest)
    newest = _seconds(f"MAX({subject(check)})", "loaded_at_field")
    return spec(check, "query", argument=Vouched(select([newest], source(check))))


def _seconds(newest: str, said_in: str) -> str:
    """A time in seconds; an error where it is a date or a text, of which dbt tells no freshness."""
    told = literal(f"the newest time is no timestamp, without which dbt tells no freshness: cast it in `{said_in}`")
    known = f"{newest} IS NULL OR TYPEOF({newest}) LIKE 'TIMESTAMP%'"
    return f"EPOCH(CAST(CASE WHEN {known} THEN {newest} ELSE ERROR({told}) END AS TIMESTAMP))"


FUTURE: Final = Blind(
    says="{rows} {rows:row lies|rows lie} in the future, and the newest counts",
    when=lambda check: given(check, "query") is None,
    rows=lambda check: f"CAST({subject(check)} AS TIMESTAMP) > {NOW}",
)
