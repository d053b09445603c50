"""The nouns: frozen values that every other unit speaks in. Times are aware UTC, intervals half-open."""

from tidegate.model.contract import (
    Contract,
    ContractChange,
    ContractColumn,
    ContractQuality,
    ContractReference,
    ContractTable,
    Remark,
    SlaProperty,
)
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
from tidegate.model.measurement import Grid, Measurement, MetricSpec, Segment, Statement, StatementCost, Value
from tidegate.model.pipeline import Node, PipelineFacts, Run, RunStatus, StepReport, StepStatus, TestRun
from tidegate.model.quarantine import Quarantined
from tidegate.model.selection import Selectable, Selection
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
    "Contract",
    "ContractChange",
    "ContractColumn",
    "ContractQuality",
    "ContractReference",
    "ContractTable",
    "Dataset",
    "DatasetRef",
    "Decision",
    "Event",
    "Family",
    "Finding",
    "Grid",
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
    "Quarantined",
    "Remark",
    "Retention",
    "Run",
    "RunStatus",
    "Sample",
    "Segment",
    "Selectable",
    "Selection",
    "Settings",
    "Severity",
    "SlaProperty",
    "Slice",
    "Statement",
    "StatementCost",
    "StepReport",
    "StepSettings",
    "StepStatus",
    "TableSettings",
    "TestRun",
    "Value",
    "Version",
    "VersionState",
    "WarehouseSettings",
]
