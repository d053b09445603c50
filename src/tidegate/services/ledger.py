"""Ledger: is it the one that was written? The chain of its hashes, its head, and the projections that are made from it."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.errors import UsageError
from tidegate.model import LedgerBreak
from tidegate.services.site import Site

ANCHOR = "ledger"
"""Where a version's description keeps the head of the ledger at its publication: `ID:HASH`."""

SHORTEST = 8
"""How many digits of a hash somebody must give at least. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAudit:
    """What was found: the head (id and hash of the last event), and the breaks; with none of these, `problems` of the rest.

    `anchors` counts the versions on disk whose description notes a head that was compared.
    """

    events: int
    head: str
    anchors: int
    breaks: tuple[LedgerBreak, ...]
    problems: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was altered, removed, inserted or moved."""
        return not self.breaks and not self.problems


def head(site: Site) -> str:
    """The head of the ledger now, as it is noted beside a version."""
    number, hashed = site.state.head()
    return f"{number}:{hashed}"


def verify(site: Site, *, against: str | None = None) -> LedgerAudit:
    """Read all of the ledger, and compare it with what was noted of it elsewhere.

    Args:
        against: a head that somebody noted, `ID:HASH`; of the hash the first digits are enough.

    Raises:
        UsageError: `against` is no head.
    """
    noted = {number: text for number in site.warehouse.kept() if (text := _noted(site, number)) is not None}
    breaks = [*site.state.breaks(), *(b for n, t in noted.items() for b in _compared(site, t, f"version {n}"))]
    if against is not None:
        breaks += _compared(site, against, "the head that you gave")
    number, hashed = site.state.head()
    return LedgerAudit(
        events=number,
        head=f"{number}:{hashed}",
        anchors=len(noted),
        breaks=tuple(breaks),
        problems=() if breaks else site.state.problems(),
    )


def _noted(site: Site, number: int) -> str | None:
    """The head that a version notes; None of one that an earlier ledger, since lost, published."""
    text = site.warehouse.metadata(number).get(ANCHOR)
    known = {e.kind for e in site.state.events(subject=f"version:{number}")}
    return text if isinstance(text, str) and "version.recorded" not in known else None


def _compared(site: Site, text: str, who: str) -> list[LedgerBreak]:
    number, _, hashed = text.partition(":")
    if not (number.isascii() and number.isdigit()) or (int(number) and len(hashed) < SHORTEST):
        raise UsageError(
            f"`{text}` is not a head of the ledger", hint="give ID:HASH as `tidegate audit verify` prints it"
        )
    if not int(number):
        return []
    found = site.state.events(after=int(number) - 1, limit=1)
    if found and found[0].id == int(number) and found[0].hash.startswith(hashed):
        return []
    return [LedgerBreak(event=int(number), what=f"event {number} is not the one that {who} notes as `{hashed[:12]}`")]
