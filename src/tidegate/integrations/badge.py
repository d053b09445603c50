"""Write a badge: one product's name and condition as a small SVG, for a dashboard or a README."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from tidegate.integrations.status_page import WORDS, text
from tidegate.services.statuspage import Condition, ProductPage, moment

COLOURS = {
    Condition.FINE: "#1a7440",
    Condition.LATE: "#8f5a00",
    Condition.HELD: "#2c5cab",
    Condition.WRONG: "#b3261e",
    Condition.UNKNOWN: "#5b5f66",
    Condition.NOT_YET: "#5b5f66",
}
"""Each has a contrast of at least 4.5 to white, as WCAG 2.2 asks of text of this size."""

LONGEST_NAME = 40
SIGN_WIDTH = 6.6
"""About the width of a letter of Verdana at 11 px; `textLength` makes it so whatever font is there."""

HEIGHT, PADDING = 20, 7


def render(found: ProductPage, *, now: datetime) -> str:
    """The badge. It says when it was written, because a picture cannot know that it is out of date."""
    name = found.name if len(found.name) <= LONGEST_NAME else found.name[: LONGEST_NAME - 1] + "…"
    word = WORDS[found.condition].lower()
    left, right = _width(name), _width(word)
    label = text(f"{found.name}: {word}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HEIGHT}" role="img" aria-label="{label}">'
        f"<title>{label}, as of {moment(now)}</title>"
        f'<rect width="{left}" height="{HEIGHT}" fill="#3a4350"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{COLOURS[found.condition]}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{_text(name, 0, left)}{_text(word, left, right)}</g></svg>\n'
    )


def _width(said: str) -> int:
    return round(SIGN_WIDTH * max(1, len(said))) + 2 * PADDING


def _text(said: str, x: int, width: int) -> str:
    return f'<text x="{x + PADDING}" y="14" textLength="{width - 2 * PADDING}" lengthAdjust="spacingAndGlyphs">{text(said)}</text>'


def files(pages: Iterable[ProductPage], *, now: datetime) -> Mapping[str, str]:
    """The badges by file name. A name that is no file name is made one, and two never share a file."""
    found: dict[str, str] = {}
    for page in pages:
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", page.name).strip(".-")[:80]
        if plain != page.name or f"{plain}.svg" in found:
            plain = f"{plain or 'product'}-{hashlib.sha256(page.name.encode()).hexdigest()[:8]}"
        found[f"{plain}.svg"] = render(page, now=now)
    return found
