"""Render service levels: for each objective its standing, its budget, how fast it burns, and a plot of the window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from tidegate.cli.output import Output
from tidegate.cli.render import when
from tidegate.model import Probed
from tidegate.model.words import lasting
from tidegate.slo import Account, Burn, Standing, Tally

if TYPE_CHECKING:
    from tidegate.services.slo import Levels

BARS = {True: ("▁", "▂▃▄▅▆▇█", "·"), False: ("_", ".:-=+*#", "?")}
"""The signs of a plot, with Unicode and without: nothing burnt, more and more of it, unknown."""

STEPS = (0.5, 1.0, 2.0, 3.0, 6.0, 14.4)
"""From which burn rate on the next higher sign is drawn; the last two are the rates that page. Chosen, not derived."""

GAUGE = {True: ("█", "░"), False: ("#", "-")}
GAUGE_SIGNS = 20

STYLES = {Standing.MET: "green", Standing.MISSED: "red", Standing.UNKNOWN: "bold"}


def plot(cells: Sequence[Tally], target: float, *, unicode: bool) -> str:
    """One sign for each part of the window, oldest left: the higher, the faster the budget burnt there."""
    none, more, unknown = BARS[unicode]
    signs = []
    for cell in cells:
        if cell.known_s <= 0:
            signs.append(unknown)
        elif cell.bad_s <= 0:
            signs.append(none)
        else:
            allowed_s = (1.0 - target) * cell.total_s
            rate = cell.bad_s / allowed_s if allowed_s > 0 else math.inf
            signs.append(more[sum(rate > step for step in STEPS)])
    return "".join(signs)


def gauge(left: float, *, unicode: bool) -> str:
    """What is left of a budget; a sign is drawn as long as anything is."""
    full, empty = GAUGE[unicode]
    signs = min(GAUGE_SIGNS, math.ceil(left * GAUGE_SIGNS - 1e-9))
    return full * signs + empty * (GAUGE_SIGNS - signs)


def levels(output: Output, found: Levels) -> None:
    """Every objective, the products that matter most first."""
    for one in found.probed:
        output.line(_probe(one))
    product = ""
    for account in found.accounts:
        if account.objective.product != product:
            product = account.objective.product
            output.line(("\n" if found.probed or account is not found.accounts[0] else "") + output.strong(product))
        _account(output, account)
    for name in found.unpromised:
        output.line(f"\n{name}\n  promises nothing: `slo:` in `tidegate.yml` says what it should")
    output.line()
    for incident in found.incidents:
        output.line(f"incident  {incident.number} ({incident.severity}, {incident.state}): {incident.title}")
    output.line(f"next      {_next(found)}")


def _probe(one: Probed) -> str:
    took = "" if one.latency_s is None else f" in {one.latency_s:.3f} s"
    return f"probe     {one.product}/{one.probe}: " + (f"answered{took}" if one.answered else f"FAILED: {one.error}")


def _next(found: Levels) -> str:
    if found.incidents:
        return f"tidegate incidents show {found.incidents[0].number}"
    if any(a.standing is Standing.UNKNOWN for a in found.accounts):
        return "`tidegate slo --probe` asks the probes; `tidegate run` measures what readers will see"
    return "tidegate statuspage --output status.html"


def _account(output: Output, found: Account) -> None:
    from tidegate.services.slo import promise

    objective, unicode = found.objective, output.unicode
    word = output.strong(f"{found.standing.value.upper():<8}", STYLES[found.standing])
    output.line(f"  {objective.name:<14} {word} {_actual(found)}; promised: {promise(objective)}")
    span = lasting(found.objective.window)
    output.line(f"    {span:<12} {plot(found.cells, objective.target, unicode=unicode)}  {_window(found)}")
    if found.tally.known_s > 0:
        output.line(f"    {'budget left':<12} {gauge(found.left, unicode=unicode)}  {_budget(found)}")
    output.line(f"    {'burn rate':<12} {'  '.join(_burn(b) for b in found.burns)}")
    if found.alarm is not None:
        what = "page" if found.alarm.pages else "ticket"
        limit = f"{found.alarm.limit:g}x over {lasting(found.alarm.long)} and {lasting(found.alarm.short)}"
        output.line(f"    {output.strong('alarm', 'red'):<12} {what}: the budget burns faster than {limit}")
    if found.bad_since is not None:
        output.line(f"    {'bad since':<12} {when(found.bad_since)} UTC")
    if found.exhausted_at is not None and found.exhausted_at > found.now:
        output.line(f"    {'lasts until':<12} {when(found.exhausted_at)} UTC, at the pace of the last {_pace(found)}")


def _pace(found: Account) -> str:
    return lasting(found.burns[-1].long)


def _actual(found: Account) -> str:
    actual = found.tally.actual
    return "nothing is known" if actual is None else f"{share(actual)} of the known time was good"


def _window(found: Account) -> str:
    known = timedelta(seconds=found.tally.total_s)
    young = f"known since {when(found.window.start)} UTC" if known < found.objective.window else ""
    dark = timedelta(seconds=found.tally.unknown_s)
    unknown = f"unknown for {lasting(dark)}" if dark >= timedelta(seconds=1) else ""
    return ", ".join(text for text in (young if found.tally.total_s else "", unknown) if text)


def _budget(found: Account) -> str:
    allowed = timedelta(seconds=(1 - found.objective.target) * found.objective.window.total_seconds())
    bad = timedelta(seconds=found.tally.bad_s)
    most = "at most " if found.tally.unknown_s >= 1 else ""
    return f"{most}{share(found.left)}: {lasting(bad)} bad of {lasting(allowed)} that are allowed"


def _burn(burn: Burn) -> str:
    return f"{lasting(burn.long)} {_rate(burn.over_long)}"


def _rate(rate: float | None) -> str:
    if rate is None:
        return "unknown"
    return "all at once" if math.isinf(rate) else f"{rate:.3g}x"


def share(value: float) -> str:
    """A share as a percentage that never rounds up to what it is not."""
    return f"{math.floor(value * 10_000 + 1e-6) / 100:.6g} %"
