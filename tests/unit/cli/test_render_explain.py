"""What is looked at of a table's rows, in words."""

from __future__ import annotations

import pytest

from tidegate.cli.render_explain import relations
from tidegate.scan import Relations
from tidegate.scan.relations import Pair


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        (None, "not chosen; the first seven buckets that are known of a published version tell"),
        (Relations(), "none: no values come again regularly, and none go together"),
        (Relations(keys=("channel", "sku")), "values of channel, sku"),
        (
            Relations(keys=("shop", "city", "sku"), pairs=(Pair("city", "shop"), Pair("shop", "city"), Pair("shop", "area"))),
            "city, area with shop; shop with city; values of sku",
        ),
    ],
)  # fmt: skip
def test_what_goes_with_what_is_told_by_key(chosen: Relations | None, line: str) -> None:
    assert relations(chosen) == line
