"""`products:`: patterns, tiers, promises and runbooks as values, and what of them is refused, with its place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tidegate.config import FILE_NAME, load
from tidegate.errors import ConfigError, PathNotFoundError
from tidegate.model import DatasetRef, Probe, Product, Slo

FIVE, TEN = timedelta(minutes=5), timedelta(seconds=10)

WHOLE = """version: 1
products:
  revenue:
    tables: [marts.mart_customer_revenue, "marts.mart_daily_*"]
    owner: finance-data@example.com
    tier: 1
    slo: {freshness: 24h, quality: 99.5%, completeness: 99 %, availability: 100%, latency: 30s, window: 4w}
    probes: [{sql: select 1}, {sql: select 2, every: 1h}, {name: web, http: "https://example.com/", expect: 204}]
    consumers: [the finance dashboard]
    runbook: runbooks/revenue.md
"""


def product_of(folder: Path, text: str) -> Product:
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    return load(folder).products[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "revenue.md").write_text("# Revenue\n", encoding="utf-8")
    return tmp_path


def test_a_whole_product(folder: Path) -> None:
    assert product_of(folder, WHOLE) == Product(
        name="revenue",
        tables=(
            DatasetRef(namespace="marts", name="mart_customer_revenue"),
            DatasetRef(namespace="marts", name="mart_daily_*"),
        ),
        owner="finance-data@example.com",
        tier=1,
        slo=Slo(
            freshness=timedelta(hours=24),
            quality=0.995,
            completeness=0.99,
            availability=1.0,
            latency=timedelta(seconds=30),
            window=timedelta(weeks=4),
        ),
        probes=(
            Probe(product="revenue", name="sql", sql="select 1", every=FIVE, timeout=TEN),
            Probe(product="revenue", name="sql-2", sql="select 2", every=timedelta(hours=1), timeout=TEN),
            Probe(product="revenue", name="web", http="https://example.com/", expect=204, every=FIVE, timeout=TEN),
        ),
        consumers=("the finance dashboard",),
        runbook="runbooks/revenue.md",
    )


def test_what_is_not_written_is_not_promised(folder: Path) -> None:
    found = product_of(folder, "version: 1\nproducts: {a: {tables: [a.b]}}\n")
    assert (found.tier, found.slo, found.consumers, found.runbook) == (2, Slo(), (), None)


def test_a_pattern_covers_what_fits_it(folder: Path) -> None:
    found = product_of(folder, WHOLE)
    names = ("mart_customer_revenue", "mart_daily_sales", "mart_weekly_sales")
    assert [found.covers(DatasetRef(namespace="marts", name=n)) for n in names] == [True, True, False]


@pytest.mark.parametrize(
    ("said", "instead", "told"),
    [
        ("tier: 1", "tier: 5", "from 1 to 4"),
        ("tier: 1", "tier: 0", "from 1 to 4"),
        ("quality: 99.5%", "quality: 99.5", "a share such as 99.5%"),
        ("quality: 99.5%", "quality: much", "a share such as 99.5%"),
        ("quality: 99.5%", "quality: 101%", "above 0 % and at most 100 %"),
        ("availability: 100%", "availability: 0%", "above 0 % and at most 100 %"),
        ("freshness: 24h", "freshness: daily", "a duration"),
        ("freshness: 24h", "freshnes: 24h", "unknown key `freshnes`"),
        ("[marts.mart_customer_revenue, ", "[revenue, ", "a table name such as"),
    ],
)
def test_what_is_refused(folder: Path, said: str, instead: str, told: str) -> None:
    assert said in WHOLE
    with pytest.raises(ConfigError, match=r"tidegate\.yml:\d+:\d+") as caught:
        product_of(folder, WHOLE.replace(said, instead))
    assert told in str(caught.value)


def test_a_runbook_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(PathNotFoundError, match=r"tidegate\.yml:10:5: there is no runbook `runbooks/gone\.md`"):
        product_of(folder, WHOLE.replace("runbooks/revenue.md", "runbooks/gone.md"))
