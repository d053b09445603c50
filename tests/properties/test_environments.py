"""Laying an environment over a file, and filling roles with people, for any file and any approvals."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from tidegate.config import environments
from tidegate.services.promote import _filled

LEAVES = {
    ("learned",): st.sampled_from(["hold", "warn", "off"]),
    ("quarantine_limit",): st.sampled_from([0.1, 0.2]),
    ("retention", "versions"): st.integers(1, 9),
    ("retention", "days"): st.integers(0, 9),
    ("samples", "rows"): st.integers(0, 9),
    ("samples", "mask"): st.lists(st.sampled_from(["email", "name"]), max_size=2),
    ("warehouse", "database"): st.sampled_from(["a.duckdb", "b.duckdb"]),
    ("warehouse", "path"): st.just("elsewhere"),
}
STEPS = {("timeout",): st.sampled_from(["1m", "2m"]), ("env", "A"): st.sampled_from("xy"), ("env", "B"): st.just("z")}


def tree(said: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for loc, value in said.items():
        here = found
        for key in loc[:-1]:
            here = here.setdefault(key, {})
        here[loc[-1]] = value
    return found


def at(value: Any, loc: tuple[str | int, ...]) -> Any:
    for key in loc:
        value = value[key]
    return value


some = st.fixed_dictionaries({}, optional=LEAVES)
of_a_step = st.fixed_dictionaries({}, optional=STEPS)


@given(below=some, above=some, step=of_a_step, over_step=of_a_step)
def test_what_the_environment_says_holds_and_the_rest_is_the_file_s(
    below: Mapping[Any, Any], above: Mapping[Any, Any], step: Mapping[Any, Any], over_step: Mapping[Any, Any]
) -> None:
    steps = [{"name": "first", "run": "x"}, {"name": "load", "run": "y", **tree(step)}]
    own = {**tree(above), "steps": {"load": tree(over_step)}}
    plain = {**tree(below), "steps": steps, "environments": {"e": own}}
    said = environments.layered(plain, "e", lambda *loc: "/".join(map(str, loc)))
    for loc in LEAVES:
        if loc in above:
            assert at(said.plain, loc) == above[loc]
            assert said.where(*loc) == "/".join(("environments", "e", *loc))
        elif loc in below:
            assert at(said.plain, loc) == below[loc]
            assert said.where(*loc) == "/".join(loc)
        assert said.is_own(*loc) == (loc in above)
    for loc in STEPS:
        if loc in {**step, **over_step}:
            assert at(said.plain, ("steps", 1, *loc)) == {**step, **over_step}[loc]
        assert said.is_own("steps", 1, *loc) == (loc in over_step)
    assert said.plain["steps"][0] == steps[0]
    assert environments.layered(plain, "", lambda *loc: "").plain == plain


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.sampled_from("wxyz"), max_size=3), max_size=4))
def test_as_many_roles_are_filled_as_people_allow(may: dict[str, list[str]]) -> None:
    filled = _filled(may)
    assert all(person in may[role] for role, person in filled.items())
    assert len(set(filled.values())) == len(filled)
    assert len(filled) == max(
        sum(person in may[role] for role, person in zip(may, people, strict=False)) for people in permutations("wxyz")
    )
