"""Render notifications: targets, what waits, what a try came to."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.app.notify import told
from tidegate.cli.output import Output
from tidegate.cli.render import short, when
from tidegate.model import DeliveryState, Mute
from tidegate.model.words import counted
from tidegate.services.notify import Flushed, Listing, Tried


def listing(output: Output, found: Listing) -> None:
    """The targets, and what is due, waits, or was given up."""
    if output.json:
        output.document("notify", found)
        return
    if not found.targets:
        output.line("nobody is told of incidents: `notify:` in tidegate.yml names no target")
    else:
        rows = [
            (t.to, t.min_severity, str(t.due), str(t.waiting), str(t.dead), t.problem or t.held or "ready")
            for t in found.targets
        ]
        output.table(["target", "from", "due", "waiting", "given up", "now"], rows, right=(2, 3, 4))
        for target in found.targets:
            if target.guarantee:
                output.line(f"{target.to}: {target.guarantee}")
    for mute in found.mutes:
        output.line(f"muted      {mute.what} until {when(mute.until)} UTC by {mute.actor}: {mute.reason}")
    if found.deliveries:
        output.line()
        deliveries = [
            (
                d.target,
                str(d.state) if d.state is not DeliveryState.DEAD else "given up",
                str(d.attempts),
                "-" if d.state is DeliveryState.DEAD else when(d.next_at),
                short(d.notice.headline, 50),
                d.error or "-",
            )
            for d in found.deliveries
        ]
        output.table(["target", "state", "tries", "next (UTC)", "message", "last error"], deliveries, right=(2,))
    dead = sum(t.dead for t in found.targets)
    if found.targets:
        output.line(f"\nnext  tidegate notify {'--retry' if dead else '--flush' if found.deliveries else '--test'}")


def flushed(output: Output, found: Flushed) -> None:
    """What a flush did."""
    if output.json:
        output.document("flush", found)
        return
    for tried in found.tried:
        output.line(told(tried))
    for target, why in found.held.items():
        output.line(f"held {target}: {why}")
    arrived = sum(t.error is None for t in found.tried)
    output.line(f"{counted(arrived, 'message')} delivered, {found.left} waiting")


def tested(output: Output, found: Sequence[Tried]) -> None:
    """What came back from each target."""
    if output.json:
        output.document("notify-test", {"targets": found})
        return
    for tried in found:
        if tried.error is not None:
            output.line(f"{output.strong('FAILED', 'red')}  {tried.target}: {tried.error}")
            output.line(f"        hint: {tried.hint}")
            continue
        answer = ", ".join(f"{name} {text}" for name, text in tried.answer.items()) or "it was taken"
        output.line(f"{output.strong('ARRIVED', 'green')} {tried.target}: {answer}")


def muted(output: Output, mute: Mute) -> None:
    """A mute that began."""
    if output.json:
        output.document("mute", {"mute": mute})
    else:
        output.line(f"`{mute.what}` is muted until {when(mute.until)} UTC: {mute.reason}")


def unmuted(output: Output, mute: Mute) -> None:
    """A mute that ended."""
    if output.json:
        output.document("mute", {"mute": mute})
    else:
        output.line(f"`{mute.what}` is no longer muted; what waited goes out with the next `tidegate notify --flush`")
