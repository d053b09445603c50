"""What is kept of neighbouring pieces together is of all of their rows, or is not kept."""

from __future__ import annotations

from collections import UserDict

from tidegate.model import Part
from tidegate.scan.merging import Item, Kept, Merge
from tidegate.scan.pieces import Piece, learnt, name_of


class Lost(UserDict[str, bytes]):
    """Answers that are listed and cannot be read any more."""

    def __getitem__(self, ask: str) -> bytes:
        raise KeyError(ask)


def part(name: str, first: int) -> Part:
    return Part(name=name, rows=10, first=first, end=first + 10)


def answer(count: int) -> bytes:
    return Kept.of([Item("COUNT(*)", Merge.SUM)], [(count,)]).written()


def test_answers_of_neighbours_are_joined() -> None:
    pieces = [Piece((part(name, at),), {"rows": answer(at), "own " + name: answer(1)}) for at, name in enumerate("ab")]
    found = learnt(pieces)[name_of([part("a", 0), part("b", 1)])]
    assert {ask: Kept.read(body).answer() for ask, body in found.items()} == {"rows": [(1,)]}


def test_an_answer_that_one_neighbour_lost_is_not_joined() -> None:
    pieces = [Piece((part("a", 0),), {"rows": answer(7)}), Piece((part("b", 10),), Lost({"rows": answer(3)}))]
    assert learnt(pieces) == {name_of([part("a", 0), part("b", 10)]): {}}
