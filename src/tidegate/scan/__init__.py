"""Plans the queries of a scan: generators that yield statements, are sent their rows, and return numbers."""

from tidegate.scan.infer import LOAD_COLUMNS
from tidegate.scan.options import Plan, ScanOptions, SliceRow, TableScan
from tidegate.scan.pieces import Piece, cut, runs
from tidegate.scan.related import RELATED
from tidegate.scan.relations import Relations, kept
from tidegate.scan.shown import shown
from tidegate.scan.slices import adds_up, slice_table
from tidegate.scan.table import scan_table

__all__ = [
    "LOAD_COLUMNS",
    "RELATED",
    "Piece",
    "Plan",
    "Relations",
    "ScanOptions",
    "SliceRow",
    "TableScan",
    "adds_up",
    "cut",
    "kept",
    "runs",
    "scan_table",
    "shown",
    "slice_table",
]
