"""The nouns: frozen values that every other unit speaks in. Times are aware UTC, intervals half-open."""

from typing import TYPE_CHECKING

from tidegate.demand import on_demand

if TYPE_CHECKING:
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
    from tidegate.model.dataset import Column, Dataset, DatasetRef, Family, Interval, Part
    from tidegate.model.drill import Drill
    from tidegate.model.event import Event, LedgerBreak
    from tidegate.model.incident import Incident, IncidentState, Role
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
    from tidegate.model.notification import (
        Delivery,
        DeliveryState,
        Hush,
        Mute,
        Notice,
        NoticeKind,
        Route,
        Window,
    )
    from tidegate.model.pipeline import Node, PipelineFacts, Run, RunStatus, StepReport, StepStatus, TestRun
    from tidegate.model.quarantine import Quarantined
    from tidegate.model.selection import Selectable, Selection
    from tidegate.model.sequence import CountsUp
    from tidegate.model.settings import (
        Product,
        Promotion,
        Retention,
        Settings,
        Slo,
        StepSettings,
        TableSettings,
        WarehouseSettings,
    )
    from tidegate.model.slo import Indicator, Objective, Probe, Probed
    from tidegate.model.version import Publication, Version, VersionState
else:
    __getattr__ = on_demand(
        __name__,
        {
            "contract": "Contract ContractChange ContractColumn ContractQuality ContractReference ContractTable Remark SlaProperty",
            "dataset": "Column Dataset DatasetRef Family Interval Part",
            "drill": "Drill",
            "event": "Event LedgerBreak",
            "incident": "Incident IncidentState Role",
            "judgement": "Action Band Check CheckResult Decision Finding Layer Outcome Sample Severity Slice",
            "measurement": "Grid Measurement MetricSpec Segment Statement StatementCost Value",
            "notification": "Delivery DeliveryState Hush Mute Notice NoticeKind Route Window",
            "pipeline": "Node PipelineFacts Run RunStatus StepReport StepStatus TestRun",
            "quarantine": "Quarantined",
            "selection": "Selectable Selection",
            "sequence": "CountsUp",
            "settings": "Product Promotion Retention Settings Slo StepSettings TableSettings WarehouseSettings",
            "slo": "Indicator Objective Probe Probed",
            "version": "Publication Version VersionState",
        },
    )

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
    "CountsUp",
    "Dataset",
    "DatasetRef",
    "Decision",
    "Delivery",
    "DeliveryState",
    "Drill",
    "Event",
    "Family",
    "Finding",
    "Grid",
    "Hush",
    "Incident",
    "IncidentState",
    "Indicator",
    "Interval",
    "Layer",
    "LedgerBreak",
    "Measurement",
    "MetricSpec",
    "Mute",
    "Node",
    "Notice",
    "NoticeKind",
    "Objective",
    "Outcome",
    "Part",
    "PipelineFacts",
    "Probe",
    "Probed",
    "Product",
    "Promotion",
    "Publication",
    "Quarantined",
    "Remark",
    "Retention",
    "Role",
    "Route",
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
    "Slo",
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
    "Window",
]
