"""Uniqueness across the pieces of a table: the 64-bit hashes of each are kept in order, and a new piece's are looked up.

That pieces hold no value twice among them is noted with each of them, by a mark that they share: what was compared once is
not compared again. Which pieces share a mark were once found without repeats together, and so is any choice of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast

from tidegate.metrics import relation, select
from tidegate.model import MetricSpec
from tidegate.scan.merging import Item, Kept, Merge
from tidegate.scan.options import Plan
from tidegate.scan.pieces import Piece, ask_of
from tidegate.scan.tally import Tally


def no_repeats(tally: Tally, purpose: str, print_of_row: str, where: Sequence[str], spec: MetricSpec) -> Plan[bool]:
    """Whether no hash comes twice in the table. `where` must depend on nothing but the row.

    Takes 8 bytes of memory for each row of the table. A repeated hash may be that of two values.
    """
    item = Item(print_of_row, Merge.HASHES)
    ask, mark = ask_of([item], where), ask_of([item], where, "mark")
    prints: dict[str, bytes] = {}
    for piece in tally.options.pieces:
        kept = piece.kept(ask)
        if kept is None:
            condition = [piece.condition, *where]
            sql = select([item.sql], relation(tally.dataset.ref, tally.dialect), where=condition, dialect=tally.dialect)
            rows = yield tally.statement(f"{purpose}: hashes of new rows", sql, specs=[spec], ascending=True)
            kept = Kept.of([item], rows)
            piece.keep(ask, kept)
        prints[piece.name] = cast("bytes", kept.rows[0][0])
    compared = _compared(tally.options.pieces, mark)
    if not _all_differ(
        [prints[piece.name] for piece in compared],
        [prints[piece.name] for piece in tally.options.pieces if piece not in compared],
    ):
        return False
    if len(compared) < len(tally.options.pieces):
        together = hashlib.blake2b("\n".join(prints).encode(), digest_size=12).hexdigest()
        for piece in tally.options.pieces:
            piece.keep(mark, Kept((Merge.KEY,), ((together,),)))
    return True


def _compared(pieces: Sequence[Piece], mark: str) -> list[Piece]:
    """The pieces that share the mark which most rows have; none where no piece has one."""
    marked: dict[object, list[Piece]] = {}
    for piece in pieces:
        kept = piece.kept(mark)
        if kept is not None and len(kept.rows) == 1:
            marked.setdefault(kept.rows[0][0], []).append(piece)
    return max(marked.values(), key=lambda few: sum(piece.rows for piece in few), default=[])


def _all_differ(compared: Sequence[bytes], others: Sequence[bytes]) -> bool:
    """Whether no value comes twice, given that none does among those that were compared; all of them in order."""
    import numpy as np

    if not others:
        return True
    new = np.concatenate([np.frombuffer(one, dtype=np.uint64) for one in others])
    new.sort(kind="stable")
    if bool((new[1:] == new[:-1]).any()):
        return False
    for one in compared:
        old = np.frombuffer(one, dtype=np.uint64)
        at = np.searchsorted(old, new)
        inside = at < old.size
        if bool((old[at[inside]] == new[inside]).any()):
            return False
    return True
