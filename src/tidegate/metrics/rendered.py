"""The catalogue's aggregates as sqlglot renders them for DuckDB, so that a scan need not import it.

The reasons stand in the catalogue, which this is written from by
`UPDATE_SNAPSHOTS=1 pytest tests/unit/metrics/test_rendered.py`; that test fails when the two differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

COLUMN: Final = "{column}"
ARGUMENT: Final = "{argument}"
CONDITION: Final = "{condition}"
"""The marks in the places to be filled; the column's is found together with the quotes around it."""

_RENDERED: dict[tuple[str, str], tuple[str, str]] = {
    ("row_count", "other"): ("COUNT(*)", "COUNT(CASE WHEN ({condition}) THEN 1 END)"),
    ("null_count", "integer"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("null_count", "decimal"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("null_count", "wide"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("null_count", "float"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("null_count", "date"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("null_count", "timestamp"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("null_count", "timestamp with time zone"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("null_count", "text"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("null_count", "label"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("null_count", "boolean"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("null_count", "other"): (
        'COUNT(*) - COUNT("{column}")',
        'COUNT(CASE WHEN ({condition}) THEN 1 END) - COUNT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "integer"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "decimal"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "wide"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "float"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "date"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "timestamp"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "timestamp with time zone"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "text"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "label"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "boolean"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_count", "other"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("min", "integer"): (
        'CAST(MIN("{column}") AS DOUBLE)',
        'CAST(MIN(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE)',
    ),
    ("min", "decimal"): (
        'CAST(MIN("{column}") AS DOUBLE)',
        'CAST(MIN(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE)',
    ),
    ("min", "wide"): (
        'CAST(MIN("{column}") AS DOUBLE)',
        'CAST(MIN(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE)',
    ),
    ("min", "float"): (
        'CAST(MIN(CASE WHEN ISFINITE("{column}") THEN "{column}" END) AS DOUBLE)',
        'CAST(MIN(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") THEN "{column}" END END) AS DOUBLE)',
    ),
    ("min", "date"): (
        'EPOCH(MIN(CASE WHEN ISFINITE("{column}") THEN "{column}" END))',
        'EPOCH(MIN(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") THEN "{column}" END END))',
    ),
    ("min", "timestamp"): (
        'EPOCH(MIN(CASE WHEN ISFINITE("{column}") THEN "{column}" END))',
        'EPOCH(MIN(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") THEN "{column}" END END))',
    ),
    ("min", "timestamp with time zone"): (
        'EPOCH(MIN(CASE WHEN ISFINITE("{column}") THEN "{column}" END))',
        'EPOCH(MIN(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") THEN "{column}" END END))',
    ),
    ("min", "other"): (
        'CAST(MIN("{column}") AS DOUBLE)',
        'CAST(MIN(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE)',
    ),
    ("max", "integer"): (
        'CAST(MAX("{column}") AS DOUBLE)',
        'CAST(MAX(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE)',
    ),
    ("max", "decimal"): (
        'CAST(MAX("{column}") AS DOUBLE)',
        'CAST(MAX(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE)',
    ),
    ("max", "wide"): (
        'CAST(MAX("{column}") AS DOUBLE)',
        'CAST(MAX(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE)',
    ),
    ("max", "float"): (
        'CAST(MAX(CASE WHEN ISFINITE("{column}") THEN "{column}" END) AS DOUBLE)',
        'CAST(MAX(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") THEN "{column}" END END) AS DOUBLE)',
    ),
    ("max", "date"): (
        'EPOCH(MAX(CASE WHEN ISFINITE("{column}") THEN "{column}" END))',
        'EPOCH(MAX(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") THEN "{column}" END END))',
    ),
    ("max", "timestamp"): (
        'EPOCH(MAX(CASE WHEN ISFINITE("{column}") THEN "{column}" END))',
        'EPOCH(MAX(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") THEN "{column}" END END))',
    ),
    ("max", "timestamp with time zone"): (
        'EPOCH(MAX(CASE WHEN ISFINITE("{column}") THEN "{column}" END))',
        'EPOCH(MAX(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") THEN "{column}" END END))',
    ),
    ("max", "other"): (
        'CAST(MAX("{column}") AS DOUBLE)',
        'CAST(MAX(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE)',
    ),
    ("min_exact", "integer"): (
        'CAST(MIN("{column}") AS TEXT)',
        'CAST(MIN(CASE WHEN ({condition}) THEN "{column}" END) AS TEXT)',
    ),
    ("min_exact", "decimal"): (
        'CAST(MIN("{column}") AS TEXT)',
        'CAST(MIN(CASE WHEN ({condition}) THEN "{column}" END) AS TEXT)',
    ),
    ("min_exact", "wide"): (
        'CAST(MIN("{column}") AS TEXT)',
        'CAST(MIN(CASE WHEN ({condition}) THEN "{column}" END) AS TEXT)',
    ),
    ("max_exact", "integer"): (
        'CAST(MAX("{column}") AS TEXT)',
        'CAST(MAX(CASE WHEN ({condition}) THEN "{column}" END) AS TEXT)',
    ),
    ("max_exact", "decimal"): (
        'CAST(MAX("{column}") AS TEXT)',
        'CAST(MAX(CASE WHEN ({condition}) THEN "{column}" END) AS TEXT)',
    ),
    ("max_exact", "wide"): (
        'CAST(MAX("{column}") AS TEXT)',
        'CAST(MAX(CASE WHEN ({condition}) THEN "{column}" END) AS TEXT)',
    ),
    ("sum", "integer"): (
        'CAST(SUM("{column}") AS DOUBLE)',
        'CAST(SUM(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE)',
    ),
    ("sum", "decimal"): (
        'CAST(SUM("{column}") AS DOUBLE)',
        'CAST(SUM(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE)',
    ),
    ("sum", "wide"): (
        'CAST(SUM(CAST("{column}" AS DOUBLE)) AS DOUBLE)',
        'CAST(SUM(CASE WHEN ({condition}) THEN CAST("{column}" AS DOUBLE) END) AS DOUBLE)',
    ),
    ("sum", "float"): (
        'CAST(SUM(CAST(CASE WHEN ISFINITE("{column}") THEN "{column}" END AS DOUBLE)) AS DOUBLE)',
        'CAST(SUM(CASE WHEN ({condition}) THEN CAST(CASE WHEN ISFINITE("{column}") THEN "{column}" END AS DOUBLE) END) AS DOUBLE)',
    ),
    ("mean", "integer"): (
        'CAST(SUM("{column}") AS DOUBLE) / NULLIF(COUNT("{column}"), 0)',
        'CAST(SUM(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE) / NULLIF(COUNT(CASE WHEN ({condition}) THEN "{column}" END), 0)',
    ),
    ("mean", "decimal"): (
        'CAST(SUM("{column}") AS DOUBLE) / NULLIF(COUNT("{column}"), 0)',
        'CAST(SUM(CASE WHEN ({condition}) THEN "{column}" END) AS DOUBLE) / NULLIF(COUNT(CASE WHEN ({condition}) THEN "{column}" END), 0)',
    ),
    ("mean", "wide"): (
        'CAST(SUM(CAST("{column}" AS DOUBLE)) AS DOUBLE) / NULLIF(COUNT("{column}"), 0)',
        'CAST(SUM(CASE WHEN ({condition}) THEN CAST("{column}" AS DOUBLE) END) AS DOUBLE) / NULLIF(COUNT(CASE WHEN ({condition}) THEN "{column}" END), 0)',
    ),
    ("mean", "float"): (
        'CAST(SUM(CAST(CASE WHEN ISFINITE("{column}") THEN "{column}" END AS DOUBLE)) AS DOUBLE) / NULLIF(COUNT(CASE WHEN ISFINITE("{column}") THEN "{column}" END), 0)',
        'CAST(SUM(CASE WHEN ({condition}) THEN CAST(CASE WHEN ISFINITE("{column}") THEN "{column}" END AS DOUBLE) END) AS DOUBLE) / NULLIF(COUNT(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") THEN "{column}" END END), 0)',
    ),
    ("stddev", "integer"): (
        'STDDEV_SAMP(CAST("{column}" AS DOUBLE))',
        'STDDEV_SAMP(CASE WHEN ({condition}) THEN CAST("{column}" AS DOUBLE) END)',
    ),
    ("stddev", "decimal"): (
        'STDDEV_SAMP(CAST("{column}" AS DOUBLE))',
        'STDDEV_SAMP(CASE WHEN ({condition}) THEN CAST("{column}" AS DOUBLE) END)',
    ),
    ("stddev", "wide"): (
        'STDDEV_SAMP(CAST("{column}" AS DOUBLE))',
        'STDDEV_SAMP(CASE WHEN ({condition}) THEN CAST("{column}" AS DOUBLE) END)',
    ),
    ("stddev", "float"): (
        'STDDEV_SAMP(CAST(CASE WHEN ABS("{column}") < 1e150 THEN "{column}" END AS DOUBLE))',
        'STDDEV_SAMP(CASE WHEN ({condition}) THEN CAST(CASE WHEN ABS("{column}") < 1e150 THEN "{column}" END AS DOUBLE) END)',
    ),
    ("finite_count", "integer"): ('COUNT("{column}")', 'COUNT(CASE WHEN ({condition}) THEN "{column}" END)'),
    ("finite_count", "decimal"): ('COUNT("{column}")', 'COUNT(CASE WHEN ({condition}) THEN "{column}" END)'),
    ("finite_count", "wide"): ('COUNT("{column}")', 'COUNT(CASE WHEN ({condition}) THEN "{column}" END)'),
    ("finite_count", "float"): (
        'COUNT(CASE WHEN ISFINITE("{column}") THEN "{column}" END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") THEN "{column}" END END)',
    ),
    ("nan_count", "float"): (
        'COUNT(CASE WHEN ISNAN("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN ISNAN("{column}") THEN 1 END END)',
    ),
    ("infinite_count", "float"): (
        'COUNT(CASE WHEN ISINF("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN ISINF("{column}") THEN 1 END END)',
    ),
    ("infinite_count", "date"): (
        'COUNT(CASE WHEN ISINF("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN ISINF("{column}") THEN 1 END END)',
    ),
    ("infinite_count", "timestamp"): (
        'COUNT(CASE WHEN ISINF("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN ISINF("{column}") THEN 1 END END)',
    ),
    ("infinite_count", "timestamp with time zone"): (
        'COUNT(CASE WHEN ISINF("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN ISINF("{column}") THEN 1 END END)',
    ),
    ("newest", "date"): (
        'EPOCH(MAX(CASE WHEN ISFINITE("{column}") AND "{column}" <= CAST({argument} AS TIMESTAMP) THEN "{column}" END))',
        'EPOCH(MAX(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") AND "{column}" <= CAST({argument} AS TIMESTAMP) THEN "{column}" END END))',
    ),
    ("newest", "timestamp"): (
        'EPOCH(MAX(CASE WHEN ISFINITE("{column}") AND "{column}" <= CAST({argument} AS TIMESTAMP) THEN "{column}" END))',
        'EPOCH(MAX(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") AND "{column}" <= CAST({argument} AS TIMESTAMP) THEN "{column}" END END))',
    ),
    ("newest", "timestamp with time zone"): (
        'EPOCH(MAX(CASE WHEN ISFINITE("{column}") AND "{column}" <= CAST({argument} AS TIMESTAMPTZ) THEN "{column}" END))',
        'EPOCH(MAX(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") AND "{column}" <= CAST({argument} AS TIMESTAMPTZ) THEN "{column}" END END))',
    ),
    ("newest", "other"): (
        'EPOCH(MAX(CASE WHEN ISFINITE("{column}") AND "{column}" <= CAST({argument} AS TIMESTAMP) THEN "{column}" END))',
        'EPOCH(MAX(CASE WHEN ({condition}) THEN CASE WHEN ISFINITE("{column}") AND "{column}" <= CAST({argument} AS TIMESTAMP) THEN "{column}" END END))',
    ),
    ("distinct_days", "date"): (
        'APPROX_COUNT_DISTINCT("{column}")',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN "{column}" END)',
    ),
    ("distinct_days", "timestamp"): (
        'APPROX_COUNT_DISTINCT(CAST("{column}" AS DATE))',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN CAST("{column}" AS DATE) END)',
    ),
    ("distinct_days", "timestamp with time zone"): (
        'APPROX_COUNT_DISTINCT(CAST("{column}" AS DATE))',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN CAST("{column}" AS DATE) END)',
    ),
    ("distinct_days", "other"): (
        'APPROX_COUNT_DISTINCT(CAST("{column}" AS DATE))',
        'APPROX_COUNT_DISTINCT(CASE WHEN ({condition}) THEN CAST("{column}" AS DATE) END)',
    ),
    ("empty_count", "text"): (
        'COUNT(CASE WHEN LENGTH("{column}") = 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN LENGTH("{column}") = 0 THEN 1 END END)',
    ),
    ("empty_count", "label"): (
        'COUNT(CASE WHEN LENGTH(CAST("{column}" AS TEXT)) = 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN LENGTH(CAST("{column}" AS TEXT)) = 0 THEN 1 END END)',
    ),
    ("min_length", "text"): (
        'CAST(MIN(LENGTH("{column}")) AS DOUBLE)',
        'CAST(MIN(CASE WHEN ({condition}) THEN LENGTH("{column}") END) AS DOUBLE)',
    ),
    ("min_length", "label"): (
        'CAST(MIN(LENGTH(CAST("{column}" AS TEXT))) AS DOUBLE)',
        'CAST(MIN(CASE WHEN ({condition}) THEN LENGTH(CAST("{column}" AS TEXT)) END) AS DOUBLE)',
    ),
    ("max_length", "text"): (
        'CAST(MAX(LENGTH("{column}")) AS DOUBLE)',
        'CAST(MAX(CASE WHEN ({condition}) THEN LENGTH("{column}") END) AS DOUBLE)',
    ),
    ("max_length", "label"): (
        'CAST(MAX(LENGTH(CAST("{column}" AS TEXT))) AS DOUBLE)',
        'CAST(MAX(CASE WHEN ({condition}) THEN LENGTH(CAST("{column}" AS TEXT)) END) AS DOUBLE)',
    ),
    ("mean_length", "text"): (
        'CAST(SUM(LENGTH("{column}")) AS DOUBLE) / NULLIF(COUNT("{column}"), 0)',
        'CAST(SUM(CASE WHEN ({condition}) THEN LENGTH("{column}") END) AS DOUBLE) / NULLIF(COUNT(CASE WHEN ({condition}) THEN "{column}" END), 0)',
    ),
    ("mean_length", "label"): (
        'CAST(SUM(LENGTH(CAST("{column}" AS TEXT))) AS DOUBLE) / NULLIF(COUNT("{column}"), 0)',
        'CAST(SUM(CASE WHEN ({condition}) THEN LENGTH(CAST("{column}" AS TEXT)) END) AS DOUBLE) / NULLIF(COUNT(CASE WHEN ({condition}) THEN "{column}" END), 0)',
    ),
    ("true_count", "boolean"): (
        'COUNT(CASE WHEN "{column}" THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" THEN 1 END END)',
    ),
    ("quantile", "integer"): (
        'QUANTILE_CONT(CAST("{column}" AS DOUBLE), {argument})',
        'QUANTILE_CONT(CASE WHEN ({condition}) THEN CAST("{column}" AS DOUBLE) END, {argument})',
    ),
    ("quantile", "decimal"): (
        'QUANTILE_CONT(CAST("{column}" AS DOUBLE), {argument})',
        'QUANTILE_CONT(CASE WHEN ({condition}) THEN CAST("{column}" AS DOUBLE) END, {argument})',
    ),
    ("quantile", "wide"): (
        'QUANTILE_CONT(CAST("{column}" AS DOUBLE), {argument})',
        'QUANTILE_CONT(CASE WHEN ({condition}) THEN CAST("{column}" AS DOUBLE) END, {argument})',
    ),
    ("quantile", "float"): (
        'QUANTILE_CONT(CAST(CASE WHEN ISFINITE("{column}") THEN "{column}" END AS DOUBLE), {argument})',
        'QUANTILE_CONT(CASE WHEN ({condition}) THEN CAST(CASE WHEN ISFINITE("{column}") THEN "{column}" END AS DOUBLE) END, {argument})',
    ),
    ("quantile", "date"): (
        'QUANTILE_CONT(EPOCH(CASE WHEN ISFINITE("{column}") THEN "{column}" END), {argument})',
        'QUANTILE_CONT(CASE WHEN ({condition}) THEN EPOCH(CASE WHEN ISFINITE("{column}") THEN "{column}" END) END, {argument})',
    ),
    ("quantile", "timestamp"): (
        'QUANTILE_CONT(EPOCH(CASE WHEN ISFINITE("{column}") THEN "{column}" END), {argument})',
        'QUANTILE_CONT(CASE WHEN ({condition}) THEN EPOCH(CASE WHEN ISFINITE("{column}") THEN "{column}" END) END, {argument})',
    ),
    ("quantile", "timestamp with time zone"): (
        'QUANTILE_CONT(EPOCH(CASE WHEN ISFINITE("{column}") THEN "{column}" END), {argument})',
        'QUANTILE_CONT(CASE WHEN ({condition}) THEN EPOCH(CASE WHEN ISFINITE("{column}") THEN "{column}" END) END, {argument})',
    ),
    ("quantile", "other"): (
        'QUANTILE_CONT(CAST("{column}" AS DOUBLE), {argument})',
        'QUANTILE_CONT(CASE WHEN ({condition}) THEN CAST("{column}" AS DOUBLE) END, {argument})',
    ),
    ("zero_count", "integer"): (
        'COUNT(CASE WHEN "{column}" = 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = 0 THEN 1 END END)',
    ),
    ("zero_count", "decimal"): (
        'COUNT(CASE WHEN "{column}" = 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = 0 THEN 1 END END)',
    ),
    ("zero_count", "wide"): (
        'COUNT(CASE WHEN "{column}" = 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = 0 THEN 1 END END)',
    ),
    ("zero_count", "float"): (
        'COUNT(CASE WHEN "{column}" = 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = 0 THEN 1 END END)',
    ),
    ("negative_count", "integer"): (
        'COUNT(CASE WHEN "{column}" < 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" < 0 THEN 1 END END)',
    ),
    ("negative_count", "decimal"): (
        'COUNT(CASE WHEN "{column}" < 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" < 0 THEN 1 END END)',
    ),
    ("negative_count", "wide"): (
        'COUNT(CASE WHEN "{column}" < 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" < 0 THEN 1 END END)',
    ),
    ("negative_count", "float"): (
        'COUNT(CASE WHEN "{column}" < 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" < 0 THEN 1 END END)',
    ),
    ("whole_count", "decimal"): (
        'COUNT(CASE WHEN "{column}" = FLOOR("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = FLOOR("{column}") THEN 1 END END)',
    ),
    ("whole_count", "wide"): (
        'COUNT(CASE WHEN "{column}" = FLOOR("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = FLOOR("{column}") THEN 1 END END)',
    ),
    ("whole_count", "float"): (
        'COUNT(CASE WHEN "{column}" = FLOOR("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = FLOOR("{column}") THEN 1 END END)',
    ),
    ("finer_count", "decimal"): (
        'COUNT(CASE WHEN "{column}" <> ROUND("{column}", CAST({argument} AS INT)) THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" <> ROUND("{column}", CAST({argument} AS INT)) THEN 1 END END)',
    ),
    ("finer_count", "wide"): (
        'COUNT(CASE WHEN ABS(CAST("{column}" AS DOUBLE)) < 1e15 AND ABS(CAST("{column}" AS DOUBLE) * POWER(10, {argument}) - ROUND(CAST("{column}" AS DOUBLE) * POWER(10, {argument}))) > 1e-4 + 1e-11 * ABS(CAST("{column}" AS DOUBLE) * POWER(10, {argument})) THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN ABS(CAST("{column}" AS DOUBLE)) < 1e15 AND ABS(CAST("{column}" AS DOUBLE) * POWER(10, {argument}) - ROUND(CAST("{column}" AS DOUBLE) * POWER(10, {argument}))) > 1e-4 + 1e-11 * ABS(CAST("{column}" AS DOUBLE) * POWER(10, {argument})) THEN 1 END END)',
    ),
    ("finer_count", "float"): (
        'COUNT(CASE WHEN ABS("{column}") < 1e15 AND ABS("{column}" * POWER(10, {argument}) - ROUND("{column}" * POWER(10, {argument}))) > 1e-4 + CASE WHEN TYPEOF("{column}") = \'FLOAT\' THEN 1e-6 ELSE 1e-11 END * ABS("{column}" * POWER(10, {argument})) THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN ABS("{column}") < 1e15 AND ABS("{column}" * POWER(10, {argument}) - ROUND("{column}" * POWER(10, {argument}))) > 1e-4 + CASE WHEN TYPEOF("{column}") = \'FLOAT\' THEN 1e-6 ELSE 1e-11 END * ABS("{column}" * POWER(10, {argument})) THEN 1 END END)',
    ),
    ("upper_count", "text"): (
        'COUNT(CASE WHEN "{column}" = UPPER("{column}") AND "{column}" <> LOWER("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = UPPER("{column}") AND "{column}" <> LOWER("{column}") THEN 1 END END)',
    ),
    ("upper_count", "label"): (
        'COUNT(CASE WHEN CAST("{column}" AS TEXT) = UPPER(CAST("{column}" AS TEXT)) AND CAST("{column}" AS TEXT) <> LOWER(CAST("{column}" AS TEXT)) THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN CAST("{column}" AS TEXT) = UPPER(CAST("{column}" AS TEXT)) AND CAST("{column}" AS TEXT) <> LOWER(CAST("{column}" AS TEXT)) THEN 1 END END)',
    ),
    ("lower_count", "text"): (
        'COUNT(CASE WHEN "{column}" = LOWER("{column}") AND "{column}" <> UPPER("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = LOWER("{column}") AND "{column}" <> UPPER("{column}") THEN 1 END END)',
    ),
    ("lower_count", "label"): (
        'COUNT(CASE WHEN CAST("{column}" AS TEXT) = LOWER(CAST("{column}" AS TEXT)) AND CAST("{column}" AS TEXT) <> UPPER(CAST("{column}" AS TEXT)) THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN CAST("{column}" AS TEXT) = LOWER(CAST("{column}" AS TEXT)) AND CAST("{column}" AS TEXT) <> UPPER(CAST("{column}" AS TEXT)) THEN 1 END END)',
    ),
    ("padded_count", "text"): (
        'COUNT(CASE WHEN "{column}" <> TRIM("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" <> TRIM("{column}") THEN 1 END END)',
    ),
    ("padded_count", "label"): (
        'COUNT(CASE WHEN CAST("{column}" AS TEXT) <> TRIM(CAST("{column}" AS TEXT)) THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN CAST("{column}" AS TEXT) <> TRIM(CAST("{column}" AS TEXT)) THEN 1 END END)',
    ),
    ("non_ascii_count", "text"): (
        'COUNT(CASE WHEN STRLEN("{column}") <> LENGTH("{column}") THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN STRLEN("{column}") <> LENGTH("{column}") THEN 1 END END)',
    ),
    ("non_ascii_count", "label"): (
        'COUNT(CASE WHEN STRLEN(CAST("{column}" AS TEXT)) <> LENGTH(CAST("{column}" AS TEXT)) THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN STRLEN(CAST("{column}" AS TEXT)) <> LENGTH(CAST("{column}" AS TEXT)) THEN 1 END END)',
    ),
    ("placeholder_count", "text"): (
        "COUNT(CASE WHEN LOWER(\"{column}\") IN ('n/a', 'na', 'null', 'none', 'nan', '-', '?', 'unknown', 'tbd') THEN 1 END)",
        "COUNT(CASE WHEN ({condition}) THEN CASE WHEN LOWER(\"{column}\") IN ('n/a', 'na', 'null', 'none', 'nan', '-', '?', 'unknown', 'tbd') THEN 1 END END)",
    ),
    ("placeholder_count", "label"): (
        "COUNT(CASE WHEN LOWER(CAST(\"{column}\" AS TEXT)) IN ('n/a', 'na', 'null', 'none', 'nan', '-', '?', 'unknown', 'tbd') THEN 1 END)",
        "COUNT(CASE WHEN ({condition}) THEN CASE WHEN LOWER(CAST(\"{column}\" AS TEXT)) IN ('n/a', 'na', 'null', 'none', 'nan', '-', '?', 'unknown', 'tbd') THEN 1 END END)",
    ),
    ("mean_digits", "text"): (
        'CAST(SUM(LENGTH("{column}") - LENGTH(TRANSLATE("{column}", \'0123456789\', \'\'))) AS DOUBLE) / NULLIF(COUNT("{column}"), 0)',
        'CAST(SUM(CASE WHEN ({condition}) THEN LENGTH("{column}") - LENGTH(TRANSLATE("{column}", \'0123456789\', \'\')) END) AS DOUBLE) / NULLIF(COUNT(CASE WHEN ({condition}) THEN "{column}" END), 0)',
    ),
    ("mean_digits", "label"): (
        'CAST(SUM(LENGTH(CAST("{column}" AS TEXT)) - LENGTH(TRANSLATE(CAST("{column}" AS TEXT), \'0123456789\', \'\'))) AS DOUBLE) / NULLIF(COUNT("{column}"), 0)',
        'CAST(SUM(CASE WHEN ({condition}) THEN LENGTH(CAST("{column}" AS TEXT)) - LENGTH(TRANSLATE(CAST("{column}" AS TEXT), \'0123456789\', \'\')) END) AS DOUBLE) / NULLIF(COUNT(CASE WHEN ({condition}) THEN "{column}" END), 0)',
    ),
    ("epoch_count", "date"): (
        'COUNT(CASE WHEN EPOCH("{column}") = 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN EPOCH("{column}") = 0 THEN 1 END END)',
    ),
    ("epoch_count", "timestamp"): (
        'COUNT(CASE WHEN EPOCH("{column}") = 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN EPOCH("{column}") = 0 THEN 1 END END)',
    ),
    ("epoch_count", "timestamp with time zone"): (
        'COUNT(CASE WHEN EPOCH("{column}") = 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN EPOCH("{column}") = 0 THEN 1 END END)',
    ),
    ("epoch_count", "other"): (
        'COUNT(CASE WHEN EPOCH("{column}") = 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN EPOCH("{column}") = 0 THEN 1 END END)',
    ),
    ("off_hour_count", "timestamp"): (
        'COUNT(CASE WHEN MINUTE("{column}") <> 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN MINUTE("{column}") <> 0 THEN 1 END END)',
    ),
    ("off_hour_count", "timestamp with time zone"): (
        'COUNT(CASE WHEN MINUTE("{column}") <> 0 THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN MINUTE("{column}") <> 0 THEN 1 END END)',
    ),
    ("top_count", "integer"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("top_count", "decimal"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("top_count", "wide"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("top_count", "float"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("top_count", "date"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("top_count", "timestamp"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("top_count", "timestamp with time zone"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("top_count", "text"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("top_count", "label"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("top_count", "boolean"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("top_count", "other"): (
        'LIST_MAX(MAP_VALUES(HISTOGRAM("{column}")))',
        'LIST_MAX(MAP_VALUES(HISTOGRAM(CASE WHEN ({condition}) THEN "{column}" END)))',
    ),
    ("both_count", "integer"): (
        'COUNT(CASE WHEN NOT "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN NOT "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("both_count", "decimal"): (
        'COUNT(CASE WHEN NOT "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN NOT "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("both_count", "wide"): (
        'COUNT(CASE WHEN NOT "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN NOT "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("both_count", "float"): (
        'COUNT(CASE WHEN NOT "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN NOT "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("less_count", "integer"): (
        'COUNT(CASE WHEN "{column}" < {argument} THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" < {argument} THEN 1 END END)',
    ),
    ("less_count", "decimal"): (
        'COUNT(CASE WHEN "{column}" < {argument} THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" < {argument} THEN 1 END END)',
    ),
    ("less_count", "wide"): (
        'COUNT(CASE WHEN "{column}" < {argument} THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" < {argument} THEN 1 END END)',
    ),
    ("less_count", "float"): (
        'COUNT(CASE WHEN "{column}" < {argument} THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" < {argument} THEN 1 END END)',
    ),
    ("equal_count", "integer"): (
        'COUNT(CASE WHEN "{column}" = {argument} THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = {argument} THEN 1 END END)',
    ),
    ("equal_count", "decimal"): (
        'COUNT(CASE WHEN "{column}" = {argument} THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = {argument} THEN 1 END END)',
    ),
    ("equal_count", "wide"): (
        'COUNT(CASE WHEN "{column}" = {argument} THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = {argument} THEN 1 END END)',
    ),
    ("equal_count", "float"): (
        'COUNT(CASE WHEN "{column}" = {argument} THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" = {argument} THEN 1 END END)',
    ),
    ("lone_null_count", "integer"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("lone_null_count", "decimal"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("lone_null_count", "wide"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("lone_null_count", "float"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("lone_null_count", "date"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("lone_null_count", "timestamp"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("lone_null_count", "timestamp with time zone"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("lone_null_count", "text"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("lone_null_count", "label"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("lone_null_count", "boolean"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("lone_null_count", "other"): (
        'COUNT(CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END)',
        'COUNT(CASE WHEN ({condition}) THEN CASE WHEN "{column}" IS NULL AND NOT {argument} IS NULL THEN 1 END END)',
    ),
    ("aggregate", "other"): ("{argument}", "{argument}"),
    ("failing_rows", "other"): (
        "COALESCE(COUNT_IF(NOT ({argument})), 0)",
        "COALESCE(COUNT_IF(CASE WHEN ({condition}) THEN NOT ({argument}) END), 0)",
    ),
    ("known_rows", "other"): ("COUNT(({argument}))", "COUNT(CASE WHEN ({condition}) THEN ({argument}) END)"),
    ("failing_total", "other"): ("CAST(NOT ({argument}) AS INT)", "CAST(NOT ({argument}) AS INT)"),
}

RENDERED: Final[Mapping[tuple[str, str], tuple[str, str]]] = MappingProxyType(_RENDERED)
"""By metric and kind of column: the aggregate without and with a condition on the rows."""
