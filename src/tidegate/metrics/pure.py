"""Whether the user's SQL says the same of a row at any time: only then is its answer about old rows kept."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

FUNCTIONS: Final = frozenset(
    "abs ceil ceiling floor round trunc sign greatest least coalesce nullif ifnull length strlen char_length lower upper"
    " trim ltrim rtrim left right substr substring replace reverse contains starts_with ends_with prefix suffix"
    " regexp_matches regexp_full_match regexp_extract regexp_replace concat concat_ws lpad rpad isnan isinf isfinite"
    " date_trunc date_part date_diff datediff datepart datetrunc extract year month day hour minute second dayofweek"
    " dayofyear week quarter epoch mod power pow sqrt ln log exp cast try_cast if in and or not between when then else"
    " case is like ilike distinct decimal numeric varchar count sum avg stddev stddev_samp approx_count_distinct".split()
)
"""Functions of DuckDB whose value follows from their arguments, and words that parentheses may follow."""

WORDS: Final = frozenset(
    "and or not is null in like ilike between case when then else end true false cast as try_cast distinct from escape"
    " similar to glob interval date time timestamp timestamptz integer int bigint smallint tinyint hugeint double float"
    " real decimal numeric varchar text boolean year month day hour minute second years months days hours minutes seconds"
    " week weeks quarter dow doy isodow epoch".split()
)
"""Words of an expression that are neither columns nor depend on anything but the row."""

CLOCK: Final = re.compile(r"^current_|^local(time|timestamp)$|^(now|today|tomorrow|yesterday)$")
"""Words that mean the time of the query, some of them also as a text that becomes a time."""

_TOKEN: Final = re.compile(
    r"""'(?:[^'\\]|'')*'|"((?:[^"]|"")+)"|([a-z_][a-z0-9_]*)(\s*\()?|[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?|[-+*/%=<>!(),.|:^~\[\]]|\s+""",
    re.IGNORECASE | re.ASCII,
)


def is_pure(text: str, columns: Collection[str]) -> bool:
    """Whether an expression plainly depends on the named columns alone: no clock, chance, setting, macro or other table.

    Errs on the side of False. What looks like a comment, an escape or a parameter is not taken.
    """
    return _is_pure(text, frozenset(name.casefold() for name in columns))


@lru_cache(maxsize=4096)
def _is_pure(text: str, columns: frozenset[str]) -> bool:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or text.startswith(("--", "/*"), at):
            return False
        quoted, word, opened = found.groups()
        if found[0].startswith("'") and CLOCK.search(found[0][1:-1].strip().casefold()):
            return False
        if quoted is not None and (
            quoted.replace('""', '"').casefold() not in columns or text[found.end() :].lstrip()[:1] == "("
        ):
            return False
        if word is not None and not _is_known(word.casefold(), opened is not None, columns):
            return False
        at = found.end()
    return True


def _is_known(word: str, opened: bool, columns: frozenset[str]) -> bool:
    if opened:
        return word in FUNCTIONS
    return word in WORDS or (word in columns and not CLOCK.search(word))
