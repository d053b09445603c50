"""Holidays by country: from the package, with a hint for what it does not know."""

from __future__ import annotations

import sys
from datetime import date

import pytest

from tidegate.errors import ConfigError
from tidegate.integrations.public_holidays import days


def test_a_country_and_a_part_of_it() -> None:
    germany, bavaria = days("DE", first=2026, last=2026), days("DE-BY", first=2026, last=2026)
    assert germany[date(2026, 10, 3)] == "German Unity Day"
    assert date(2026, 1, 6) in bavaria.keys() - germany.keys()
    assert {d.year for d in germany} == {2026}
    assert list(germany) == sorted(germany)


def test_another_country_has_other_days() -> None:
    assert date(2026, 7, 4) in days("US", first=2026, last=2026)
    assert date(2026, 7, 4) not in days("DE", first=2026, last=2026)


@pytest.mark.parametrize(
    ("country", "said", "near"), [("XD", "no country `XD`", "`"), ("DE-XY", "no part `XY`", "`DE-")]
)
def test_what_it_does_not_know_is_refused_with_the_nearest(country: str, said: str, near: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        days(country, first=2026, last=2026)
    assert caught.value.exit_status == 2
    assert f"did you mean {near}" in caught.value.hint


def test_without_the_package_the_hint_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(ConfigError, match="needs the `holidays` package") as caught:
        days("DE", first=2026, last=2026)
    assert 'pip install "tidegate[holidays]"' in caught.value.hint
