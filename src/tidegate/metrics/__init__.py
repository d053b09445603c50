"""The catalogue of numbers, and the SQL aggregate that measures each."""

from tidegate.metrics.catalogue import METRICS, Metric, Unmeasured
from tidegate.metrics.fragments import accepted, aggregate, conditions, in_segment, literal, quoted, relation, select
from tidegate.metrics.kinds import NUMBERS, TIMES, Kind, kind_of
from tidegate.metrics.personal import is_personal, mask
from tidegate.metrics.predicate import ConditionError, condition, query

__all__ = [
    "METRICS",
    "NUMBERS",
    "TIMES",
    "ConditionError",
    "Kind",
    "Metric",
    "Unmeasured",
    "accepted",
    "aggregate",
    "condition",
    "conditions",
    "in_segment",
    "is_personal",
    "kind_of",
    "literal",
    "mask",
    "query",
    "quoted",
    "relation",
    "select",
]
