"""The anomaly tests of Elementary: what they look for is what learned bands look for, without being declared."""

from __future__ import annotations

from typing import Final

from tidegate.checks.families import spec
from tidegate.checks.kind import Catalog, CheckKind
from tidegate.model import Check, CheckResult, Outcome

BANDS: Final = {
    "volume_anomalies": "rows per time bucket",
    "freshness_anomalies": "freshness",
    "event_freshness_anomalies": "freshness",
    "table_anomalies": "rows per time bucket and freshness",
    "column_anomalies": "nulls, distinct values, location and scale of the column",
    "all_columns_anomalies": "nulls, distinct values, location and scale of every column",
    "dimension_anomalies": "shares of categories and vanished segments",
    "schema_changes": "the schema",
}
"""Each test by its name, and the learned bands that are about the same."""


def _left_to_bands(check: Check, catalog: Catalog) -> CheckResult:
    """What learned bands find is a finding of its own; here it is told that they look."""
    if check.dataset not in catalog:
        return CheckResult(check=check, outcome=Outcome.ERROR, reason=f"there is no table `{check.dataset}`")
    bands = BANDS[check.kind.partition(".")[2]]
    return CheckResult(check=check, outcome=Outcome.PASS, reason=f"judged by learned bands: {bands}")


KINDS: Final = {
    f"elementary.{name}": CheckKind(
        says=f"nothing unusual, as learned bands have it: {bands}",
        reads="nothing",
        number=lambda check: spec(check, "row_count"),
        told="judged by learned bands",
        decided=_left_to_bands,
    )
    for name, bands in BANDS.items()
}
"""Every anomaly test of Elementary by its full name."""
