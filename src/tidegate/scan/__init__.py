"""Plans the queries of a scan: generators that yield statements, are sent their rows, and return numbers."""

from typing import TYPE_CHECKING

from tidegate.demand import on_demand

if TYPE_CHECKING:
    from tidegate.scan.agreement import Agreement, kept_agreement
    from tidegate.scan.beside import Beside, ByCategory, Together, kept_beside
    from tidegate.scan.given import Limits, beyond, by_category, far_sql, limits
    from tidegate.scan.history import OF_THE_PAST
    from tidegate.scan.infer import LOAD_COLUMNS
    from tidegate.scan.options import Plan, ScanOptions, SliceRow, TableScan
    from tidegate.scan.pieces import Piece, cut, runs
    from tidegate.scan.regular import Regular, kept_regular
    from tidegate.scan.relations import Relations, kept
    from tidegate.scan.sequences import Sequences, kept_sequences
    from tidegate.scan.slices import adds_up, slice_table
    from tidegate.scan.table import scan_table
else:
    __getattr__ = on_demand(
        __name__,
        {
            "agreement": "Agreement kept_agreement",
            "beside": "Beside ByCategory Together kept_beside",
            "given": "Limits beyond by_category far_sql limits",
            "history": "OF_THE_PAST",
            "infer": "LOAD_COLUMNS",
            "options": "Plan ScanOptions SliceRow TableScan",
            "pieces": "Piece cut runs",
            "regular": "Regular kept_regular",
            "relations": "Relations kept",
            "sequences": "Sequences kept_sequences",
            "slices": "adds_up slice_table",
            "table": "scan_table",
        },
    )

__all__ = [
    "LOAD_COLUMNS",
    "OF_THE_PAST",
    "Agreement",
    "Beside",
    "ByCategory",
    "Limits",
    "Piece",
    "Plan",
    "Regular",
    "Relations",
    "ScanOptions",
    "Sequences",
    "SliceRow",
    "TableScan",
    "Together",
    "adds_up",
    "beyond",
    "by_category",
    "cut",
    "far_sql",
    "kept",
    "kept_agreement",
    "kept_beside",
    "kept_regular",
    "kept_sequences",
    "limits",
    "runs",
    "scan_table",
    "slice_table",
]
