"""`tidegate drill`: list, run, show."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.app.drill import fault, faults, sandbox
from tidegate.app.notify import channels
from tidegate.cli import render_drill
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.config import dataset_ref, read_drills
from tidegate.errors import UsageError
from tidegate.model import Drill
from tidegate.services import drill as service
from tidegate.services import notify
from tidegate.services.drill import Drilled, Stage
from tidegate.services.site import Site

OF_A_FAULT = ("table", "column", "where", "value", "magnitude")


def list_(arguments: argparse.Namespace, output: Output) -> int:
    """List the drills with what came of them last, and the faults. Always 0: looking is no finding."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        drills = read_drills(site.settings.root)
        last = {p.name: p for p in reversed(service.past(site))}
        known = faults()
        if output.json:
            told = [
                {"name": f.name, "summary": f.summary, "suits": f.suits, "magnitude": f.magnitude, "unit": f.unit}
                for f in known.values()
            ]
            output.document("drills", {"drills": drills, "last": last, "faults": told})
        else:
            render_drill.listing(output, drills, last, list(known.values()))
    return 0


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Play drills. 1 when the gate does not keep one from readers."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet)) as site:
        chosen = tuple(_chosen(site, arguments))
        with sandbox(site) as stage:
            played = [*_played(site, stage, chosen, arguments)]
        sent = notify.rehearse(site, channels(site.settings), played) if arguments.notify else ()
        if output.json:
            output.document("drill", {"drills": played, "caught": sum(d.caught for d in played), "sent": sent})
        else:
            render_drill.played(output, played, sent)
    return 0 if all(d.caught for d in played) else 1


def _chosen(site: Site, arguments: argparse.Namespace) -> Iterator[Drill]:
    """The drills that are meant.

    Raises:
        UsageError: none of them, or options that belong to faults.
    """
    files = {d.name: d for d in read_drills(site.settings.root)}
    given = [name for name in OF_A_FAULT if getattr(arguments, name) is not None]
    names = [*arguments.name, *(faults() if arguments.all_faults else ())]
    if not names:
        if not files:
            raise UsageError(
                "there is no drill in `drills/`",
                hint="name a fault and a table: `tidegate drill run rows-lost --table raw.orders`; `drill list` has all",
            )
        names = list(files)
    for name in names:
        if name in files:
            if given:
                raise UsageError(f"`--{given[0]}` belongs to faults, and `{name}` is a drill", hint="edit its file")
            yield files[name]
        else:
            yield _of_fault(fault(name).name, arguments)


def _of_fault(name: str, arguments: argparse.Namespace) -> Drill:
    if arguments.table is None:
        raise UsageError(f"`{name}` needs a table", hint=f"`tidegate drill run {name} --table raw.orders`")
    return Drill(
        name=name,
        fault=name,
        table=dataset_ref(arguments.table),
        column=arguments.column,
        where=arguments.where,
        value=arguments.value,
        magnitude=arguments.magnitude,
    )


def _played(site: Site, stage: Stage, chosen: Sequence[Drill], arguments: argparse.Namespace) -> Iterator[Drilled]:
    """Each drill, kept in the ledger as it ends. Of all faults, those that cannot happen to the table are left out, told."""
    for number, one in enumerate(chosen, start=1):
        site.progress.stage("drill", f"{number} of {len(chosen)}: {one.name} on {one.table}")
        try:
            drilled = service.play(stage, one, fault(one.fault), quick=arguments.quick)
        except UsageError as error:
            if not arguments.all_faults:
                raise
            site.progress.say(f"{one.name} is left out: {error}")
            continue
        service.record(site, drilled)
        yield drilled


def show(arguments: argparse.Namespace, output: Output) -> int:
    """Show what came of a drill, the newest first. Always 0: looking back is no finding."""
    with open_site(Path(arguments.project), StderrProgress(quiet=output.quiet), with_steps=False) as site:
        found = service.past(site, arguments.name)
        if not found:
            played = ", ".join(sorted({p.name for p in service.past(site)})) or "none"
            raise UsageError(f"no drill `{arguments.name}` was played yet", hint=f"played were: {played}")
        if output.json:
            output.document("drill-history", {"name": arguments.name, "played": found})
        else:
            render_drill.history(output, found)
    return 0
