"""Protocols that adapters keep, with their docstrings as the contract; capabilities and the clock."""

from tidegate.ports.progress import Clock, Progress
from tidegate.ports.state import NewEvent, StateStore
from tidegate.ports.step import Step, StepContext
from tidegate.ports.warehouse import Answer, Candidate, Capabilities, Reader, Warehouse

__all__ = [
    "Answer",
    "Candidate",
    "Capabilities",
    "Clock",
    "NewEvent",
    "Progress",
    "Reader",
    "StateStore",
    "Step",
    "StepContext",
    "Warehouse",
]
