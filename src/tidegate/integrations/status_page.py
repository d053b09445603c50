"""Write the status page as one HTML file that loads nothing else, for people who read the data."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape

from tidegate.model.words import counted, lasting
from tidegate.services.statuspage import DAYS, Condition, Day, Episode, ProductPage, StatusPage, moment

MARKS = {
    Condition.WRONG: ("bad", "✕"),
    Condition.UNKNOWN: ("dark", "?"),
    Condition.HELD: ("held", "‖"),
    Condition.LATE: ("late", "◷"),
    Condition.FINE: ("fine", "✓"),
    Condition.NOT_YET: ("none", "·"),
}
"""For each condition its class and a sign, so that nothing is told by colour alone."""

WORDS = {
    Condition.WRONG: "Wrong data known",
    Condition.UNKNOWN: "Unknown",
    Condition.HELD: "Held back",
    Condition.LATE: "Late",
    Condition.FINE: "Fine",
    Condition.NOT_YET: "Not published yet",
}

HEIGHTS = {
    Condition.WRONG: 34,
    Condition.UNKNOWN: 14,
    Condition.HELD: 20,
    Condition.LATE: 27,
    Condition.FINE: 34,
    Condition.NOT_YET: 3,
}
"""How high a day stands in the strip; a day of wrong data is as high as a fine one and has a notch."""

STEP, WIDTH, HEIGHT = 8, 6, 34
SHOWN_EPISODES = 20

STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --dim: #55606f; --paper: #fff; --card: #f6f7f9; --rule: #cfd5dd;
  --fine: #1a7440; --late: #8f5a00; --held: #2c5cab; --bad: #b3261e; --dark: #5b5f66; --none: #7c848f; --on: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --dim: #a3adbb; --paper: #12161c; --card: #1a2029; --rule: #3a4350;
  --fine: #5fca8c; --late: #e8b04a; --held: #8ab4f8; --bad: #ff8f85; --dark: #b4bac4; --none: #858e9b; --on: #12161c } }
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 52rem; margin: 0 auto;
  padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 } h2 { font-size: 1.2rem; margin: 0; flex: 1 1 auto } h3 { font-size: 1rem; margin: 1rem 0 .3rem }
p { margin: .4rem 0 } .dim { color: var(--dim) } a { color: inherit } ul { padding-left: 1.2rem; margin: .3rem 0 }
article { background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: 1rem 1.1rem; margin: 1.1rem 0 }
header.product { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: baseline }
.state { font-weight: 650; padding: .1rem .7rem; border-radius: 1rem; color: var(--on); background: var(--dark); white-space: nowrap }
.state.fine { background: var(--fine) } .state.late { background: var(--late) } .state.held { background: var(--held) } .state.bad { background: var(--bad) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .7rem 0 } dt { color: var(--dim) } dd { margin: 0 }
svg.strip { display: block; width: 100%; height: auto; margin: .6rem 0 .1rem } .days .fine { fill: var(--fine) } .days .late { fill: var(--late) }
.days .held { fill: var(--held) } .days .bad { fill: var(--bad) } .days .dark { fill: var(--dark) } .days .none { fill: var(--none) } .days .notch { fill: var(--card) }
.ends { display: flex; justify-content: space-between; font-size: .85rem; color: var(--dim) }
.banner { border-left: .35rem solid var(--bad); background: var(--card); padding: .6rem 1rem; margin: 1rem 0 }
summary { cursor: pointer; padding: .3rem 0; min-height: 1.75rem } :focus-visible { outline: 3px solid var(--held); outline-offset: 2px }
.keys { list-style: none; padding: 0; font-size: .92rem } svg.key { display: inline-block; width: 6px; height: 22px; margin: 0 .5rem 0 0; vertical-align: middle } footer h2 { margin-top: 2rem; font-size: 1rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .92rem } th, td { text-align: left; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top }
[hidden] { display: none }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr } dt { margin-top: .4rem } }
@media print { article { break-inside: avoid } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important } }
"""

