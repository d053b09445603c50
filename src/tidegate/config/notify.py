"""Notify: from the entries of `notify:` and `maintenance:` to routes, with their time zones found."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from tidegate.config.schema import DAYS, HoursPart, LinksPart, MaintenancePart, NotifyPart, is_on, seconds
from tidegate.errors import ConfigError
from tidegate.model import Hush, Layer, Route, Severity, Window

Where = Callable[..., str]


def routes(said: Sequence[NotifyPart], products: Collection[str], where: Where) -> tuple[Route, ...]:
    """One route for every entry.

    Raises:
        ConfigError: a time zone or a product that there is not.
    """
    return tuple(_route(part, products, where, place) for place, part in enumerate(said))


def links(said: LinksPart) -> tuple[tuple[str, str], ...]:
    """What messages end with, as (title, URL)."""
    return tuple(
        (title, url)
        for title, url in (("incident", said.incident), ("status page", said.status_page))
        if url is not None
    )


def maintenance(said: Sequence[MaintenancePart], where: Where) -> tuple[Hush, ...]:
    """One hush for every entry.

    Raises:
        ConfigError: a time zone that there is not, or an end that is not after its start.
    """
    return tuple(_maintenance(part, where, place) for place, part in enumerate(said))


def _route(said: NotifyPart, products: Collection[str], where: Where, place: int) -> Route:
    for number, name in enumerate(said.products):
        if name not in products:
            known = ", ".join(sorted(products)) or "none"
            raise ConfigError(
                f"{where('notify', place, 'products', number)}: there is no product `{name}`",
                hint=f"`products:` has {known}",
            )
    hushes = []
    if said.business_hours is not None:
        window = _weekly(said.business_hours, where, ("notify", place, "business_hours"))
        hushes.append(Hush(window=window, outside=True, unless=_severity(said.business_hours.unless)))
    if said.quiet_hours is not None:
        window = _weekly(said.quiet_hours, where, ("notify", place, "quiet_hours"))
        hushes.append(Hush(window=window, unless=_severity(said.quiet_hours.unless)))
    return Route(
        to=said.to,
        min_severity=Severity(said.min_severity),
        layers=tuple(map(Layer, said.layers)),
        products=tuple(said.products),
        tables=tuple(said.tables),
        escalate_after=_duration(said.escalate_after),
        repeat_every=_duration(said.repeat_every),
        repeat_times=said.repeat_times,
        at_most=said.at_most,
        hushes=tuple(hushes),
        options={name: _text(value) for name, value in said.options.items()},
        test=is_on(said.test),
    )


def _maintenance(said: MaintenancePart, where: Where, place: int) -> Hush:
    at = ("maintenance", place)
    if said.days:
        hours = HoursPart(start=said.start, end=said.end, days=said.days, time_zone=said.time_zone)
        window = _weekly(hours, where, at)
    else:
        zone = zone_of(said.time_zone, where(*at, "time_zone"))
        start, end = (_moment(getattr(said, name), zone, where(*at, name)) for name in ("start", "end"))
        if end <= start:
            raise ConfigError(f"{where(*at, 'end')}: `{said.end}` is not after `{said.start}`")
        window = Window(zone=zone, time_zone=said.time_zone, start=start, end=end)
    return Hush(window=window, unless=_severity(said.unless), tables=tuple(said.tables), reason=said.reason)


def _weekly(said: HoursPart, where: Where, at: tuple[str | int, ...]) -> Window:
    return Window(
        zone=zone_of(said.time_zone, where(*at, "time_zone")),
        time_zone=said.time_zone,
        days=tuple(sorted({DAYS.index(day) for day in said.days})),
        start_minute=_minute(said.start),
        end_minute=_minute(said.end),
    )


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return 60 * int(hour) + int(minute)


def _moment(text: str, zone: zoneinfo.ZoneInfo, where: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        raise ConfigError(f"{where}: `{text}` is no day of the calendar", hint="correct the day") from None


def zone_of(name: str, where: str) -> zoneinfo.ZoneInfo:
    """The time zone of that name; `where` is the place that an error names.

    Raises:
        ConfigError: there is none.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = "write it as `Europe/Berlin`; on a machine without time zones, `pip install tzdata`"
        raise ConfigError(f"{where}: there is no time zone `{name}`", hint=hint) from None


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else timedelta(seconds=seconds(text))


def _severity(name: str | None) -> Severity | None:
    return None if name is None else Severity(name)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
