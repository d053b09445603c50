"""The made-up shop itself: who buys what on which day, worked out from a seed and nothing else.

Pure. Every day draws from a random stream of its own, so a day can be worked out without the days before it.
Rows are named tuples: a hundred thousand of them are made and handed to SQLite as they are. Money is in whole cents.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

DAYS: Final = 90
FIRST_DAY: Final = date(2026, 3, 2)
HOLIDAY: Final = 36
"""Easter Monday, 6 April 2026: a public holiday in all the shop's countries, in Spain in some regions."""

RETURN_DAYS: Final = (3, 10)
"""An order that comes back does so this many days after it was made, both ends included."""

# Chosen, not derived: about 48,000 orders and 200,000 rows in 90 days.
ORDERS_ON_FIRST_DAY: Final = 440
GROWTH_PER_DAY: Final = 1.004
DEMAND_BY_WEEKDAY: Final = (1.04, 0.94, 0.92, 0.94, 0.98, 1.12, 1.20)
DEMAND_ON_HOLIDAY: Final = 0.35
DAILY_NOISE: Final = 0.035
CUSTOMERS_BEFORE: Final = 2_500
REGISTRATIONS_PER_ORDER: Final = 0.09
PRODUCTS_BEFORE: Final = 240
LATE_SHARE: Final = 0.02
RETURN_SHARE: Final = 0.007
CANCEL_SHARE: Final = 0.03
DECLINE_SHARE: Final = 0.015

SUNDAY: Final = 6
DAY_S: Final = 86_400


class Weighted(NamedTuple):
    """Choices and their running weights, which end at 1."""

    choices: tuple[str, ...]
    upto: tuple[float, ...]


def weighted(**weights: float) -> Weighted:
    """Weigh choices; the weights need not add up to 1."""
    total = sum(weights.values())
    return Weighted(tuple(weights), tuple(upto / total for upto in accumulate(weights.values())))


COUNTRIES: Final = weighted(DE=0.35, FR=0.18, NL=0.13, AT=0.11, ES=0.10, IT=0.08, BE=0.05)
CHANNELS: Final = weighted(web=0.55, app=0.30, store=0.15)
CHANNELS_ON_SUNDAY: Final = weighted(web=0.62, app=0.35, store=0.03)
METHODS_REMOTE: Final = weighted(card=0.45, paypal=0.30, invoice=0.15, bank_transfer=0.10)
METHODS_STORE: Final = weighted(card=0.65, cash=0.35)
TIERS: Final = weighted(basic=0.70, silver=0.22, gold=0.08)
COUPONS: Final = weighted(WELCOME10=0.5, SPRING=0.3, THANKYOU=0.2)
ITEM_COUNTS: Final = weighted(**{"1": 0.45, "2": 0.28, "3": 0.15, "4": 0.08, "5": 0.04})
HOURS: Final = weighted(
    **{str(h): w for h, w in enumerate((1, 1, 1, 1, 1, 2, 4, 6, 7, 8, 8, 9, 10, 9, 8, 8, 9, 10, 12, 14, 13, 10, 6, 3))}
)

CITIES: Final = {
    "DE": ("Berlin", "Hamburg", "Köln", "Leipzig", "München"),
    "FR": ("Lyon", "Nantes", "Paris", "Toulouse"),
    "NL": ("Amsterdam", "Eindhoven", "Utrecht"),
    "AT": ("Graz", "Linz", "Wien"),
    "ES": ("Madrid", "Málaga", "Valencia"),
    "IT": ("Bologna", "Milano", "Roma"),
    "BE": ("Antwerpen", "Gent", "Liège"),
}
DIALLING: Final = {"DE": "+49", "FR": "+33", "NL": "+31", "AT": "+43", "ES": "+34", "IT": "+39", "BE": "+32"}
FIRST_NAMES: Final = tuple(
    "Ada Ben Chiara David Elif Félix Greta Hugo Inés Jan Klara Léa Mats Noor Otto Paula Sofie Tomás Ute Yara".split()
)
LAST_NAMES: Final = tuple(
    "Albers Bauer Conti Dubois Eriksen Fischer García Huber Jansen Keller "
    "Leroy Moretti Novak Peeters Rossi Schmitt Torres Visser Weber Zidane".split()
)
MAIL_HOSTS: Final = ("example.com", "example.net", "example.org")
GOODS: Final = {
    "kitchen": ("kettle", "pan", "knife", "mug", "scale"),
    "garden": ("lantern", "planter", "rake", "hose", "bench"),
    "home": ("lamp", "rug", "cushion", "mirror", "clock"),
    "outdoor": ("tent", "backpack", "bottle", "stove", "hammock"),
}
FINISHES: Final = tuple("oak steel linen cork amber slate copper birch wool clay pine brass".split())
NOTES: Final = (
    "Please leave it with the neighbours.",
    "Ring twice.",
    "A birthday present, no invoice inside please.",
    "Gate code on request; the dog is friendly.",
)


