"""Uniqueness across the pieces of a table: the 64-bit hashes of each are kept in order, and a new piece's are looked up.

Nine of ten new hashes are told to be new by a filter, one bit for each hash by its first bits, with eight times as many bits as hashes.
That pieces hold no value twice among them is noted with each of them, by a mark that they share: what was compared once is
not compared again. Which pieces share a mark were once found without repeats together, and so is any choice of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from tidegate.metrics import relation, select
from tidegate.model import MetricSpec
from tidegate.scan.merging import Item, Kept, Merge
from tidegate.scan.options import Plan
from tidegate.scan.pieces import Piece, ask_of
from tidegate.scan.tally import Tally

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


LEAST_SIEVED: Final = 1 << 19
"""Hashes from which a filter is kept of them. Chosen, not derived."""

BITS_OF_A_HASH: Final = 8
"""At least so many bits a filter has for each hash; one in sixteen to one in eight of others pass it. Chosen, not derived."""


def no_repeats(tally: Tally, purpose: str, print_of_row: str, where: Sequence[str], spec: MetricSpec) -> Plan[bool]:
    """Whether no hash comes twice in the table. `where` must depend on nothing but the row.

    Takes 8 bytes of memory for each row of the table. A repeated hash may be that of two values.
    """
    item = Item(print_of_row, Merge.HASHES)
    ask, mark, sieve = (ask_of([item], where, what) for what in ("", "mark", "sieve"))
    prints: dict[str, bytes] = {}
    for piece in tally.options.pieces:
        kept = piece.kept(ask)
        if kept is None:
            condition = [piece.condition, *where]
            sql = select([item.sql], relation(tally.dataset.ref, tally.dialect), where=condition, dialect=tally.dialect)
            rows = yield tally.statement(f"{purpose}: hashes of new rows", sql, specs=[spec], ascending=True)
            kept = Kept.of([item], rows)
            piece.keep(ask, kept)
            _sieve(piece, sieve, cast("bytes", kept.rows[0][0]))
        prints[piece.name] = cast("bytes", kept.rows[0][0])
    compared = _compared(tally.options.pieces, mark)
    if not _all_differ(
        [(prints[piece.name], _sieve(piece, sieve, prints[piece.name])) for piece in compared],
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


def _sieve(piece: Piece, ask: str, hashes: bytes) -> bytes | None:
    """The filter of a piece: which of the numbers of so many first bits some hash begins with, a bit each; kept when it is made.
    None for few hashes.
    """
    import numpy as np

    if len(hashes) < LEAST_SIEVED * 8:
        return None
    kept = piece.kept(ask)
    if kept is not None and len(kept.rows) == 1:  # those of two pieces do not join
        return cast("bytes", kept.rows[0][0])
    values = np.frombuffer(hashes, dtype=np.uint64)
    bits = max(3, (BITS_OF_A_HASH * values.size).bit_length())
    some = np.zeros(1 << bits, dtype=np.bool_)
    some[values >> np.uint64(64 - bits)] = True
    made = np.packbits(some).tobytes()
    piece.keep(ask, Kept((Merge.KEY,), ((made,),)))
    return made


def _all_differ(compared: Sequence[tuple[bytes, bytes | None]], others: Sequence[bytes]) -> bool:
    """Whether no value comes twice, given that none does among those that were compared; all of them in order, those with
    their filters.
    """
    import numpy as np

    if not others:
        return True
    new = np.concatenate([np.frombuffer(one, dtype=np.uint64) for one in others])
    new.sort(kind="stable")
    if bool((new[1:] == new[:-1]).any()):
        return False
    for one, sieve in compared:
        old = np.frombuffer(one, dtype=np.uint64)
        maybe = new if sieve is None else new[_passes(new, np.frombuffer(sieve, dtype=np.uint8))]
        at = np.searchsorted(old, maybe)
        inside = at < old.size
        if bool((old[at[inside]] == maybe[inside]).any()):
            return False
    return True


def _passes(hashes: NDArray[np.uint64], sieve: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """For each hash whether some of those from which the filter was made may be equal to it."""
    import numpy as np

    first = hashes >> np.uint64(65 - (8 * sieve.size).bit_length())
    bits: NDArray[np.uint8] = sieve[first >> np.uint64(3)] << (first & np.uint64(7)).astype(np.uint8)
    return bits >= 0x80
