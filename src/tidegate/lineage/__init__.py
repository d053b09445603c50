"""Who depends on whom: datasets as a graph, findings grouped along it, and dbt's node selection."""

from tidegate.lineage.definition import Definition, find
from tidegate.lineage.graph import Graph, build
from tidegate.lineage.grouping import Causes, Scope, causes
from tidegate.lineage.origin import origin
from tidegate.lineage.select import INDIRECT, select

__all__ = ["INDIRECT", "Causes", "Definition", "Graph", "Scope", "build", "causes", "find", "origin", "select"]
