"""Further classes of faults for the detection benchmark (`--extra-faults bench.detection_faults`): none of them taught a constant."""

from __future__ import annotations

from typing import Any

import numpy as np
from faults import (
    Altered,
    Setting,
    as_float,
    as_object,
    number_columns,
    pick,
    present,
    register,
    segment,
    text_columns,
    time_columns,
)


@register("upper_bound", 0.9, 0.5)
def upper_bound(frame: Any, share: float, rng: np.random.Generator, setting: Setting) -> Altered | None:
    """Values above a quantile are cut off."""
    columns = number_columns(frame, setting)
    if not columns:
        return None
    column = pick(rng, columns)
    return Altered(frame.assign(**{column: frame[column].clip(upper=frame[column].quantile(share))}), column)


@register("shuffled_column", "all")
def shuffled_column(frame: Any, _how: str, rng: np.random.Generator, setting: Setting) -> Altered | None:
    """One column's values lie in other rows."""
    columns = number_columns(frame, setting) + text_columns(frame, setting)
    if not columns:
        return None
    column = pick(rng, columns)
    return Altered(frame.assign(**{column: rng.permutation(frame[column].to_numpy())}), column)


@register("segment_nulls", "small", "large")
def segment_nulls(frame: Any, size: str, rng: np.random.Generator, setting: Setting) -> Altered | None:
    """One column is empty in one segment."""
    found, columns = segment(frame, setting, rng, size), number_columns(frame, setting)
    if not found or not columns:
        return None
    column = pick(rng, columns)
    as_float(frame, column)
    frame.loc[frame[found[0]] == found[1], column] = np.nan
    return Altered(frame, column)


@register("hours_missing", 1, 4)
def hours_missing(frame: Any, hours: int, rng: np.random.Generator, setting: Setting) -> Altered | None:
    """The rows of some hours in the middle of the day are missing."""
    times = [c for c in time_columns(frame, setting) if frame[c].dt.hour.nunique() > 6]
    if not times:
        return None
    start = int(rng.integers(8, 18))
    return Altered(frame[~frame[times[0]].dt.hour.between(start, start + hours - 1)], None)


@register("whole_numbers", 1.0)
def whole_numbers(frame: Any, _share: float, rng: np.random.Generator, setting: Setting) -> Altered | None:
    """A column lost its decimals."""
    columns = [c for c in number_columns(frame, setting) if (frame[c].dropna() % 1 != 0).mean() > 0.3]
    if not columns:
        return None
    column = pick(rng, columns)
    return Altered(frame.assign(**{column: frame[column].round()}), column)


@register("one_value", 0.3, 1.0)
def one_value(frame: Any, share: float, rng: np.random.Generator, setting: Setting) -> Altered | None:
    """A share of a text column was overwritten with its most frequent value."""
    columns = [c for c in text_columns(frame, setting) if frame[c].nunique() >= 3]
    if not columns:
        return None
    column = pick(rng, columns)
    as_object(frame, column)
    rows = present(frame[column])
    frame.loc[rng.choice(rows, max(1, int(share * len(rows))), replace=False), column] = frame[column].mode().iloc[0]
    return Altered(frame, column)
