"""What is looked at of a table's rows, in words."""

from __future__ import annotations

import pytest

from tidegate.cli.render_explain import agreement, numbers, regular, relations, sequences
from tidegate.model import CountsUp
from tidegate.scan import Agreement, Beside, ByCategory, Regular, Relations, Sequences, Together
from tidegate.scan.relations import Pair


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        (None, "not chosen yet: it takes seven buckets of time that a published version has"),
        (Relations(), "none: no values come again regularly, and none go together"),
        (Relations(keys=("channel", "sku")), "values of channel, sku"),
        (
            Relations(keys=("shop", "city", "sku"), pairs=(Pair("city", "shop"), Pair("shop", "city"), Pair("shop", "area"))),
            "city, area with shop; shop with city; values of sku",
        ),
        (
            Relations(keys=("shop", "city"), pairs=(Pair("shop", "city"),), one_in={"shop": 8}),
            "city with shop; values of city (for one shop in 8)",
        ),
        (
            Relations(keys=("shop", "city"), one_in={"shop": 8, "city": 2}, buckets=40),
            "values of shop, city (for one shop in 8, for one city in 2 and in the newest 40 buckets)",
        ),
    ],
)  # fmt: skip
def test_what_goes_with_what_is_told_by_key(chosen: Relations | None, line: str) -> None:
    assert relations(chosen) == line


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        (None, "not chosen yet: it takes seven buckets of time that a published version has"),
        (Beside(), "none: no number follows from the others of its row, or from a category"),
        (Beside(given={"value": ByCategory("test", 0.0)}), "value by test"),
        (
            Beside(follow={"tax": 0.1}, times=Together(follow={"at": 0.1, "hour": 0.2})),
            "tax, at, hour from the others of their row",
        ),
        (
            Beside(follow={"tax": 0.1}, given={"value": ByCategory("test", 0.0), "price": ByCategory("shop", 2.0)}),
            "value by test; price by shop; tax from the others of its row",
        ),
        (Beside(follow={"tax": 0.1}), "tax from the others of its row"),
        (Beside(follow={"tax": 0.1, "net": 0.2}), "tax, net from the others of their row"),
    ],
)
def test_numbers_are_told_by_what_is_asked_of_them(chosen: Beside | None, line: str) -> None:
    assert numbers(chosen) == line


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        (None, "not chosen yet: it takes seven buckets of time that a published version has"),
        (Agreement(), "none: no rows that share a key agree in anything else"),
        (
            Agreement(pairs=(Pair("order", "buyer"), Pair("trip", "car"), Pair("order", "day")), one_in={"trip": 8}),
            "buyer, day of one order; car of one trip (of one in 8)",
        ),
    ],
)
def test_what_rows_of_one_key_have_in_common_is_told(chosen: Agreement | None, line: str) -> None:
    assert agreement(chosen) == line


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        (None, "not chosen yet: it takes seven buckets of time that a published version has"),
        (Regular(), "none: no number keeps to its decimals, and no column is NULL only where another one is"),
        (
            Regular(decimals={"rate": 4, "net": 2, "tax": 2, "km": 1}, nulls={"left_at": "delay", "gate": "delay"}),
            "km with 1 decimal; net, tax with 2 decimals; rate with 4 decimals; left_at NULL only where delay is; gate NULL only where delay is",
        ),
        (Regular(nulls={"left_at": "delay"}), "left_at NULL only where delay is"),
    ],
)
def test_what_rows_keep_to_is_told(chosen: Regular | None, line: str) -> None:
    assert regular(chosen) == line


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        (None, "not chosen yet: it takes seven buckets of time that a published version has"),
        (Sequences(), "none: no column counts up without gaps"),
        (
            Sequences((CountsUp("order_no"), CountsUp("line", None, "order_no"), CountsUp("read_at", 300.0, "sensor"))),
            "order_no by one; line by one for each order_no; read_at every 5 minutes for each sensor",
        ),
    ],
)
def test_what_counts_up_is_told(chosen: Sequences | None, line: str) -> None:
    assert sequences(chosen) == line
