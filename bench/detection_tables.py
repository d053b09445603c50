"""Made-up tables that no constant was taught on, to see whether the detection holds elsewhere.

    python -m bench.detection_tables FOLDER

Each is a Parquet file as the detection benchmark has them: `_batch`, `_date`, and columns with the habits of real ones: weekdays,
trends, days that are far off for no fault, categories that come and go, values that follow each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

BATCHES = 150
BEGIN = date(2024, 1, 8)
Make = Callable[[np.random.Generator, int], pd.DataFrame]


def usual_rows(rng: np.random.Generator, day: int, level: float, noise: float) -> int:
    """A number of rows with a week, a trend, noise with a heavy tail, and now and then a strange day."""
    week = (1.0, 1.02, 1.05, 1.03, 1.2, 0.75, 0.6)[day % 7]
    strange = rng.choice([0.6, 1.5]) if rng.random() < 0.01 else 1.0
    return max(12, int(level * week * 1.002**day * np.exp(noise * rng.standard_t(4)) * strange))


def moments(rng: np.random.Generator, day: int, n: int, busy: float) -> pd.Series:
    seconds = np.clip(rng.normal(busy, 4.0, n), 0.0, 23.99) * 3600
    start = datetime.combine(BEGIN + timedelta(days=day), datetime.min.time())
    return pd.Series([start + timedelta(seconds=float(int(s))) for s in np.sort(seconds)])


def payments(rng: np.random.Generator, day: int) -> pd.DataFrame:
    n = usual_rows(rng, day, 900, 0.06)
    amount = np.round(rng.lognormal(3.2, 0.9, n), 2)
    methods = ["card", "paypal", "invoice", "voucher", *(["wallet"] if day > 70 else [])]
    weights = np.array([0.55, 0.25, 0.15, 0.05, *([0.08] if day > 70 else [])])
    currency = rng.choice(["EUR", "GBP", "CHF", "SEK"], n, p=[0.7, 0.15, 0.1, 0.05])
    return pd.DataFrame(
        {
            "payment_id": [f"P{day:04d}{i:06d}" for i in range(n)],
            "customer": [f"C{c:06d}" for c in rng.zipf(1.3, n) % 40_000],
            "method": rng.choice(methods, n, p=weights / weights.sum()),
            "currency": currency,
            "amount": amount,
            "fee": np.round(amount * 0.014 + 0.25, 2),
            "refunded": np.where(rng.random(n) < 0.03, amount, 0.0),
            "iban_country": np.where(rng.random(n) < 0.1, None, rng.choice(["DE", "FR", "NL", "SE", "CH"], n)),
            "paid_at": moments(rng, day, n, 15.0),
        }
    )


def sensors(rng: np.random.Generator, day: int) -> pd.DataFrame:
    lines, each = 6, int(rng.choice([48, 48, 48, 47, 46], p=[0.8, 0.08, 0.06, 0.03, 0.03]))
    n = lines * each
    line = np.repeat([f"line-{i}" for i in range(lines)], each)
    offset = np.repeat(np.arange(lines) * 3.0, each)
    outside = 12 + 8 * np.sin(day / 58) + rng.normal(0, 2.5)
    temperature = 55 + 0.4 * outside + offset + rng.normal(0, 1.5, n)
    load = np.clip(rng.normal(70, 9, n) * (0.4 if day % 7 == 6 else 1.0), 0, 100)
    at = pd.Timestamp(BEGIN) + pd.Timedelta(days=day)
    return pd.DataFrame(
        {
            "line": line,
            "sensor": [f"{name}/{k % 4}" for k, name in enumerate(line)],
            "temperature": np.round(temperature, 2),
            "vibration": np.round(np.abs(rng.normal(0.8, 0.2, n)) + load / 200, 3),
            "load": np.round(load, 1),
            "power_kw": np.round(load * 1.7 + offset + rng.normal(0, 1.2, n), 2),
            "status": rng.choice(["ok", "warn", "idle"], n, p=[0.93, 0.02, 0.05]),
            "error_code": np.where(rng.random(n) < 0.98, None, rng.choice(["E11", "E20", "E34"], n)),
            "measured_at": [at + pd.Timedelta(minutes=30 * (k % each)) for k in range(n)],
        }
    )


def sessions(rng: np.random.Generator, day: int) -> pd.DataFrame:
    n = usual_rows(rng, day, 2200, 0.14)
    pages = 1 + rng.poisson(2.5, n)
    device = rng.choice(["mobile", "desktop", "tablet"], n, p=[0.62, 0.33, 0.05])
    campaign = rng.choice(["none", "spring", "brand", f"push-{day // 21}"], n, p=[0.6, 0.12, 0.2, 0.08])
    return pd.DataFrame(
        {
            "session": [f"{v:016x}" for v in rng.integers(0, 2**62, n)],
            "country": rng.choice(
                ["DE", "AT", "CH", "FR", "IT", "US", "PL", "NL"], n, p=[0.5, 0.1, 0.1, 0.1, 0.06, 0.06, 0.04, 0.04]
            ),
            "device": device,
            "campaign": campaign,
            "pages": pages,
            "seconds": np.round(pages * rng.gamma(1.5, 30, n), 0),
            "bounced": (pages == 1).astype(int),
            "revenue": np.where(rng.random(n) < 0.04, np.round(rng.lognormal(4, 0.6, n), 2), 0.0),
            "referrer": np.where(
                rng.random(n) < 0.3, "", rng.choice(["https://www.example.com/", "https://search.example/q"], n)
            ),
            "started_at": moments(rng, day, n, 17.0),
        }
    )


def stock(rng: np.random.Generator, day: int) -> pd.DataFrame:
    shelf = np.random.default_rng(5)
    n = 180 + day // 6
    price = np.round(shelf.lognormal(2.5, 0.8, 240)[:n] * (1 + 0.05 * (day > 95)), 2)
    level = np.maximum(
        0, (shelf.integers(5, 200, 240)[:n] + 15 * np.sin(day / 5 + np.arange(n)) + rng.normal(0, 4, n))
    ).astype(int)
    return pd.DataFrame(
        {
            "sku": [f"SKU-{i:05d}" for i in range(n)],
            "warehouse": [("north", "south", "east")[i % 3] for i in range(n)],
            "category": [("toys", "books", "garden", "food", "tools")[i * 7 % 5] for i in range(n)],
            "on_hand": level,
            "reserved": rng.binomial(level, 0.1),
            "price": price,
            "cost": np.round(price * 0.6, 2),
            "supplier": [f"Supplier {chr(65 + i % 17)} Ltd" for i in range(n)],
            "counted_at": [pd.Timestamp(BEGIN) + pd.Timedelta(days=day, hours=22)] * n,
        }
    )


TABLES: dict[str, Make] = {"payments": payments, "sensors": sensors, "sessions": sessions, "stock": stock}


def whole(make: Make, seed: int) -> pd.DataFrame:
    """All batches of one table, each from its own generator."""
    parts: list[pd.DataFrame] = []
    for day in range(BATCHES):
        part: Any = make(np.random.default_rng([seed, day]), day)
        parts.append(part.assign(_batch=day, _date=pd.Timestamp(BEGIN) + pd.Timedelta(days=day)))
    return pd.concat(parts, ignore_index=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, make) in enumerate(TABLES.items()):
        made = whole(make, number)
        with duckdb.connect() as db:
            db.register("made", made)
            db.execute(f"COPY made TO '{folder / name}.parquet' (FORMAT parquet)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
