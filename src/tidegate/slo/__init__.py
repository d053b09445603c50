"""Service levels, purely: from what happened to good and bad time, and from that to budgets, burn rates and alarms."""

from tidegate.slo.budget import Account, Burn, Standing, account
from tidegate.slo.indicators import (
    NOTHING_KNOWN,
    Shares,
    Shown,
    availability,
    by_version,
    completeness,
    freshness,
    latency,
    metric,
    quality,
    shown,
)
from tidegate.slo.objectives import objectives
from tidegate.slo.track import Stretch, Tally, Track, tally, worst

__all__ = [
    "NOTHING_KNOWN",
    "Account",
    "Burn",
    "Shares",
    "Shown",
    "Standing",
    "Stretch",
    "Tally",
    "Track",
    "account",
    "availability",
    "by_version",
    "completeness",
    "freshness",
    "latency",
    "metric",
    "objectives",
    "quality",
    "shown",
    "tally",
    "worst",
]
