"""Public holidays: the days of a country, or of a part of it, from the `holidays` package."""

from __future__ import annotations

import difflib
from datetime import date

from tidegate.errors import ConfigError

INSTALL = 'pip install "tidegate[holidays]"'


def days(country: str, *, first: int, last: int) -> dict[date, str]:
    """The public holidays of `DE`, or of `DE-BY`, in the years from `first` to `last`, both included, by their names in English
    where there are some. About 50 ms for the first country, most of it loading.

    Raises:
        ConfigError: the package is missing, or knows no such country or part of it.
    """
    try:
        import holidays
    except ImportError:
        raise ConfigError(
            f"`holidays: {country}` needs the `holidays` package", hint=f"{INSTALL}, or write `holidays: none`"
        ) from None
    name, _, part = country.partition("-")
    known = holidays.list_supported_countries()
    if name not in known:
        raise ConfigError(f"`holidays: {country}`: there is no country `{name}`", hint=_hint(name, list(known)))
    if part and part not in known[name]:
        parts = [f"{name}-{p}" for p in known[name]]
        raise ConfigError(f"`holidays: {country}`: `{name}` has no part `{part}`", hint=_hint(country, parts))
    found = holidays.country_holidays(name, subdiv=part or None, years=range(first, last + 1), language="en_US")
    return {day: str(said) for day, said in sorted(found.items())}


def _hint(wrong: str, known: list[str]) -> str:
    near = difflib.get_close_matches(wrong, known, n=3, cutoff=0.3)
    named = f"did you mean {', '.join(f'`{n}`' for n in near)}? " if near else ""
    return f"{named}countries have the two letters of ISO 3166, such as `DE`, and parts such as `DE-BY`; `none` for no holidays"
