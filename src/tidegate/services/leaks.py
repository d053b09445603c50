"""Leaks: look in the files of a sample for personal values of the source, as whole values and as words of a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.metrics import LOOKS, literal, quoted
from tidegate.model import Family
from tidegate.ports import ASIDE, Workshop
from tidegate.services.masking import DISTINCTIVE

WORDS = f'{ASIDE}.main."words of the sample"'

IDENTIFYING = (
    "(contains(word, '@') OR regexp_matches(word, '[0-9]{6}') OR length(word) >= 10"
    " OR (length(word) >= 8 AND contains(word, ' ')))"
)
"""Of what is found in a column that is not masked, what tells a person. A first name that is also the name of a city does not."""

LONG_NUMBER = 9
"""A whole number with fewer digits that stands in an unmasked column of numbers is met by chance. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A personal column of the source: the relation that has it, and how people call the table."""

    sql: str
    table: str
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A column of the sample that holds `values` different values of a personal column of the source."""

    table: str
    column: str
    of_table: str
    of_column: str
    values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A file of the sample, its masked columns, and those that are clear because somebody said so."""

    table: str
    file: Path
    masked: frozenset[str]
    clear: frozenset[str]


def personal_looks(workshop: Workshop, shown: Sequence[Shown]) -> Iterator[tuple[str, str, str]]:
    """Texts that nobody called personal and whose values look so: table, column, and why. Linear in the sample."""
    for one in shown:
        for column in workshop.columns_of(one.file):
            if column.family is not Family.TEXT or column.name in one.masked | one.clear:
                continue
            value = quoted(column.name)
            counts = [
                f"count(CASE WHEN regexp_matches({value}, {literal(pattern)}) THEN 1 END)" for _, pattern, _ in LOOKS
            ]
            sql = f"SELECT count({value}), {', '.join(counts)} FROM {workshop.rows_of(one.file)}"
            ((filled, *fitting),) = workshop.ask(sql)
            for (why, _, share), number in zip(LOOKS, fitting, strict=True):
                if int(str(number)) > share * int(str(filled)):
                    yield one.table, column.name, why
                    break


def find(workshop: Workshop, shown: Sequence[Shown], raws: Sequence[Raw]) -> tuple[int, tuple[Leak, ...]]:
    """Look for every value of the personal columns: in masked columns as whole values, in the others also as one, two or
    three words of a text, of them those that tell a person.

    Returns how many words were looked for, and what was found. Linear in the sample, and a scan of each personal column.
    """
    workshop.ask(
        f"CREATE OR REPLACE TABLE {WORDS} (shown VARCHAR, name VARCHAR, word VARCHAR, masked BOOLEAN, number BOOLEAN)"
    )
    for one in shown:
        for column in workshop.columns_of(one.file):
            if column.name not in one.clear and column.family in {Family.TEXT, Family.NUMBER, Family.OTHER}:
                masked = column.name in one.masked
                is_number = column.family is Family.NUMBER
                value = f"lower(trim(CAST({quoted(column.name)} AS VARCHAR)))"
                words = f"[{value}]" if masked or is_number else _words(value)
                place = f"{literal(one.table)}, {literal(column.name)}"
                workshop.ask(
                    f"INSERT INTO {WORDS} SELECT DISTINCT {place}, unnest({words}), {masked}, {is_number}"
                    f" FROM {workshop.rows_of(one.file)} WHERE {quoted(column.name)} IS NOT NULL"
                )
    ((number,),) = workshop.ask(f"SELECT count(*) FROM {WORDS}")
    return int(str(number)), tuple(leak for raw in raws for leak in _of(workshop, raw))


def _words(value: str) -> str:
    """The whole value, and every one, two and three words in it."""
    split = f"list_filter(string_split_regex({value}, '[^[:alnum:]@._+-]+'), lambda w: w <> '')"
    several = [
        f"list_transform(range(1, len({split}) - {n - 2}), lambda i: array_to_string(({split})[i:i + {n - 1}], ' '))"
        for n in (2, 3)
    ]
    return f"list_distinct(list_concat([{value}], {split}, {', '.join(several)}))"


def _of(workshop: Workshop, raw: Raw) -> Iterator[Leak]:
    value = f"t.{quoted(raw.column)}"
    counts = (
        f"CASE WHEN masked THEN {DISTINCTIVE.format(v='word')} WHEN number THEN length(word) >= {LONG_NUMBER}"
        f" ELSE {IDENTIFYING} END"
    )
    found = workshop.ask(
        f"SELECT shown, name, count(DISTINCT word) FROM {WORDS} WHERE {counts} AND word IN"
        f" (SELECT lower(trim(CAST({value} AS VARCHAR))) FROM {raw.sql} AS t WHERE {value} IS NOT NULL)"
        f" GROUP BY ALL ORDER BY ALL"
    )
    for table, column, number in found:
        yield Leak(
            table=str(table), column=str(column), of_table=raw.table, of_column=raw.column, values=int(str(number))
        )
