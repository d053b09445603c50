"""Probe: ask what readers would ask, and keep what came."""

from __future__ import annotations

from tidegate.errors import NothingCheckedError, TidegateError
from tidegate.model import Probe, Probed
from tidegate.ports import HttpAsker
from tidegate.services.site import Site


def probe(site: Site, asker: HttpAsker) -> tuple[Probed, ...]:
    """Run every probe of every product, one after another, and keep the answers.

    Raises:
        NothingCheckedError: no product has a probe.
    """
    probes = [p for product in site.settings.products for p in product.probes]
    if not probes:
        raise NothingCheckedError(
            "no product has a probe", hint="write `probes:` below a product in `tidegate.yml`; docs/slo.md shows how"
        )
    found = []
    for place, one in enumerate(probes):
        site.progress.advance(place, len(probes), f"{one.product}: {one.name}")
        found.append(_http(site, one, asker) if one.http is not None else _sql(site, one))
    site.state.save_probed(found)
    return tuple(found)


def _http(site: Site, said: Probe, asker: HttpAsker) -> Probed:
    at = site.clock.now()
    answer = asker.ask(said.http or "", contains=said.contains, timeout_s=said.timeout.total_seconds())
    error = answer.error
    if error is None and answer.status is not None and not _is_right(answer.status, said.expect):
        error = f"status {answer.status}, expected {said.expect or '2xx'}"
    if error is None and not answer.found:
        error = f"the answer has no `{said.contains}` in it"
    return Probed(
        product=said.product,
        probe=said.name,
        at=at,
        answered=error is None,
        latency_s=answer.latency_s,
        timed_out=answer.timed_out,
        error=error,
    )


def _is_right(status: int, expected: int | None) -> bool:
    return 200 <= status < 300 if expected is None else status == expected


def _sql(site: Site, said: Probe) -> Probed:
    """Open what readers see, as they do, and query it; the time counts from the opening."""
    at, begun, timeout_s = site.clock.now(), site.clock.wall_s(), said.timeout.total_seconds()
    error: str | None = None
    live = site.warehouse.published()
    try:
        if live is None:
            error = "nothing is published"
        else:
            with site.warehouse.reader(live) as reader:
                answer = reader.query(said.sql or "", timeout_s=timeout_s)
            error = None if answer.rows else "the query returned no row"
    except TidegateError as refused:
        error = str(refused)
    latency_s = site.clock.wall_s() - begun
    timed_out = error is not None and latency_s >= timeout_s
    return Probed(
        product=said.product,
        probe=said.name,
        at=at,
        answered=error is None,
        latency_s=latency_s if error is None else None,
        timed_out=timed_out,
        error=error,
    )
