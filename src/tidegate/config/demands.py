"""What a check in `tidegate.yml` may demand: the tests of dbt's packages with their arguments, and bounds that can be met."""

from __future__ import annotations

from collections.abc import Mapping

PACKAGES = ("dbt_utils", "dbt_expectations")


def demand_known(test: str, column: str | None, arguments: Mapping[str, object], *, moves: bool) -> None:
    """Refuse a test that the catalogue does not have, or whose arguments it does not.

    Args:
        moves: whether the rows that fail are to be moved into quarantine.

    Raises:
        ValueError: what is wrong, and the nearest name.
    """
    from tidegate.checks import CHECKS, nearest

    known = [name for name in CHECKS if name.startswith(tuple(f"{package}." for package in PACKAGES))]
    if test not in known and test in CHECKS and "." not in test:
        raise ValueError(f"`{test}` is no test of a package: write `{test}:` as a key of its own")
    if test not in known:
        suffixes = [name for name in known if name.endswith(f".{test}")]
        meant = f"; did you mean `{suffixes[0]}`?" if suffixes else nearest(test, known)
        raise ValueError(f"`{test}` is no test of {' or '.join(PACKAGES)}{meant}")
    kind = CHECKS[test]
    for name in arguments:
        if name not in kind.arguments:
            raise ValueError(f"`{test}` has no argument `{name}`{nearest(name, kind.arguments)}")
    for name in kind.required:
        if arguments.get(name) is None:
            raise ValueError(f"`{test}` needs the argument `{name}`: {kind.arguments[name]}")
    if kind.needs_column and column is None:
        raise ValueError(f"`{test}` needs a `column`")
    if moves and not kind.whole_rows:
        raise ValueError(f"`on_fail: quarantine` is for checks on single rows, and `{test}` is none")


def counted_by(test: str) -> str:
    """How the package itself counts the failures of one of its tests, as `fail_calc`."""
    from tidegate.checks import CHECKS

    return CHECKS[test].fail_calc


def demand_ordered(low: float | None, high: float | None) -> None:
    """Refuse bounds that no number lies between.

    Raises:
        ValueError: the lower one is above the upper one.
    """
    if low is not None and high is not None and low > high:
        raise ValueError(f"`min` is {low:g} and `max` is {high:g}: nothing lies between them")
