"""Functions stay short and typed; exceptions are not swallowed. Each limit is broken on purpose by a planted source."""

from __future__ import annotations

from math import ceil
from pathlib import PurePosixPath

import pytest

from tests.guards.shape import Shape, measure, table
from tests.guards.source import Source, package_sources, suite_sources

MAX_LINES = 60
MAX_MEDIAN = 8
MAX_P95 = 35
IGNORES_PER_K = 1.0
BROAD_EXCEPTS_PER_K = 0.3

PLANTED = '''
def long(a: int) -> int:
    """Two lines

    of docstring do not count."""
    # nor does this
    x = 1

    y = """
    but this does
    """
    return x


def untyped(a, *, b: int) -> int: ...
def no_result(a: int): ...


class Some:
    def method(self, a: int) -> int:
        try:
            return a  # type: ignore[no-any-return]  # planted
        except (ValueError, Exception):
            pass
        except BaseException:
            pass
        except ValueError:
            pass
        except BaseException:
            raise
        except:
            pass
'''


@pytest.fixture(scope="module")
def shape() -> Shape:
    return measure(package_sources())


def test_functions_are_short(shape: Shape) -> None:
    too_long = [f"{f.where} {f.name}: {f.length} lines" for f in shape.functions if f.length > MAX_LINES]
    assert too_long == []


def test_the_usual_function_is_short(shape: Shape) -> None:
    median, p95 = shape.median, shape.p95
    longest = sorted(((f.length, f.where) for f in shape.functions), reverse=True)[:20]
    assert median <= MAX_MEDIAN
    assert p95 <= MAX_P95, longest


def test_every_function_is_typed(shape: Shape) -> None:
    assert [f"{f.where} {f.name}" for f in shape.functions if not f.typed] == []


def test_type_errors_are_rarely_ignored(shape: Shape) -> None:
    allowed = ceil(IGNORES_PER_K * shape.code_lines / 1000)
    found = shape.ignores
    assert len(found) <= allowed


def test_broad_excepts_are_rare(shape: Shape) -> None:
    allowed = ceil(BROAD_EXCEPTS_PER_K * shape.code_lines / 1000)
    found = shape.broad_excepts
    assert len(found) <= allowed


def test_a_planted_source_is_measured_as_counted_by_hand() -> None:
    planted = measure([Source(PurePosixPath("planted.py"), PLANTED)])
    assert {f.name: (f.length, f.typed) for f in planted.functions} == {
        "long": (6, True),
        "untyped": (1, False),
        "no_result": (1, False),
        "method": (13, True),
    }
    assert (planted.longest, planted.typed) == (13, 0.5)
    assert len(planted.ignores) == 1
    assert len(planted.broad_excepts) == 3
    assert planted.code_lines == 24


def test_the_row_has_every_column(shape: Shape) -> None:
    header, rule, row = table(shape, measure(suite_sources())).splitlines()
    assert header.count("|") == rule.count("|") == row.count("|") == 8