class Customer(NamedTuple):
    """A row of `customers`."""

    customer_id: int
    email: str
    full_name: str
    phone: str | None
    country: str
    city: str
    postal_code: str
    tier: str
    newsletter: bool
    created_at: str
    updated_at: str


class Product(NamedTuple):
    """A row of `products`."""

    product_id: int
    sku: str
    name: str
    category: str
    price: int
    is_active: bool
    created_at: str
    updated_at: str


class Order(NamedTuple):
    """A row of `orders`."""

    order_id: int
    customer_id: int
    country: str
    channel: str
    status: str
    coupon_code: str | None
    discount_amount: int
    shipping_amount: int
    total_amount: int
    is_gift: bool
    customer_note: str | None
    created_at: str
    recorded_at: str
    updated_at: str


class OrderItem(NamedTuple):
    """A row of `order_items`."""

    order_item_id: int
    order_id: int
    product_id: int
    quantity: int
    unit_price: int
    line_amount: int
    updated_at: str


class Payment(NamedTuple):
    """A line of a daily file of the payment provider."""

    payment_id: str
    order_id: int
    method: str
    status: str
    amount: int
    fee_amount: int
    paid_at: str


class Purchase(NamedTuple):
    """One order as it was made, with the days on which the shop's database hears of it.

    `payments` are those of the day it was made on; `refund` is the one of `return_day`, if it comes back.
    """

    order: Order
    items: tuple[OrderItem, ...]
    payments: tuple[Payment, ...]
    record_day: int
    return_day: int | None
    returned: Order | None
    refund: Payment | None


class Draws:
    """A random stream that gives the same on every machine.

    Only `Random.random` is promised to stay the same between versions of Python, so all is built on it, and nothing
    here needs the mathematics library of the machine.
    """

    def __init__(self, *key: object) -> None:
        self.uniform = Random("/".join(map(str, key))).random

    def below(self, limit: int) -> int:
        """A whole number from 0 up to `limit`, without it."""
        return int(self.uniform() * limit)

    def chance(self, share: float) -> bool:
        """True in this share of the draws."""
        return self.uniform() < share

    def one_of(self, choices: Sequence[str]) -> str:
        """One of them, all equally likely."""
        return choices[int(self.uniform() * len(choices))]

    def pick(self, choices: Weighted) -> str:
        """One of them by weight."""
        return choices.choices[bisect_right(choices.upto, self.uniform(), 0, len(choices.upto) - 1)]

    def noise(self) -> float:
        """Near enough to a standard normal: twelve uniform draws less six (variance 12 / 12)."""
        return sum(self.uniform() for _ in range(12)) - 6.0


def day(n: int) -> date:
    """The date of day `n`; day 1 is `FIRST_DAY`."""
    return FIRST_DAY + timedelta(days=n - 1)


def moment(n: int, second: int) -> str:
    """A time on day `n` as the shop's database writes it: UTC, to the second."""
    minutes, s = divmod(min(second, DAY_S - 1), 60)
    return f"{_iso(n)} {minutes // 60:02d}:{minutes % 60:02d}:{s:02d}"


@lru_cache(maxsize=1024)
def _iso(n: int) -> str:
    return day(n).isoformat()


@lru_cache(maxsize=8)
def order_counts(seed: int) -> tuple[int, ...]:
    """How many orders are made on each of the days, day 1 first."""
    counts, level = [], float(ORDERS_ON_FIRST_DAY)
    for n in range(1, DAYS + 1):
        demand = level * DEMAND_BY_WEEKDAY[day(n).weekday()] * (DEMAND_ON_HOLIDAY if n == HOLIDAY else 1.0)
        counts.append(round(demand * (1 + DAILY_NOISE * Draws(seed, "demand", n).noise())))
        level *= GROWTH_PER_DAY
    return tuple(counts)


@lru_cache(maxsize=8)
def customer_counts(seed: int) -> tuple[int, ...]:
    """How many customers there are at the end of each day; entry 0 is before day 1."""
    return tuple(accumulate((round(REGISTRATIONS_PER_ORDER * c) for c in order_counts(seed)), initial=CUSTOMERS_BEFORE))


