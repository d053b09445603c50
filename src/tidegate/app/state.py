"""Which state store a project has: a file of its own, or a PostgreSQL database that a team shares."""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from tidegate.config import NAMED, NAMED_OR_NONE
from tidegate.errors import StateUnreachableError
from tidegate.model import Settings
from tidegate.ports import StateStore


def open_state(settings: Settings, *, create: bool) -> StateStore:
    """The project's state store; without `create` one that is missing reads as empty.

    Raises:
        StateUnreachableError: the environment lacks a name of the address, the driver is not installed, or no server answers.
    """
    if settings.state is not None and (address := _address(settings.state)):
        return _shared_state(address, create=create)
    from tidegate.state.sqlite import SQLiteStateStore

    return SQLiteStateStore(settings.state_path, create=create)


def _shared_state(address: str, *, create: bool) -> StateStore:
    try:
        from tidegate.state.postgres import PostgresStateStore
    except ImportError as error:
        raise StateUnreachableError(
            f"the PostgreSQL driver cannot be loaded ({error})", hint="run `pip install 'tidegate[postgres]'`"
        ) from error
    return PostgresStateStore(address, create=create)


def _address(said: str) -> str:
    """The address with the values of its names; one that is a part of it may hold any character, such as an `@`.

    Empty where it is all one name that may be missing (`${NAME:-}`), and the environment has none.
    """
    if optional := NAMED_OR_NONE.fullmatch(said):
        return os.environ.get(optional[1], "")
    if whole := NAMED.fullmatch(said):
        return _from_environment(whole)
    return NAMED.sub(lambda found: quote(_from_environment(found), safe=""), said)


def _from_environment(found: re.Match[str]) -> str:
    held = os.environ.get(found[1])
    if not held:
        raise StateUnreachableError(
            f"`state:` needs `{found[1]}`, which the environment has not", hint=f"set `{found[1]}` where tidegate runs"
        )
    return held
