"""Read a step's own settings out of the mapping that `tidegate.yml` has for it."""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence

from tidegate.errors import ConfigError, UnknownKeyError


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


def variables(step: str, options: Mapping[str, object], key: str = "env") -> dict[str, str]:
    """Environment variables; numbers become text, true and false as YAML writes them."""
    value = options.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or any(isinstance(v, Mapping | list) for v in value.values()):
        raise ConfigError(f"step `{step}`: `{key}` is `{value!r}`, not a mapping of names to values")
    return {str(k): json.dumps(v) if isinstance(v, bool) else "" if v is None else str(v) for k, v in value.items()}
