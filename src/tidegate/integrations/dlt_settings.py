"""Read a project's `.dlt/config.toml` and `secrets.toml`: where dlt would write."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tidegate.errors import ConfigSyntaxError
from tidegate.integrations.dlt_script import Pipeline

SCHEME = "duckdb:///"


def read_settings(folder: Path) -> Mapping[str, object]:
    """The settings in `folder/.dlt`, secrets before configuration, as dlt looks them up.

    Raises:
        ConfigSyntaxError: one of the files is not TOML; the message has line and column.
    """
    merged: dict[str, object] = {}
    for name in ("config.toml", "secrets.toml"):
        file = folder / ".dlt" / name
        try:
            merged = _merge(merged, tomllib.loads(file.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigSyntaxError(f"`{file}`: {error}", hint="correct the TOML there") from error
    return merged


def section(settings: Mapping[str, object], *names: str) -> Mapping[str, object]:
    """A table of the settings; empty when there is none."""
    found: object = settings
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def destination_of(pipeline: Pipeline, settings: Mapping[str, object]) -> str | None:
    """The name of the destination that a pipeline uses: the script's, else the settings'; None when neither says."""
    if pipeline.destination is not None:
        return pipeline.destination
    for place in (section(settings, "pipelines", pipeline.name or ""), section(settings, "pipelines"), settings):
        said = place.get("destination_name") or place.get("destination_type")
        if isinstance(said, str):
            return said.rsplit(".", 1)[-1]
    return None


def type_of(destination: str, settings: Mapping[str, object]) -> str:
    """The type of a destination: that of its own section when it is a named one, else its name."""
    said = section(settings, "destination", destination).get("destination_type")
    return said.rsplit(".", 1)[-1] if isinstance(said, str) else destination


def configured_files(settings: Mapping[str, object], folder: Path) -> Iterator[Path]:
    """The DuckDB files that any section named `destination` in the settings gives as credentials."""
    for place in _sections(settings, "destination"):
        for name, said in place.items():
            if isinstance(said, Mapping) and type_of(name, settings) == "duckdb":
                credentials = said.get("credentials")
                path = credentials.get("database") if isinstance(credentials, Mapping) else credentials
                if isinstance(path, str) and (file := database_file(path, folder)):
                    yield file


def database_file(credentials: str, folder: Path) -> Path | None:
    """The file that duckdb credentials mean, a path or `duckdb:///path`; None for `:memory:` and `:pipeline:`."""
    path = credentials.removeprefix(SCHEME)
    if not path or path.startswith(":") or "://" in path:
        return None
    whole = folder / Path(path).expanduser()
    return whole.parent.resolve() / whole.name


def _sections(settings: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    """Sections of that name at the top, and one level down, where they are a pipeline's own."""
    places = [settings, *(v for v in settings.values() if isinstance(v, Mapping))]
    return [s for place in places if isinstance(s := place.get(name), Mapping)]


def _merge(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
