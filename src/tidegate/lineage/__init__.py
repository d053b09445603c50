"""Who depends on whom: datasets as a graph, and findings grouped along it."""

from tidegate.lineage.graph import Graph, build, groups

__all__ = ["Graph", "build", "groups"]
