"""What green checks hide in a project: facts about its files, and a catalogue of small rules that judge them."""

from tidegate.doctor.catalogue import RULES
from tidegate.doctor.facts import Artifacts, Document, Project, Secret, Tree
from tidegate.doctor.rule import Edit, Found, Rule

__all__ = ["RULES", "Artifacts", "Document", "Edit", "Found", "Project", "Rule", "Secret", "Tree"]
