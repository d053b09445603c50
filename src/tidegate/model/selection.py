"""What can be selected, and how it is asked for: dbt's node selection as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectable:
    """Something that a selection can name: a node of dbt's graph, a macro, or a check or table of `tidegate.yml`.

    `kind` is dbt's resource type. `path` is relative to the dbt project's folder, which is `folder` for the user and empty
    for what is declared elsewhere; `patch_path` is the YAML file that describes it. `own` tells whether it belongs to the project itself and not to an
    installed package. `parents` are the ids that it depends on, `macros` those of its macros. `aspects` are texts that
    stay the same as long as that side of it does: what `state:modified` compares. `loaded_at` is the newest time in a
    source, as `dbt source freshness` found it, ISO 8601.
    """

    id: str
    kind: str
    name: str
    fqn: tuple[str, ...] = ()
    package: str = ""
    own: bool = True
    folder: str = "."
    path: str = ""
    patch_path: str | None = None
    tags: tuple[str, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    group: str | None = None
    access: str | None = None
    source: str | None = None
    test_name: str | None = None
    test_type: str | None = None
    version: str | None = None
    latest_version: str | None = None
    parents: tuple[str, ...] = ()
    macros: tuple[str, ...] = ()
    aspects: Mapping[str, str] = field(default_factory=dict)
    loaded_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a person asks for, in dbt's words: `select` and `exclude` are lists of specs, each with its own spaces.

    `indirect` is dbt's `--indirect-selection`. `before` is what another state of the project held, by id, and `results`
    how its tests ended, `loaded` the newest time in each source; all None where no state was given. `selector` names a definition of dbt's selectors.yml,
    and then there is neither `select` nor `exclude`.
    """

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    selector: str | None = None
    indirect: str = "eager"
    before: Mapping[str, Selectable] | None = None
    results: Mapping[str, str] | None = None
    loaded: Mapping[str, str] | None = None

    def __bool__(self) -> bool:
        return bool(self.select or self.exclude or self.selector)
