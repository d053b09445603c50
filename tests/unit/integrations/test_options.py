"""A step's own settings are read, and what cannot be used is named."""

from __future__ import annotations

import pytest

from tidegate.errors import ConfigError, UnknownKeyError
from tidegate.integrations import options


def test_an_unknown_option_names_the_nearest_known_one() -> None:
    with pytest.raises(UnknownKeyError, match="step `load`: unknown option `pyton`") as caught:
        options.known("load", {"pyton": "x"}, ("python", "args"))
    assert caught.value.hint == "did you mean `python`?"
    with pytest.raises(UnknownKeyError) as caught:
        options.known("load", {"zzz": "x"}, ("python", "args"))
    assert caught.value.hint == "a step of this kind knows args, python"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), ("dev", "dev"), (3, "3")],
    ids=str,
)
def test_a_text(value: object, expected: str | None) -> None:
    assert options.text("s", {"target": value}, "target") == expected


@pytest.mark.parametrize("value", ["", True, [], {}], ids=repr)
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="`target` is"):
        options.text("s", {"target": value}, "target")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ("-s 'my model'", ("-s", "my model")),
        (["--threads", 4], ("--threads", "4")),
    ],
    ids=str,
)
def test_words(value: object, expected: tuple[str, ...]) -> None:
    assert options.words("s", {"args": value}, "args") == expected


@pytest.mark.parametrize("value", [3, [{}], {"a": 1}, "an 'open quote"], ids=repr)
def test_what_is_no_list_of_words_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="step `s`"):
        options.words("s", {"args": value}, "args")


def test_environment_variables_are_text() -> None:
    said = options.variables("s", {"env": {"A": 1, "B": True, "C": None, "D": "x"}})
    assert said == {"A": "1", "B": "true", "C": "", "D": "x"}
    assert options.variables("s", {}) == {}
    with pytest.raises(ConfigError, match="`env` is"):
        options.variables("s", {"env": ["A=1"]})
    with pytest.raises(ConfigError, match="`env` is"):
        options.variables("s", {"env": {"A": [1]}})
