"""`notify:` and `maintenance:` as people write them, and what is refused, with its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidegate.config import load
from tidegate.errors import ConfigError
from tidegate.model import Layer, Route, Settings, Severity


def settings(folder: Path, text: str) -> Settings:
    (folder / "tidegate.yml").write_text(
        f"version: 1\nproducts: {{revenue: {{tables: [a.b]}}}}\n{text}", encoding="utf-8"
    )
    return load(folder)


def test_the_defaults(tmp_path: Path):
    (route,) = settings(tmp_path, 'notify: [{to: "slack:#data"}]').routes
    assert route == Route(to="slack:#data")


def test_everything(tmp_path: Path):
    (route,) = settings(
        tmp_path,
        """
notify:
  - to: "slack:#data"
    min_severity: sev2
    layers: [data, business]
    products: [revenue]
    tables: ["raw.*"]
    escalate_after: 15m
    repeat_every: 1h
    repeat_times: 3
    at_most: 5
    business_hours: {start: "09:00", end: "17:30", days: [fri, mon, mon], time_zone: Europe/Berlin, unless: sev1}
    quiet_hours: {start: "12:00", end: "13:00"}
    options: {port: 25, fast: true, token: "${X}"}
""",
    ).routes
    assert (route.min_severity, route.layers) == (Severity.SEV2, (Layer.DATA, Layer.BUSINESS))
    assert (route.products, route.tables) == (("revenue",), ("raw.*",))
    assert (route.escalate_after, route.repeat_every) == (timedelta(minutes=15), timedelta(hours=1))
    assert (route.repeat_times, route.at_most) == (3, 5)
    assert route.options == {"port": "25", "fast": "true", "token": "${X}"}
    office, lunch = route.hushes
    assert (office.outside, office.unless, office.window.days) == (True, Severity.SEV1, (0, 4))
    assert (office.window.start_minute, office.window.end_minute) == (540, 1050)
    assert (office.window.time_zone, str(office.window.zone)) == ("Europe/Berlin", "Europe/Berlin")
    assert (lunch.outside, lunch.window.days, lunch.window.time_zone) == (False, (0, 1, 2, 3, 4, 5, 6), "UTC")


def test_maintenance_once_and_every_week(tmp_path: Path):
    once, weekly = settings(
        tmp_path,
        """
maintenance:
  - {start: "2026-06-01 22:00", end: "2026-06-02T02:00", time_zone: Europe/Berlin, reason: upgrade, tables: [raw.*]}
  - {start: "02:00", end: "04:00", days: [sun], reason: backup, unless: sev2}
""",
    ).maintenance
    assert once.window.start == datetime(2026, 6, 1, 20, tzinfo=UTC)
    assert once.window.end == datetime(2026, 6, 2, 0, tzinfo=UTC)
    assert (once.reason, once.tables, once.window.days) == ("upgrade", ("raw.*",), ())
    assert (weekly.window.days, weekly.window.start, weekly.unless) == ((6,), None, Severity.SEV2)


REFUSED = {
    "a target without a channel": ('notify: [{to: "nobody"}]', "notify.0.to", "slack:#data-incidents"),
    "no target": ("notify: [{min_severity: sev1}]", "notify.0.to", "is missing"),
    "an unknown key": ('notify: [{to: "console:", until: x}]', "until", "unknown key"),
    "an unknown severity": ('notify: [{to: "console:", min_severity: high}]', "min_severity", "`sev1`"),
    "no time of day": ('notify: [{to: "console:", quiet_hours: {start: "24:00", end: "07:00"}}]', "start", "22:00"),
    "a number for a time": ('notify: [{to: "console:", quiet_hours: {start: 22, end: "07:00"}}]', "start", "22:00"),
    "no day": ('notify: [{to: "console:", quiet_hours: {start: "22:00", end: "07:00", days: []}}]', "days", "1 or more"),
    "an unknown zone": ('notify: [{to: "console:", quiet_hours: {start: "22:00", end: "07:00", time_zone: ../x}}]', "", "../x"),
    "an unknown product": ('notify: [{to: "console:", products: [reveneu]}]', "", "there is no product `reveneu`"),
    "too fast": ('notify: [{to: "console:", escalate_after: 30s}]', "", "`escalate_after: 30s` is shorter than a minute"),
    "never": ('notify: [{to: "console:", at_most: 0}]', "at_most", "from 1 to 100"),
    "days with moments": ('maintenance: [{start: "2026-06-01 22:00", end: "2026-06-01 23:00", days: [mon], reason: x}]', "", "times of day"),
    "times without days": ('maintenance: [{start: "22:00", end: "23:00", reason: x}]', "", "whole moments"),
    "the end first": ('maintenance: [{start: "2026-06-02 22:00", end: "2026-06-01 23:00", reason: x}]', "", "is not after"),
    "without a reason": ('maintenance: [{start: "22:00", end: "23:00", days: [mon]}]', "reason", "is missing"),
    "no such day": ('maintenance: [{start: "2026-02-31 22:00", end: "2026-06-01 23:00", reason: x}]', "", "2026-02-31"),
}  # fmt: skip


@pytest.mark.parametrize("said", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_names_its_place(tmp_path: Path, said: tuple[str, str, str]):
    text, place, words = said
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)
    assert str(caught.value).startswith("tidegate.yml:3:")
    assert place in str(caught.value)
    assert words in f"{caught.value} {caught.value.hint}"
