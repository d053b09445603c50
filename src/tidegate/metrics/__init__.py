"""The catalogue of numbers, and the SQL aggregate that measures each."""

from tidegate.metrics.atoms import Atoms, average
from tidegate.metrics.catalogue import METRICS, Metric, Unmeasured
from tidegate.metrics.fragments import (
    accepted,
    aggregate,
    conditions,
    in_segment,
    literal,
    quoted,
    relation,
    select,
    taken_apart,
)
from tidegate.metrics.kinds import NUMBERS, TIMES, Kind, element_of, family_of, kind_of
from tidegate.metrics.personal import LOOKS, fields, is_personal, looks_personal, mask
from tidegate.metrics.predicate import ConditionError, Vouched, column_names, condition, is_light, query
from tidegate.metrics.pure import is_pure

__all__ = [
    "LOOKS",
    "METRICS",
    "NUMBERS",
    "TIMES",
    "Atoms",
    "ConditionError",
    "Kind",
    "Metric",
    "Unmeasured",
    "Vouched",
    "accepted",
    "aggregate",
    "average",
    "column_names",
    "condition",
    "conditions",
    "element_of",
    "family_of",
    "fields",
    "in_segment",
    "is_light",
    "is_personal",
    "is_pure",
    "kind_of",
    "literal",
    "looks_personal",
    "mask",
    "query",
    "quoted",
    "relation",
    "select",
    "taken_apart",
]