@lru_cache(maxsize=8)
def customer_countries(seed: int) -> tuple[str, ...]:
    """The country of each customer, by `customer_id` less one."""
    draws = Draws(seed, "countries")
    return tuple(draws.pick(COUNTRIES) for _ in range(customer_counts(seed)[-1]))


def customers_at(seed: int, n: int) -> Iterator[tuple[int, Customer]]:
    """Every customer as they are at the end of day `n`, with the day of their last change (0: before day 1)."""
    counts = customer_counts(seed)
    for joined in range(n + 1):
        draws = Draws(seed, "customers", joined)
        first = counts[joined - 1] if joined else 0
        for customer_id in range(first + 1, counts[joined] + 1):
            yield _customer(draws, customer_id, customer_countries(seed)[customer_id - 1], joined, n)


def _customer(draws: Draws, customer_id: int, country: str, joined: int, n: int) -> tuple[int, Customer]:
    """One customer at the end of day `n`. Draws the whole life, whatever `n` is, so that the stream stays in step."""
    first, last = draws.one_of(FIRST_NAMES), draws.one_of(LAST_NAMES)
    host, phone = (
        draws.one_of(MAIL_HOSTS),
        f"{DIALLING[country]} {100 + draws.below(900)} {100_000 + draws.below(900_000)}",
    )
    has_phone, newsletter, tier = draws.chance(0.68), draws.chance(0.41), draws.pick(TIERS)
    cities, postal_codes = (
        (draws.one_of(CITIES[country]), draws.one_of(CITIES[country])),
        (draws.below(90_000), draws.below(90_000)),
    )
    created = moment(joined or -draws.below(300), int(draws.uniform() * DAY_S))
    moves = _event(draws, joined, share=0.10)
    climbs = _event(draws, joined, share=0.12)
    moved, climbed = moves[0] <= n, climbs[0] <= n and tier != "gold"
    changed, updated = max([(joined, created)] + [moves] * moved + [climbs] * climbed)
    return changed, Customer(
        customer_id=customer_id,
        email=f"{first}.{last}{customer_id}@{host}".lower(),
        full_name=f"{first} {last}",
        phone=phone if has_phone else None,
        country=country,
        city=cities[moved],
        postal_code=f"{10_000 + postal_codes[moved]}",
        tier={"basic": "silver", "silver": "gold"}[tier] if climbed else tier,
        newsletter=newsletter,
        created_at=created,
        updated_at=updated,
    )


def _event(draws: Draws, after: int, *, share: float) -> tuple[int, str]:
    """The day and time of what happens in this share of lives in 90 days; long past the last day if it does not."""
    happens, wait, second = draws.chance(share), 1 + draws.below(DAYS), draws.below(DAY_S)
    n = after + wait if happens else 10 * DAYS
    return n, moment(n, second)


class Catalogued(NamedTuple):
    """A product and what becomes of it."""

    product: Product
    launched: int
    repriced: int
    new_price: int
    updated_then: str


@lru_cache(maxsize=8)
def catalogue(seed: int) -> tuple[Catalogued, ...]:
    """All products of the 90 days in the order of their launch; the first `PRODUCTS_BEFORE` were there before day 1."""
    draws, entries = Draws(seed, "products"), []
    launches = [0] * PRODUCTS_BEFORE + [n for n in range(1, DAYS + 1) if day(n).weekday() in (0, 3)]
    for product_id, launched in enumerate(launches, start=1):
        category = draws.one_of(tuple(GOODS))
        finish, good, size = draws.one_of(FINISHES), draws.one_of(GOODS[category]), draws.below(90)
        u = draws.uniform()
        price = 100 * int(5 + 20 * u + 125 * u * u * u) - 1
        created = moment(launched or -draws.below(300), int(draws.uniform() * 30_000))
        repriced, updated_then = _event(draws, launched, share=0.15)
        product = Product(
            product_id=product_id,
            sku=f"{category[:3].upper()}-{product_id:04d}",
            name=f"{finish.capitalize()} {good} {size + 10}",
            category=category,
            price=price,
            is_active=not draws.chance(0.03),
            created_at=created,
            updated_at=created,
        )
        entries.append(Catalogued(product, launched, repriced, price + 100 * (1 + draws.below(4)), updated_then))
    return tuple(entries)


def products_at(seed: int, n: int) -> Iterator[tuple[int, Product]]:
    """Every product launched by the end of day `n`, with the day of its last change (0: before day 1)."""
    for entry in catalogue(seed):
        if entry.repriced <= n:
            yield entry.repriced, entry.product._replace(price=entry.new_price, updated_at=entry.updated_then)
        elif entry.launched <= n:
            yield entry.launched, entry.product


