"""Contracts: read the files that a project or a person names, with the environment's variables in their places."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from tidegate.config import checks_of
from tidegate.errors import ConfigError, ContractError, PathNotFoundError
from tidegate.integrations import odcs
from tidegate.integrations.odcs import Reading
from tidegate.model import Contract, Settings
from tidegate.services.products import with_promises


def read(path: Path, *, name: str) -> Reading:
    """Read one file; `name` is how remarks and checks call it.

    Raises:
        PathNotFoundError: there is no such file.
        ConfigError: it cannot be read, or is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PathNotFoundError(f"there is no contract `{name}`", hint="correct the path") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"`{name}` is not UTF-8 text: {error.reason}", hint="save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"`{name}` cannot be read: {error.strerror}", hint="check what it is, and who may") from None
    return odcs.read(text, file=name, variables=os.environ, own=checks_of)


def usable(path: Path, *, name: str) -> Contract:
    """The contract in a file.

    Raises:
        ContractError: something in it must be repaired first.
        PathNotFoundError, ConfigError: see `read`.
    """
    reading = read(path, name=name)
    if reading.errors or reading.contract is None:
        first = reading.errors[0]
        more = f" ({len(reading.errors) - 1} more: `tidegate contract lint {name}`)" if reading.errors[1:] else ""
        raise ContractError(f"{name}:{first.line}:{first.column}: {first.message}{more}", hint=first.hint)
    return reading.contract


def named(path: Path, root: Path) -> str:
    """How a file is called: relative to the project where it is in it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def of_files(paths: Sequence[str]) -> tuple[Contract, ...]:
    """The contracts in files that a person names.

    Raises:
        ContractError, PathNotFoundError, ConfigError: see `usable`.
    """
    return tuple(usable(Path(path), name=path) for path in paths)


def with_contracts(settings: Settings) -> Settings:
    """The settings with the project's contracts read, and with what they promise among the products' service levels.

    Raises:
        ContractError, PathNotFoundError, ConfigError: see `usable`.
    """
    found = tuple(usable(path, name=named(path, settings.root)) for path in settings.contract_files)
    products = with_promises(settings.products, found)
    return dataclasses.replace(settings, contracts=found, products=products) if found else settings
