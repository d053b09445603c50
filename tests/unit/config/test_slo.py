"""`slo:`, `probes:` and `gate:` as values, and what of them is refused, with its place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tidegate.config import FILE_NAME, load
from tidegate.errors import ConfigError
from tidegate.model import Settings
from tidegate.slo import objectives

HEAD = """version: 1
checks:
  - {name: kpi, metric: "select 1", min: 0}
  - {name: rule, table: a.b, rule: "x > 0"}
products:
  revenue:
    tables: [a.b]
"""


def settings_of(folder: Path, text: str) -> Settings:
    (folder / FILE_NAME).write_text(HEAD + text, encoding="utf-8")
    return load(folder)


def test_every_promise_is_an_objective(tmp_path: Path) -> None:
    text = """
    slo: {freshness: 24h, latency: 2s, objective: 98%, completeness: 99%, quality: 99.5%, quality_of: rows,
          availability: 99.9%, metrics: {kpi: 95%}, window: 7d}
    probes: [{sql: select 1}]
"""
    (product,) = settings_of(tmp_path, text).products
    assert [(o.name, o.target, o.limit, o.of_rows) for o in objectives(product)] == [
        ("freshness", 0.98, timedelta(hours=24), False),
        ("completeness", 0.99, None, False),
        ("quality", 0.995, None, True),
        ("availability", 0.999, None, False),
        ("latency", 0.98, timedelta(seconds=2), False),
        ("kpi", 0.95, None, False),
    ]
    assert {o.window for o in objectives(product)} == {timedelta(days=7)}
    assert objectives(product)[0].key == "slo/revenue/freshness"


def test_freshness_alone_is_kept_for_99_percent_of_30_days(tmp_path: Path) -> None:
    (product,) = settings_of(tmp_path, "    slo: {freshness: 24h}\n").products
    (one,) = objectives(product)
    assert (one.target, one.window) == (0.99, timedelta(days=30))


@pytest.mark.parametrize(
    ("text", "holds"),
    [("", False), ("gate: {when_budget_spent: tell}\n", False), ("gate: {when_budget_spent: hold-risky}\n", True)],
    ids=["none", "tell", "hold"],
)
def test_what_a_spent_budget_does(tmp_path: Path, text: str, holds: bool) -> None:
    assert settings_of(tmp_path, text).hold_risky is holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("    slo: {availability: 99%}\n", r"tidegate\.yml:8:11: `availability` is promised, and no probe measures it"),
        ("    slo: {latency: 1s}\n", "`latency` is promised, and no probe measures it"),
        ("    slo: {metrics: {gone: 99%}}\n", r"tidegate\.yml:8:21: no `metric:` check is called `gone`"),
        ("    slo: {metrics: {rule: 99%}}\n", "no `metric:` check is called `rule`"),
        ("    slo: {metrics: {quality: 99%}}\n", "a metric cannot be called `quality`"),
        ("    slo: {quality: 101%}\n", "above 0 % and at most 100 %"),
        ("    slo: {objective: 0%, freshness: 1h}\n", "above 0 % and at most 100 %"),
        ("    slo: {freshness: 0s}\n", "`freshness` is more than 0"),
        ("    slo: {freshness: 1h, window: 1m}\n", "`window` is at least 1h"),
        ("    probes: [{sql: select 1, http: 'http://x'}]\n", "exactly one of `http` and `sql`"),
        ("    probes: [{timeout: 1s}]\n", "exactly one of `http` and `sql`"),
        ("    probes: [{http: 'file:///etc/passwd'}]\n", "is not a URL"),
        ("    probes: [{http: 'ftp://x/'}]\n", "is not a URL"),
        ("    probes: [{sql: select 1, expect: 200}]\n", "belong to `http`"),
        ("    probes: [{sql: select 1, timeout: 0s}]\n", "more than 0"),
        ("    probes: [{http: 'http://x', expect: 700}]\n", "599"),
        (
            "    probes: [{name: a, sql: select 1}, {name: a, sql: select 2}]\n",
            "two probes of `revenue` are called `a`",
        ),
        ("gate: {when_budget_spent: hold}\n", "hold-risky"),
    ],
)
def test_what_cannot_be_kept_or_measured_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings_of(tmp_path, text)
