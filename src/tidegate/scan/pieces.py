"""What was kept of a table's parts by earlier scans is not asked again: a piece is a few neighbouring parts, and an answer
about the table is put together from those about its pieces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tidegate.metrics import select
from tidegate.model import MetricSpec, Part
from tidegate.scan.merging import Item, Kept, Merge, Written

if TYPE_CHECKING:
    from tidegate.scan.options import Plan, Rows
    from tidegate.scan.tally import Tally

PARTS_OF_A_PIECE: Final = 8
"""How many neighbouring parts are asked at once and kept together: of DuckDB's row groups, a million rows. More make a
change of one of them dearer, fewer the joining. Chosen, not derived."""

FORMAT: Final = "2"
"""Raised when answers are written or joined otherwise, so that older ones are not found."""

MOST_ROWS: Final = 20_000
"""Rows of an answer about a piece that are kept. Chosen, not derived."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring parts, and what is kept of them: for each question, by its digest, the answer.

    `learnt` are the answers that this scan adds, in the form in which they are kept.
    """

    parts: tuple[Part, ...]
    known: Mapping[str, Written]
    learnt: dict[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the piece is kept under."""
        return name_of(self.parts)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(part.rows for part in self.parts)

    @property
    def condition(self) -> str:
        """The SQL by which a statement reads these rows and no others."""
        return f"rowid >= {self.parts[0].first} AND rowid < {self.parts[-1].end}"

    def kept(self, ask: str) -> Kept | None:
        """The answer to a question, None when it is not known."""
        found = self.learnt.get(ask) or self.known.get(ask)
        return None if found is None else Kept.read(found)

    def keep(self, ask: str, answer: Kept) -> None:
        """Remember an answer."""
        self.learnt[ask] = answer.written()


def name_of(parts: Sequence[Part]) -> str:
    """What neighbouring parts are kept under: a digest of their names in their order."""
    return hashlib.blake2b("\n".join(part.name for part in parts).encode(), digest_size=16).hexdigest()


def runs(parts: Sequence[Part]) -> list[str]:
    """The names of all pieces that could be made of the parts: what to look up."""
    return [
        name_of(parts[at : at + length])
        for at in range(len(parts))
        for length in range(1, min(PARTS_OF_A_PIECE, len(parts) - at) + 1)
    ]


def cut(parts: Sequence[Part], known: Mapping[str, Mapping[str, Written]]) -> tuple[Piece, ...]:
    """Cut a table into pieces: the longest of which something is known, and between them new ones.

    The last part, to which the next rows will be added, becomes a piece of its own.
    """
    pieces: list[Piece] = []
    fresh: list[Part] = []
    at = 0
    while at < len(parts):
        length = _longest(parts, at, known)
        if length:
            pieces += _of_fresh(fresh)
            fresh = []
            chosen = tuple(parts[at : at + length])
            pieces.append(Piece(chosen, known[name_of(chosen)]))
        else:
            fresh.append(parts[at])
        at += length or 1
    return (*pieces, *_of_fresh(fresh[:-1]), *_of_fresh(fresh[-1:]))


def _longest(parts: Sequence[Part], at: int, known: Collection[str]) -> int:
    most = min(PARTS_OF_A_PIECE, len(parts) - at)
    return next((length for length in range(most, 0, -1) if name_of(parts[at : at + length]) in known), 0)


def _of_fresh(parts: Sequence[Part]) -> list[Piece]:
    return [Piece(tuple(parts[at : at + PARTS_OF_A_PIECE]), {}) for at in range(0, len(parts), PARTS_OF_A_PIECE)]


def learnt(pieces: Sequence[Piece]) -> dict[str, dict[str, bytes]]:
    """What a scan adds to what is kept, by piece: its answers, and those about neighbours that are small, joined."""
    found = {piece.name: piece.learnt for piece in pieces if piece.learnt}
    for few in _neighbours(pieces):
        if len(few) > 1:
            together = Piece(tuple(part for piece in few for part in piece.parts), {})
            asks = set.intersection(*({*piece.known, *piece.learnt} for piece in few))
            for ask in asks:
                answers = [answer for piece in few if (answer := piece.kept(ask)) is not None]
                if len(answers) == len(few):
                    together.keep(ask, joined(answers))
            found[together.name] = together.learnt
    return found


