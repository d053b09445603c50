"""Configuration: `tidegate.yml` read, checked with line and column, and turned into settings."""

from tidegate.config.drill import read_drills
from tidegate.config.load import FILE_NAME, checks_of, dataset_ref, find_project, json_schema, laid_out, load
from tidegate.config.schema import NAMED, NAMED_OR_NONE

__all__ = [
    "FILE_NAME",
    "NAMED",
    "NAMED_OR_NONE",
    "checks_of",
    "dataset_ref",
    "find_project",
    "json_schema",
    "laid_out",
    "load",
    "read_drills",
]
