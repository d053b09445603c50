"""Read a step's own settings out of the mapping that `tidegate.yml` has for it."""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tidegate.errors import ConfigError, UnknownKeyError

DATABASE: Final = "TIDEGATE_DATABASE"
NAMED: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")
ASSIGNED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
SHELL: Final = re.compile(r"(&&|\|\|?|&|;|[0-9&]?>>?(&[0-9])?|<)|[^'\"\\]*;")


def known(step: str, options: Mapping[str, object], names: Iterable[str]) -> Mapping[str, object]:
    """The options, none of which is unknown.

    Raises:
        UnknownKeyError: a key that the step does not read.
    """
    allowed = sorted(names)
    for key in options:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"a step of this kind knows {', '.join(allowed)}"
            raise UnknownKeyError(f"step `{step}`: unknown option `{key}`", hint=hint)
    return options


def text(step: str, options: Mapping[str, object], key: str) -> str | None:
    """A single value, None when it is not there."""
    value = options.get(key)
    if value is None:
        return None
    if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value):
        return str(value)
    raise ConfigError(f"step `{step}`: `{key}` is `{value!r}`, not a text")


def words(step: str, options: Mapping[str, object], key: str) -> tuple[str, ...]:
    """A list of words; a text is cut as a shell would cut it."""
    value = options.get(key)
    if value is None:
        return ()
    if isinstance(value, str):
        return split(step, value)
    if isinstance(value, Sequence) and all(isinstance(v, str | int | float) for v in value):
        return tuple(str(v) for v in value)
    raise ConfigError(f"step `{step}`: `{key}` is `{value!r}`, not a list of words")


def split(step: str, line: str) -> tuple[str, ...]:
    """A command line as words, without a shell: no `|`, `&&`, `$VARIABLE` or `*`."""
    try:
        return tuple(shlex.split(line))
    except ValueError as error:
        raise ConfigError(
            f"step `{step}`: `{line}` cannot be cut into words: {error}", hint="close the quote"
        ) from error


def command(step: str, line: str) -> tuple[str, ...]:
    """A program and its arguments, `split`; what only a shell would understand is refused, not handed to the program.

    Raises:
        ConfigError: an unquoted `&&`, `|`, `;`, `>` or the like, or `NAME=value` before the program.
    """
    found = split(step, line)
    if found and ASSIGNED.match(found[0]):
        name, _, value = found[0].partition("=")
        value = value if NAMED.fullmatch(value) else re.sub(r"^\$(\w+)$", r"${\1}", value)
        raise ConfigError(
            f"step `{step}`: the command begins with `{found[0]}`, and no shell reads it",
            hint=f'write `env: {{{name}: "{value}"}}` in the step',
        )
    raw = re.findall(r"""(?:'[^']*'|"[^"]*"|\\.|\S)+""", line)
    if strange := next((word for word in raw if SHELL.fullmatch(word)), None):
        raise ConfigError(
            f"step `{step}`: `{strange}` in the command would be handed to `{found[0]}`: no shell reads it",
            hint="write one step for each command, or `sh -c '...'`; quote it if the program is to get it",
        )
    return found


def filled(step: str, values: Mapping[str, str], database: object = "") -> dict[str, str]:
    """The values of `env` with what the environment has for `${NAME}`; `text` for `${NAME:-text}` where it has none.

    Args:
        database: the candidate's file, for `${TIDEGATE_DATABASE}`; empty before there is a candidate.

    Raises:
        ConfigError: the environment lacks a name.
    """
    known = {**os.environ, DATABASE: str(database)}

    def value(found: re.Match[str]) -> str:
        held = known.get(found[1]) or found[2]
        if held is None and found[1] not in known:
            raise ConfigError(
                f"step `{step}`: `env` needs `{found[1]}`, which the environment has not",
                hint=f"set `{found[1]}` where tidegate runs, or write `${{{found[1]}:-value}}`",
            )
        return held or ""

    return {name: NAMED.sub(value, text) for name, text in values.items()}


def variables(step: str, options: Mapping[str, object], key: str = "env") -> dict[str, str]:
    """Environment variables; numbers become text, true and false as YAML writes them."""
    value = options.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or any(isinstance(v, Mapping | list) for v in value.values()):
        raise ConfigError(f"step `{step}`: `{key}` is `{value!r}`, not a mapping of names to values")
    return {str(k): json.dumps(v) if isinstance(v, bool) else "" if v is None else str(v) for k, v in value.items()}
