"""`tidegate promote` and `tidegate environments`: what goes from one environment to another, and how they differ."""

from __future__ import annotations

from tidegate.cli.command import Command, option

PROMOTE = Command(
    name="promote",
    help="take a version, or a code revision, to another environment with its evidence, or hold it",
    handler="promote:promote",
    options=(
        option("version", type=int, nargs="?", metavar="VERSION", help="of the source; default: its published one"),
        option("--to", metavar="NAME", help="the environment it goes to (default: the chosen one)"),
        option("--from", dest="source", metavar="NAME", help="where it comes from (default: `promotion.source`)"),
        option(
            "--revision",
            nargs="?",
            const="",
            metavar="REV",
            help="allow this commit to run there, instead of taking data there; default: that of the version",
        ),
        option("--plan", action="store_true", help="only show the evidence, and what of it is missing"),
        option("--approve", action="store_true", help="record that you approve of exactly these bytes, or this commit"),
        option("--role", metavar="ROLE", help="approve: the role in which you do, one of `promotion.approvals`"),
        option("--reason", metavar="TEXT", default="", help="approve: why; promote: what for; kept in the ledger"),
        option("--wait", metavar="TIME", default="0s", help="wait this long for another run's lock, such as 10m"),
    ),
)

ENVIRONMENTS = Command(
    name="environments",
    help="what each environment shows its readers, and where it differs from the one before",
    handler="promote:environments",
)
