"""Plans the queries of a scan: generators that yield statements, are sent their rows, and return numbers."""

from tidegate.scan.again import AGAIN
from tidegate.scan.beside import LEFT, Beside, kept_beside
from tidegate.scan.infer import LOAD_COLUMNS
from tidegate.scan.options import Plan, ScanOptions, SliceRow, TableScan
from tidegate.scan.pieces import Piece, cut, runs
from tidegate.scan.related import RELATED
from tidegate.scan.relations import Relations, kept
from tidegate.scan.shown import shown
from tidegate.scan.slices import adds_up, slice_table
from tidegate.scan.table import scan_table

OF_THE_PAST = RELATED | {*AGAIN, *LEFT}
"""What is measured of a bucket by holding its rows against those of earlier ones: no sum over categories."""

__all__ = [
    "LOAD_COLUMNS",
    "OF_THE_PAST",
    "Beside",
    "Piece",
    "Plan",
    "Relations",
    "ScanOptions",
    "SliceRow",
    "TableScan",
    "adds_up",
    "cut",
    "kept",
    "kept_beside",
    "runs",
    "scan_table",
    "shown",
    "slice_table",
]
