"""Audit: is what readers see still what was judged, and what is written? Somebody may write to it, or beside it."""

from __future__ import annotations

from tidegate.model import Finding, Layer, Version
from tidegate.services.incidents import WRITTEN
from tidegate.services.site import Site


def altered(site: Site, version: Version) -> tuple[str, ...]:
    """What of a version is not what was audited, in words; empty when nothing is, or when it never was audited.

    Raises:
        StorageError, WarehouseError: it cannot be read.
    """
    return () if version.fingerprint is None else site.warehouse.altered(version.number, version.fingerprint)


def unaudited(site: Site) -> tuple[Finding, ...]:
    """A finding that holds, when the published version was written since it was audited; a few small reads.

    It holds the next version too, which was copied from it: only a person knows whether what was written is right.
    """
    version = site.state.published()
    parts = altered(site, version) if version is not None else ()
    if version is None or not parts:
        return ()
    was = "is" if len(parts) == 1 else "are"
    return (
        Finding(
            key="pipeline/published-written",
            kind=WRITTEN,
            layer=Layer.TECHNICAL,
            dataset=None,
            sentence=(
                f"version {version.number}, which readers see, was written after it was published:"
                f" {' and '.join(parts)} {was} not what was audited"
            ),
            holds=True,
            hint=f"find out who wrote to `{site.warehouse.state_folder(version.number).parent}`",
        ),
    )


def passed_by(site: Site) -> tuple[str, ...]:
    """A note, when the database that version 1 was copied from is still written: readers never see what is written there."""
    original = site.settings.warehouse.adopt
    adopted = next((p for p in site.state.publications() if p.kind == "adopt"), None)
    written = site.warehouse.written_at(original) if original is not None and adopted is not None else None
    if written is None or adopted is None or written <= adopted.at:
        return ()
    when = f"{written:%Y-%m-%d %H:%M} UTC, after version {adopted.version} was copied from it"
    step = "make what writes there a step that writes to `TIDEGATE_DATABASE`"
    return (f"`{original}` was written at {when}: readers do not see that; {step}",)
