"""Protocols that adapters keep, with their docstrings as the contract; capabilities and the clock."""

from tidegate.ports.progress import Clock, Progress
from tidegate.ports.state import AnswerStore, NewEvent, StateStore
from tidegate.ports.step import Step, StepContext
from tidegate.ports.warehouse import ROW, Answer, Candidate, Capabilities, Mark, Reader, Suspicion, Warehouse

__all__ = [
    "ROW",
    "Answer",
    "AnswerStore",
    "Candidate",
    "Capabilities",
    "Clock",
    "Mark",
    "NewEvent",
    "Progress",
    "Reader",
    "StateStore",
    "Step",
    "StepContext",
    "Suspicion",
    "Warehouse",
]
