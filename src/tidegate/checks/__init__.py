"""What a check means: the numbers that it needs, how they are judged, and which rows to look at when it fails."""

from tidegate.checks.blind import blind_spots
from tidegate.checks.catalogue import BY_DBT, CHECKS
from tidegate.checks.kind import CheckKind
from tidegate.checks.movable import failing_rows, is_movable
from tidegate.checks.plan import nearest, needs, refusal
from tidegate.checks.sample import SampleQuery, sample_query
from tidegate.checks.threshold import ThresholdError, meets
from tidegate.checks.verdict import judge
from tidegate.metrics import is_personal, mask

__all__ = [
    "BY_DBT",
    "CHECKS",
    "CheckKind",
    "SampleQuery",
    "ThresholdError",
    "blind_spots",
    "failing_rows",
    "is_movable",
    "is_personal",
    "judge",
    "mask",
    "meets",
    "nearest",
    "needs",
    "refusal",
    "sample_query",
]
