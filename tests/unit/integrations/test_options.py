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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("python load.py --day 1", ("python", "load.py", "--day", "1")),
        ("sh -c 'a && b | c > d; e'", ("sh", "-c", "a && b | c > d; e")),
        ("curl https://example.org/x?a=1&b=2;c", ("curl", "https://example.org/x?a=1&b=2;c")),
        (r"find . -name x -exec rm {} \;", ("find", ".", "-name", "x", "-exec", "rm", "{}", ";")),
        ("grep '|' \"a;\" A=1", ("grep", "|", "a;", "A=1")),
    ],
)
def test_a_command_is_cut_into_words(line: str, words: tuple[str, ...]) -> None:
    assert options.command("s", line) == words


@pytest.mark.parametrize("word", ["&&", "||", "|", ";", ">", ">>", "2>", "2>&1", "&>", "<", "&", "out.txt;"])
def test_a_word_that_only_a_shell_understands_is_not_handed_to_the_program(word: str) -> None:
    with pytest.raises(ConfigError, match="no shell reads it") as caught:
        options.command("s", f"python a.py {word} python b.py")
    assert f"`{word}`" in str(caught.value)
    assert "sh -c" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("SHOP_DB=$TIDEGATE_DATABASE python a.py", '`env: {SHOP_DB: "${TIDEGATE_DATABASE}"}`'),
        ("DAY=2026-01-01 python a.py", '`env: {DAY: "2026-01-01"}`'),
    ],
)
def test_a_variable_before_the_program_belongs_into_env(line: str, said: str) -> None:
    with pytest.raises(ConfigError, match="no shell reads it") as caught:
        options.command("s", line)
    assert said in (caught.value.hint or "")


def test_env_takes_what_the_environment_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELD", "a b")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("NONE", raising=False)
    said = {"A": "${HELD}/x", "B": "${NONE:-c}", "C": "$HELD", "D": "${EMPTY}", "E": "${TIDEGATE_DATABASE}"}
    assert options.filled("s", said, "/w/shop.duckdb") == {
        "A": "a b/x",
        "B": "c",
        "C": "$HELD",
        "D": "",
        "E": "/w/shop.duckdb",
    }
    with pytest.raises(ConfigError, match="`env` needs `NONE`, which the environment has not"):
        options.filled("s", {"A": "${NONE}"})
