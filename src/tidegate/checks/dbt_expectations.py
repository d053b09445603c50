"""The generic tests of dbt_expectations as entries of the catalogue, by their full names."""

from __future__ import annotations

from typing import Final

from tidegate.checks import expect_queries, expect_rows, expect_shape, expect_totals

KINDS: Final = {
    f"dbt_expectations.{name}": kind
    for part in (expect_rows, expect_totals, expect_shape, expect_queries)
    for name, kind in part.KINDS.items()
}
"""Every generic test of dbt_expectations."""