SCRIPT = """
(function () {
  "use strict";
  function look() {
    if (Date.now() <= Number(document.body.dataset.outdated)) return;
    document.getElementById("outdated").hidden = false;
    document.getElementById("sum").textContent = "This page was not renewed: nobody knows how the data is now.";
    document.querySelectorAll(".state").forEach(function (state) { state.className = "state dark"; state.textContent = "? Unknown"; });
  }
  look();
  setInterval(look, 30000);
})();
"""
"""A page that nobody writes any more must not go on saying that all is fine."""


def render(found: StatusPage) -> str:
    """The whole page. Names come from the project and are escaped; nothing is loaded from anywhere, and nothing else may run."""
    outdated = found.next_page + (found.next_page - found.now)
    body = [
        f"<h1>How the data of {text(found.title)} is</h1>",
        f'<p id="sum">{_sum(found)}</p>',
        f'<p class="dim">Written {_time(found.now)}. The next update of this page comes by {_time(found.next_page)}.</p>',
        (
            '<div id="outdated" class="banner" role="alert" hidden><strong>This page is out of date.</strong>'
            f" It was written {_time(found.now)} and should have been renewed since. What it said then may not be true any more.</div>"
        ),
        "<noscript><p class=banner>Without scripts this page cannot tell when it is out of date: compare the time above.</p></noscript>",
        "<main>",
        *(_product(p, place) for place, p in enumerate(found.products, start=1)),
        "</main>",
        _key(),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head>{_head(found)}</head>\n'
        f'<body data-outdated="{int(outdated.timestamp() * 1000)}">\n'
        + "\n".join(body)
        + f"\n<script>{SCRIPT}</script>\n</body></html>\n"
    )


