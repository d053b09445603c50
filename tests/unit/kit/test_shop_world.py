"""The made-up shop has the habits of a real one, and the same ones on every machine."""

from collections import Counter
from itertools import pairwise
from statistics import mean

import pytest

from tidegate.kit.shop import world
from tidegate.kit.shop.world import DAYS, HOLIDAY, day

SEED = 7
SATURDAY, SUNDAY = 5, 6
WEEK = 7


@pytest.fixture(scope="module")
def purchases():
    """What is bought on each day, day 1 first."""
    return [list(world.purchases(SEED, n)) for n in range(1, DAYS + 1)]


@pytest.fixture(scope="module")
def orders(purchases):
    return [purchase.order for made in purchases for purchase in made]


def test_days_begin_on_a_monday_and_have_the_holiday_in_the_first_load():
    assert day(1).weekday() == 0
    assert day(DAYS).isoformat() == "2026-05-30"
    assert day(HOLIDAY).isoformat() == "2026-04-06"
    assert HOLIDAY < 75


def test_a_day_is_the_same_alone_as_after_the_days_before_it(purchases):
    assert list(world.purchases(SEED, 40)) == purchases[39]
    assert list(world.purchases(SEED + 1, 40)) != purchases[39]


def test_weekends_are_busier_and_stores_are_closed_on_most_sundays(purchases):
    counts = [len(made) for made in purchases]
    weekend = mean(c for n, c in enumerate(counts, 1) if day(n).weekday() in {SATURDAY, SUNDAY})
    midweek = mean(c for n, c in enumerate(counts, 1) if day(n).weekday() in {1, 2, 3} and n != HOLIDAY)
    assert 1.15 < weekend / midweek < 1.35
    sundays = [p.order.channel for n, made in enumerate(purchases, 1) if day(n).weekday() == SUNDAY for p in made]
    others = [p.order.channel for n, made in enumerate(purchases, 1) if day(n).weekday() != SUNDAY for p in made]
    assert sundays.count("store") / len(sundays) < 0.05
    assert 0.13 < others.count("store") / len(others) < 0.17


def test_the_shop_grows_by_about_four_in_a_thousand_a_day(purchases):
    counts = [len(made) for made in purchases]
    growth = sum(counts[-WEEK:]) / sum(counts[:WEEK])
    assert 1.3 < growth < 1.5  # 1.004 ** 83 = 1.39


def test_the_holiday_is_the_one_clear_dip(purchases):
    counts = [len(made) for made in purchases]
    against_last_week = {
        n: counts[n - 1] / counts[n - 1 - WEEK] for n in range(WEEK + 1, DAYS + 1) if n - WEEK != HOLIDAY
    }
    assert against_last_week.pop(HOLIDAY) < 0.5
    assert min(against_last_week.values()) > 0.8


def test_countries_and_channels_keep_their_shares(purchases, orders):
    countries, channels = Counter(o.country for o in orders), Counter(o.channel for o in orders)
    assert set(countries) == set(world.COUNTRIES.choices)
    assert 0.32 < countries["DE"] / len(orders) < 0.38
    assert 0.28 < channels["app"] / len(orders) < 0.34
    for made in purchases:
        assert 0.25 < sum(p.order.country == "DE" for p in made) / len(made) < 0.45


def test_two_orders_in_a_hundred_are_recorded_a_day_or_two_late(purchases):
    lags = Counter(p.record_day - n for n, made in enumerate(purchases, 1) for p in made)
    assert set(lags) == {0, 1, 2}
    assert 0.015 < (lags[1] + lags[2]) / lags.total() < 0.025


def test_every_time_falls_on_its_day(purchases):
    for n, made in enumerate(purchases, 1):
        for p in made:
            assert p.order.created_at.startswith(str(day(n)))
            assert p.order.recorded_at == p.order.updated_at
            assert p.order.recorded_at.startswith(str(day(p.record_day)))
            assert all(item.updated_at == p.order.recorded_at for item in p.items)
            assert all(payment.paid_at.startswith(str(day(n))) for payment in p.payments)


