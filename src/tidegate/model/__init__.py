"""The nouns: frozen values that every other unit speaks in. Times are aware UTC, intervals half-open."""

from tidegate.model.dataset import Column, Dataset, DatasetRef, Family, Interval
from tidegate.model.event import Event
from tidegate.model.incident import Incident, IncidentState
from tidegate.model.judgement import (
    Action,
    Band,
    Check,
    CheckResult,
    Decision,
    Finding,
    Layer,
    Outcome,
    Sample,
    Severity,
    Slice,
)
from tidegate.model.measurement import Measurement, MetricSpec, Segment, Statement, StatementCost
from tidegate.model.pipeline import Node, PipelineFacts, Run, RunStatus, StepReport, StepStatus, TestRun
from tidegate.model.settings import (
    Product,
    Retention,
    Settings,
    StepSettings,
    TableSettings,
    WarehouseSettings,
)
from tidegate.model.version import Publication, Version, VersionState

__all__ = [
    "Action",
    "Band",
    "Check",
    "CheckResult",
    "Column",
    "Dataset",
    "DatasetRef",
    "Decision",
    "Event",
    "Family",
    "Finding",
    "Incident",
    "IncidentState",
    "Interval",
    "Layer",
    "Measurement",
    "MetricSpec",
    "Node",
    "Outcome",
    "PipelineFacts",
    "Product",
    "Publication",
    "Retention",
    "Run",
    "RunStatus",
    "Sample",
    "Segment",
    "Settings",
    "Severity",
    "Slice",
    "Statement",
    "StatementCost",
    "StepReport",
    "StepSettings",
    "StepStatus",
    "TableSettings",
    "TestRun",
    "Version",
    "VersionState",
    "WarehouseSettings",
]