def _neighbours(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces in groups of at most PARTS_OF_A_PIECE parts."""
    few: list[list[Piece]] = []
    for piece in pieces:
        size = sum(len(one.parts) for one in few[-1]) if few else PARTS_OF_A_PIECE
        if size + len(piece.parts) <= PARTS_OF_A_PIECE:
            few[-1].append(piece)
        else:
            few.append([piece])
    return few


def joined(answers: Sequence[Kept]) -> Kept:
    """The answer about all rows from those about pieces; there must be one."""
    return answers[0].joined(answers[1:])


def ask_of(items: Iterable[Item], where: Sequence[str] = (), more: object = "") -> str:
    """The digest of a question: what it is kept under."""
    text = "\n".join([FORMAT, *(f"{item.merge} {item.sql}" for item in items), "where", *where, str(more)])
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class TooManyRowsError(ValueError):
    """An answer is too long to be fetched."""


def columns(
    tally: Tally, purpose: str, items: Sequence[Item], source: str, specs: Sequence[MetricSpec]
) -> Plan[tuple[object, ...]]:
    """One row of aggregates over the whole table, each kept and looked up by itself."""
    asks = [ask_of([item]) for item in items]
    answers: list[list[Kept]] = [[] for _ in items]
    for piece in tally.options.pieces:
        known = dict(enumerate(piece.kept(ask) for ask in asks))
        missing = [at for at, answer in known.items() if answer is None]
        if missing:
            sql = select(
                [items[at].state_sql for at in missing], source, where=[piece.condition], dialect=tally.dialect
            )
            rows = yield tally.statement(f"{purpose} of new rows", sql, specs=specs)
            for at, raw in zip(missing, rows[0], strict=True):
                known[at] = fresh = Kept.of([items[at]], [(raw,)])
                piece.keep(asks[at], fresh)
        for at, answer in known.items():
            answers[at] += () if answer is None else (answer,)
    return tuple(joined(place).answer()[0][0] for place in answers)


def table(
    tally: Tally,
    purpose: str,
    items: Sequence[Item],
    source: str | Callable[[Sequence[str]], str],
    *,
    where: Sequence[str] = (),
    sets: Sequence[Sequence[str]] = (),
    specs: Sequence[MetricSpec] = (),
    grouped: bool = True,
    most: int | None = None,
) -> Plan[Rows]:
    """The rows of an answer over the whole table: grouped by the items that are keys, or by sets of them; without
    `grouped` each piece gives one row, and those with the same keys join.

    `items`, `where` and `sets` may depend on nothing but the rows. A `source` that has to be cut itself is given as what
    makes it of conditions.

    Raises:
        TooManyRowsError: a piece gives more than `most` rows.
    """
    ask = ask_of(items, where, (sets, source if isinstance(source, str) else source(())))
    group = () if sets or not grouped else [str(at + 1) for at, item in enumerate(items) if item.merge is Merge.KEY]
    answers = []
    for piece in tally.options.pieces:
        answer = piece.kept(ask)
        if answer is None:
            conditions = [piece.condition, *where]
            sql = select(
                [item.state_sql for item in items],
                source if isinstance(source, str) else source(conditions),
                where=conditions if isinstance(source, str) else (),
                group=group,
                sets=sets,
                limit=None if most is None else most + 1,
                dialect=tally.dialect,
            )
            rows = yield tally.statement(f"{purpose} of new rows", sql, specs=specs)
            if most is not None and len(rows) > most:
                raise TooManyRowsError
            answer = Kept.of(items, rows)
            if len(rows) <= MOST_ROWS:
                piece.keep(ask, answer)
        answers.append(answer)
    return joined(answers).answer()
