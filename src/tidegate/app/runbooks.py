"""Runbooks: find the team's Markdown and the sections that ship with the package, and show what an incident needs of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tidegate.errors import RunbookError
from tidegate.model import Incident, Settings
from tidegate.services.runbook import Advice, Section, advice, read, values
from tidegate.services.site import Site

FOLDER = "runbooks"
"""The folder beside `tidegate.yml` whose Markdown files are all read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The sections for an incident; `problems` are files that could not be used, which hides none of the others."""

    sections: tuple[Advice, ...]
    problems: tuple[str, ...]


def shown(site: Site, incident: Incident) -> Shown:
    """What the runbooks say to an incident."""
    own: list[Section] = []
    problems: list[str] = []
    for path, bound in _files(site.settings):
        source = path.relative_to(site.settings.root).as_posix()
        try:
            own += read(path.read_text(encoding="utf-8"), source, bound=bound)
        except RunbookError as error:
            problems.append(f"{error}; {error.hint}")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"`{source}` cannot be read: {error}")
    published = site.state.published()
    owners = [p.owner for p in site.settings.products if p.name in incident.products and p.owner]
    known = values(incident, published=published.number if published else None, owners=owners)
    found = advice(incident, own, built_in(), known)
    problems += [
        f"`{section.source}:{section.line}`: `{{{{{name}}}}}` stands for nothing"
        for section in found
        for name in section.unknown
    ]
    return Shown(sections=found, problems=tuple(dict.fromkeys(problems)))


def built_in() -> tuple[Section, ...]:
    """The sections that ship with the package: one for each kind of finding."""
    folder = resources.files("tidegate.kit") / FOLDER
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".md")), key=lambda file: file.name)
    return tuple(s for file in files for s in read(file.read_text(encoding="utf-8"), f"tidegate/{file.name}"))


def _files(settings: Settings) -> Iterator[tuple[Path, Mapping[str, tuple[str, ...]]]]:
    """The team's files, each with the products that name it: all of `runbooks/`, and what products name elsewhere."""
    named: dict[Path, list[str]] = {}
    for product in settings.products:
        if product.runbook is not None:
            named.setdefault((settings.root / product.runbook).absolute(), []).append(product.name)
    folder = (settings.root / FOLDER).absolute()
    for path in dict.fromkeys([*named, *sorted(folder.glob("*.md"))]):
        yield path, {"product": tuple(named[path])} if path in named else {}
