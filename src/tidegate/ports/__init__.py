"""Protocols that adapters keep, with their docstrings as the contract; capabilities and the clock."""

from typing import TYPE_CHECKING

from tidegate.demand import on_demand

if TYPE_CHECKING:
    from tidegate.ports.fault import HIT, Damage, Fault, Rehearsing
    from tidegate.ports.notify import Notifier, NotifierCapabilities, Option, Place, Sending
    from tidegate.ports.probe import HttpAnswer, HttpAsker
    from tidegate.ports.progress import Clock, Progress
    from tidegate.ports.side import Side, Sides
    from tidegate.ports.state import AnswerStore, NewEvent, Outbox, Planned, StateStore
    from tidegate.ports.step import Backfill, Step, StepContext
    from tidegate.ports.warehouse import ROW, Answer, Candidate, Capabilities, Mark, Reader, Suspicion, Warehouse
    from tidegate.ports.workshop import ASIDE, Rows, Workshop
else:
    __getattr__ = on_demand(
        __name__,
        {
            "fault": "HIT Damage Fault Rehearsing",
            "notify": "Notifier NotifierCapabilities Option Place Sending",
            "probe": "HttpAnswer HttpAsker",
            "progress": "Clock Progress",
            "side": "Side Sides",
            "state": "AnswerStore NewEvent Outbox Planned StateStore",
            "step": "Backfill Step StepContext",
            "warehouse": "ROW Answer Candidate Capabilities Mark Reader Suspicion Warehouse",
            "workshop": "ASIDE Rows Workshop",
        },
    )

__all__ = [
    "ASIDE",
    "HIT",
    "ROW",
    "Answer",
    "AnswerStore",
    "Backfill",
    "Candidate",
    "Capabilities",
    "Clock",
    "Damage",
    "Fault",
    "HttpAnswer",
    "HttpAsker",
    "Mark",
    "NewEvent",
    "Notifier",
    "NotifierCapabilities",
    "Option",
    "Outbox",
    "Place",
    "Planned",
    "Progress",
    "Reader",
    "Rehearsing",
    "Rows",
    "Sending",
    "Side",
    "Sides",
    "StateStore",
    "Step",
    "StepContext",
    "Suspicion",
    "Warehouse",
    "Workshop",
]