def purchases(seed: int, n: int) -> Iterator[Purchase]:
    """The orders made on day `n`, in the order of their number."""
    draws, count = Draws(seed, "orders", n), order_counts(seed)
    shelf = [p for _, p in products_at(seed, n - 1) if p.is_active]
    first, known = sum(count[: n - 1]) + 1, customer_counts(seed)[n - 1]
    countries = customer_countries(seed)
    seconds = sorted(int(draws.pick(HOURS)) * 3600 + draws.below(3600) for _ in range(count[n - 1]))
    for order_id, second in enumerate(seconds, start=first):
        customer_id = 1 + draws.below(known)
        yield _purchase(draws, n, second, order_id, customer_id, countries[customer_id - 1], shelf)


def _purchase(
    draws: Draws, n: int, second: int, order_id: int, customer_id: int, country: str, shelf: Sequence[Product]
) -> Purchase:
    late = (1 + draws.chance(0.4)) if draws.chance(LATE_SHARE) else 0
    record_day = n + late
    recorded = moment(record_day, 21_600 + draws.below(3600) if late else second + 2 + draws.below(20))
    items = tuple(_items(draws, order_id, shelf, recorded))
    order = _order(
        draws, n, order_id, customer_id, country, sum(i.line_amount for i in items), moment(n, second), recorded
    )
    payments = tuple(_payments(draws, order, n, second)) if order.status == "paid" else ()
    lowest, highest = RETURN_DAYS
    comes_back, return_day = draws.chance(RETURN_SHARE), n + lowest + draws.below(highest - lowest + 1)
    if not comes_back or order.status != "paid":
        return Purchase(order, items, payments, record_day, None, None, None)
    at = moment(return_day, 30_000 + draws.below(36_000))
    refund = payments[-1]._replace(
        payment_id=f"pay_{order_id:07d}r", status="refunded", amount=-order.total_amount, fee_amount=0, paid_at=at
    )
    return Purchase(
        order, items, payments, record_day, return_day, order._replace(status="returned", updated_at=at), refund
    )


def _items(draws: Draws, order_id: int, shelf: Sequence[Product], recorded: str) -> Iterator[OrderItem]:
    for line in range(1, int(draws.pick(ITEM_COUNTS)) + 1):
        u = draws.uniform()
        product = shelf[int(u * u * len(shelf))]
        quantity = 1 + draws.chance(0.16) + draws.chance(0.05)
        yield OrderItem(
            order_id * 10 + line,
            order_id,
            product.product_id,
            quantity,
            product.price,
            quantity * product.price,
            recorded,
        )


def _order(
    draws: Draws, n: int, order_id: int, customer_id: int, country: str, goods: int, created: str, recorded: str
) -> Order:
    channel = draws.pick(CHANNELS_ON_SUNDAY if day(n).weekday() == SUNDAY else CHANNELS)
    coupon = draws.pick(COUPONS) if draws.chance(0.12) else None
    discount = goods // 10 if coupon else 0
    shipping = 490 if channel != "store" and goods < 5_000 else 0
    return Order(
        order_id=order_id,
        customer_id=customer_id,
        country=country,
        channel=channel,
        status="cancelled" if draws.chance(CANCEL_SHARE) else "paid",
        coupon_code=coupon,
        discount_amount=discount,
        shipping_amount=shipping,
        total_amount=goods - discount + shipping,
        is_gift=draws.chance(0.07),
        customer_note=draws.one_of(NOTES) if draws.chance(0.04) else None,
        created_at=created,
        recorded_at=recorded,
        updated_at=recorded,
    )


def _payments(draws: Draws, order: Order, n: int, second: int) -> Iterator[Payment]:
    method = draws.pick(METHODS_STORE if order.channel == "store" else METHODS_REMOTE)
    declined, wait = draws.chance(DECLINE_SHARE), 3 + draws.below(40)
    fee = 0 if method == "cash" else 25 + order.total_amount * 14 // 1000
    paid = Payment(
        f"pay_{order.order_id:07d}",
        order.order_id,
        method,
        "captured",
        order.total_amount,
        fee,
        moment(n, second + wait),
    )
    if declined:
        yield paid._replace(payment_id=f"{paid.payment_id}d", status="declined", fee_amount=0)
        paid = paid._replace(paid_at=moment(n, second + wait + 45))
    yield paid