def text(said: str) -> str:
    """A text from outside: escaped, and without characters that steer what is around them."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in said), quote=True)


def _head(found: StatusPage) -> str:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(STYLE)}'; script-src 'sha256-{_hash(SCRIPT)}';"
        " base-uri 'none'; form-action 'none'"
    )
    return (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">'
        f'<meta name="robots" content="noindex"><link rel="icon" href="data:,"><title>{_title(found)}</title><style>{STYLE}</style>'
    )


def _hash(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()


def _title(found: StatusPage) -> str:
    worst = found.products[0].condition if found.products else Condition.UNKNOWN
    return f"{WORDS[worst]}: data of {text(found.title)}"


def _sum(found: StatusPage) -> str:
    many = len(found.products)
    if found.fine == many:
        return "All data products are fine." if many > 1 else "The data product is fine."
    return f"{found.fine} of {counted(many, 'data product')} {'is' if found.fine == 1 else 'are'} fine."


def _time(at: datetime) -> str:
    return f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{moment(at)}</time>'


def _product(found: ProductPage, place: int) -> str:
    kind, sign = MARKS[found.condition]
    state = f'<span class="state {kind}">{sign} {WORDS[found.condition]}</span>'
    return "\n".join(
        [
            f'<article aria-labelledby="p{place}"><header class="product"><h2 id="p{place}">{text(found.name)}</h2>{state}</header>',
            *(f"<p>{text(said)}</p>" for said in found.what),
            f"<dl>{''.join(f'<dt>{term}</dt><dd>{said}</dd>' for term, said in _facts(found))}</dl>",
            _strip(found),
            *_promises(found),
            *_history(found),
            "</article>",
        ]
    )


def _facts(found: ProductPage) -> Iterator[tuple[str, str]]:
    if found.since is not None:
        yield ("Since", _time(found.since))
    if found.affected:
        yield ("What is affected", ", ".join(map(text, found.affected)))
    if found.consumers:
        yield ("Who reads it", ", ".join(map(text, found.consumers)))
    yield ("Last published", _time(found.published_at) if found.published_at else "never")
    if found.data_of is not None:
        yield ("Data of", _time(found.data_of))
    yield ("New data", _expected(found))
    yield ("Next update of this", f"by {_time(found.next_update)}")
    if found.owner:
        yield ("Questions to", text(found.owner))


def _expected(found: ProductPage) -> str:
    if found.expected_by is None:
        return "nobody has promised when"
    return f"{'promised' if found.is_promised else 'usually there'} by {_time(found.expected_by)}"


def _strip(found: ProductPage) -> str:
    """One bar a day. The picture is told in words to those who do not see it."""
    bars = "".join(_bar(day_, place) for place, day_ in enumerate(found.days))
    share = (
        ""
        if found.fine_share is None
        else f", fine for {int(found.fine_share * 10_000 + 1e-6) / 100:g} % of the known time"
    )
    label = f"The last {len(found.days)} days: {_counts(found.days)}{share}"
    first = found.days[0].day if found.days else None
    left = f"{first:%Y-%m-%d}" if first else ""
    width = STEP * DAYS - (STEP - WIDTH)
    return (
        f'<svg class="days strip" viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{text(label)}">{bars}</svg>'
        f'<div class="ends" aria-hidden="true"><span>{left}</span><span>today</span></div><p class="dim">{text(label)}.</p>'
    )


def _bar(found: Day, place: int) -> str:
    lost = f", not fine for {lasting(found.not_fine)}" if found.not_fine.total_seconds() >= 1 else ""
    title = f"<title>{found.day:%Y-%m-%d}: {WORDS[found.condition].lower()}{lost}</title>"
    return f"<g>{title}{_shape(found.condition, place * STEP)}</g>"


def _shape(condition: Condition, x: int) -> str:
    height, kind = HEIGHTS[condition], MARKS[condition][0]
    bar = f'<rect class="{kind}" x="{x}" y="{HEIGHT - height}" width="{WIDTH}" height="{height}" rx="1"/>'
    notch = f'<rect class="notch" x="{x}" y="13" width="{WIDTH}" height="7"/>' if condition is Condition.WRONG else ""
    return bar + notch


def _counts(days: Iterable[Day]) -> str:
    count = Counter(d.condition for d in days)
    order = (Condition.FINE, *(c for c in Condition if c is not Condition.FINE))
    return ", ".join(f"{count[c]} {WORDS[c].lower()}" for c in order if count[c])


def _promises(found: ProductPage) -> Iterator[str]:
    if found.promises:
        yield "<h3>What is promised</h3><ul>"
        yield from (
            f"<li>{text(promise[0].upper() + promise[1:])}. <strong>{text(came)}</strong></li>"
            for promise, came in found.promises
        )
        yield "</ul>"


def _history(found: ProductPage) -> Iterator[str]:
    title = f"What happened in the last {DAYS} days"
    if not found.episodes:
        yield f'<p class="dim">{title}: nothing that reached it.</p>'
        return
    shown = found.episodes[:SHOWN_EPISODES]
    rows = "".join(map(_episode, shown))
    more = (
        f'<p class="dim">And {counted(len(found.episodes) - len(shown), "earlier time")}.</p>'
        if found.episodes[len(shown) :]
        else ""
    )
    head = "<tr><th scope=col>Since</th><th scope=col>Until</th><th scope=col>What</th><th scope=col>Incident</th></tr>"
    yield (
        f"<details><summary>{title}: {counted(len(found.episodes), 'incident')}</summary>"
        f'<div class="wide" tabindex="0" role="region" aria-label="{title}"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>{more}</details>'
    )


def _episode(found: Episode) -> str:
    sign = MARKS[found.condition][1]
    until = _time(found.until) if found.until else "goes on"
    what = f'<span aria-hidden="true">{sign}</span> {WORDS[found.condition]}: {text(found.what)}'
    return f"<tr><td>{_time(found.since)}</td><td>{until}</td><td>{what}</td><td>{found.incident}</td></tr>"


def _key() -> str:
    items = "".join(
        f'<li><svg class="days key" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">'
        f"{_shape(condition, 0)}</svg> <strong>{WORDS[condition]}</strong>: {meaning}</li>"
        for condition, meaning in MEANINGS.items()
    )
    return f'<footer><h2>What the words mean</h2><ul class="keys">{items}</ul></footer>'


MEANINGS: dict[Condition, str] = {
    Condition.FINE: "checked, and as new as it should be",
    Condition.LATE: "right as far as is known, but older than it should be",
    Condition.HELD: "the newest data did not pass; you see the last good data",
    Condition.WRONG: "some of what you see is not right",
    Condition.UNKNOWN: "nobody can tell",
    Condition.NOT_YET: "before it was first published",
}
