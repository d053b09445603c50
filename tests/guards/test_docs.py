"""The docs say what the code says: generated pages are fresh, every noun is in the glossary, every link leads somewhere."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import tidegate.model

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gen_docs", ROOT / "scripts" / "gen_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gen_docs"] = module
    spec.loader.exec_module(module)
    return module


MADE = generator()


@pytest.mark.parametrize("name", sorted(MADE.PAGES))
def test_a_generated_page_is_fresh(name: str) -> None:
    made = MADE.PAGES[name]().rstrip() + "\n"
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == made, "run `make docs`"


def test_the_glossary_has_every_noun_and_no_other() -> None:
    text = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8").partition("## Glossary")[2]
    words = set(re.findall(r"^\| (\w+) \|", text, flags=re.MULTILINE)) - {"word"}
    assert words == set(tidegate.model.__all__)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_to_a_file_leads_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_there_are_pages() -> None:
    assert len(PAGES) > 5
