"""A status page with every condition, and with names that try to break out of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tidegate.services.statuspage import Condition, Day, Episode, ProductPage, StatusPage

NOW = datetime(2026, 3, 1, 6, 31, tzinfo=UTC)
HOSTILE = '"><script>document.title="owned"</script><img src=x onerror="document.title=1"></style></title>&amp;\u202e'


def product(name: str, condition: Condition, **more: object) -> ProductPage:
    conditions = [*Condition, condition]
    days = tuple(
        Day(
            day=(NOW - timedelta(days=89 - n)).date(),
            condition=conditions[n % len(conditions)] if n > 60 else Condition.FINE,
            not_fine=timedelta(hours=n % 5),
        )
        for n in range(90)
    )
    fields = {
        "name": name,
        "owner": "finance-data@example.com",
        "consumers": ("the board", "the finance dashboard"),
        "condition": condition,
        "since": NOW - timedelta(hours=5),
        "what": ("Some of the data that you see is known to be wrong: values are missing that should be there.",),
        "affected": ("marts.mart_customer_revenue_by_month_and_region_with_a_long_name",),
        "next_update": NOW + timedelta(hours=1),
        "expected_by": NOW + timedelta(hours=9),
        "is_promised": True,
        "published_at": NOW - timedelta(hours=15),
        "data_of": NOW - timedelta(hours=15, minutes=30),
        "fine_share": 0.98765,
        "days": days,
        "episodes": (
            Episode(
                incident=7,
                what="values are missing that should be there",
                since=NOW - timedelta(hours=5),
                until=None,
                condition=Condition.WRONG,
            ),
            Episode(
                incident=6,
                what="columns have changed",
                since=NOW - timedelta(days=9),
                until=NOW - timedelta(days=8),
                condition=Condition.HELD,
            ),
        ),
        "promises": (
            ("what readers see is at most 24 hours old for 99 % of the time", "kept: 99.5 % in the last 30 days"),
        ),
    }
    return ProductPage(**{**fields, **more})


def status_page(*products: ProductPage, title: str = "shop", now: datetime = NOW) -> StatusPage:
    found = products or tuple(product(f"product {c.value}", c) for c in Condition if c is not Condition.NOT_YET)
    return StatusPage(title=title, now=now, next_page=now + timedelta(hours=1), products=found)


def hostile_page() -> StatusPage:
    return status_page(
        product(
            HOSTILE,
            Condition.WRONG,
            owner=HOSTILE,
            consumers=(HOSTILE,),
            what=(HOSTILE,),
            affected=(HOSTILE,),
            promises=((HOSTILE, HOSTILE),),
            episodes=(Episode(incident=1, what=HOSTILE, since=NOW, until=None, condition=Condition.WRONG),),
        ),
        title=HOSTILE,
    )