def test_orders_are_numbered_in_the_order_they_were_made(orders):
    assert [o.order_id for o in orders] == list(range(1, len(orders) + 1))
    assert all(a.created_at <= b.created_at for a, b in pairwise(orders))


def test_amounts_add_up(purchases):
    for made in purchases:
        for order, items, payments, *_ in made:
            goods = sum(item.line_amount for item in items)
            assert order.total_amount == goods - order.discount_amount + order.shipping_amount > 0
            assert all(item.line_amount == item.quantity * item.unit_price for item in items)
            captured = [p.amount for p in payments if p.status == "captured"]
            assert captured == ([order.total_amount] if order.status == "paid" else [])


def test_what_comes_back_was_paid_and_is_refunded_later(purchases):
    returns = [(n, p) for n, made in enumerate(purchases, 1) for p in made if p.return_day]
    assert 0.005 < len(returns) / sum(map(len, purchases)) < 0.01
    for n, p in returns:
        assert p.record_day < p.return_day <= n + max(world.RETURN_DAYS)
        assert (p.returned.status, p.returned.updated_at) == ("returned", p.refund.paid_at)
        assert p.refund.amount == -p.order.total_amount


def test_optional_columns_are_sometimes_empty(orders):
    customers = [c for _, c in world.customers_at(SEED, DAYS)]
    assert 0.6 < sum(c.phone is not None for c in customers) / len(customers) < 0.75
    assert 0.1 < sum(o.coupon_code is not None for o in orders) / len(orders) < 0.15
    assert 0.02 < sum(o.customer_note is not None for o in orders) / len(orders) < 0.06
    assert {c.newsletter for c in customers} == {o.is_gift for o in orders} == {True, False}


def test_keys_are_unique_and_lead_somewhere(purchases, orders):
    customers = [c for _, c in world.customers_at(SEED, DAYS)]
    products = [p for _, p in world.products_at(SEED, DAYS)]
    items = [item for made in purchases for p in made for item in p.items]
    payments = [x.payment_id for made in purchases for p in made for x in (*p.payments, *filter(None, [p.refund]))]
    assert [c.customer_id for c in customers] == list(range(1, len(customers) + 1))
    for keys in ([c.email for c in customers], [p.sku for p in products], [i.order_item_id for i in items], payments):
        assert len(set(keys)) == len(keys)
    assert {o.customer_id for o in orders} <= {c.customer_id for c in customers}
    assert {i.product_id for i in items} <= {p.product_id for p in products}


def test_an_order_is_of_a_customer_and_of_products_that_there_are_on_the_day(purchases):
    for n in (1, 45, DAYS):
        known = {c.customer_id: c.country for _, c in world.customers_at(SEED, n - 1)}
        shelf = {p.product_id: p.price for _, p in world.products_at(SEED, n - 1) if p.is_active}
        for p in purchases[n - 1]:
            assert known[p.order.customer_id] == p.order.country
            assert all(shelf[item.product_id] == item.unit_price for item in p.items)


def test_customers_move_and_climb_and_products_change_their_price():
    before, after = dict(_by_key(world.customers_at(SEED, 60))), dict(_by_key(world.customers_at(SEED, 61)))
    changed = {key for key in before if before[key] != after[key]}
    assert 5 < len(changed) < 60
    assert all(after[key][1].updated_at.startswith(str(day(61))) for key in changed)
    assert {after[key][0] for key in changed} == {61}
    assert any(before[key][1].tier != after[key][1].tier for key in changed)
    first, last = dict(_by_key(world.products_at(SEED, 1))), dict(_by_key(world.products_at(SEED, DAYS)))
    assert any(first[key][1].price < last[key][1].price for key in first)


def _by_key(rows):
    return ((row[0], (changed, row)) for changed, row in rows)
