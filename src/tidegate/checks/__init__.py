"""What a check means: the numbers that it needs, how they are judged, and which rows to look at when it fails."""

from tidegate.checks.catalogue import CHECKS, CheckKind
from tidegate.checks.plan import needs
from tidegate.checks.sample import SampleQuery, sample_query
from tidegate.checks.threshold import ThresholdError, meets
from tidegate.checks.verdict import judge
from tidegate.metrics import is_personal, mask

__all__ = [
    "CHECKS",
    "CheckKind",
    "SampleQuery",
    "ThresholdError",
    "is_personal",
    "judge",
    "mask",
    "meets",
    "needs",
    "sample_query",
]
