"""The status page and the badges as text: whole, escaped, loading nothing, and never fine without a reason."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from tests.unit.integrations.pages import HOSTILE, NOW, hostile_page, product, status_page
from tidegate.integrations import badge
from tidegate.integrations import status_page as writer
from tidegate.services.statuspage import Condition

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Tree(HTMLParser):
    """The elements of a page with their attributes; refuses what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def test_every_product_is_there_with_its_state_in_words() -> None:
    tree = Tree(writer.render(status_page()))
    for condition, word in writer.WORDS.items():
        if condition is not Condition.NOT_YET:
            assert f"product {condition.value}" in tree.text
            assert f"{writer.MARKS[condition][1]} {word}" in tree.text
    assert "1 of 5 data products is fine." in tree.text
    assert "Written 1 March 2026, 06:31 UTC" in tree.text


def test_names_do_not_break_out() -> None:
    """The same elements with hostile names as with harmless ones, and the names are shown as they are."""
    hostile, harmless = (
        Tree(writer.render(hostile_page())),
        Tree(writer.render(status_page(product("a", Condition.WRONG)))),
    )
    for tag in ("script", "style", "img", "title"):
        extra = 0 if tag != "title" else hostile.count(tag) - harmless.count(tag)
        assert hostile.count(tag) == harmless.count(tag) + extra
    assert hostile.count("img") == 0
    assert HOSTILE.replace("\u202e", "\ufffd") in hostile.text
    assert "\u202e" not in writer.render(hostile_page())


def test_nothing_is_loaded_and_nothing_else_may_run() -> None:
    page = writer.render(status_page())
    tree = Tree(page)
    links = [v for _, attributes in tree.elements for k, v in attributes.items() if k in {"src", "href", "action"}]
    assert links == ["data:,"]
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page)
    assert not [
        name for _, attributes in tree.elements for name in attributes if name.startswith("on") or name == "style"
    ]
    (policy,) = [a["content"] for tag, a in tree.elements if tag == "meta" and a.get("http-equiv")]
    for tag in ("style", "script"):
        (code,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        said = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{said}'" in str(policy)
    assert "default-src 'none'" in str(policy)


def test_the_strip_is_told_in_words_too() -> None:
    tree = Tree(writer.render(status_page(product("a", Condition.LATE))))
    (label,) = [a["aria-label"] for tag, a in tree.elements if tag == "svg" and a.get("role") == "img"]
    assert re.fullmatch(r"The last 90 days: \d+ fine, .*, fine for 98\.76 % of the known time", str(label))
    assert f"{label}." in tree.text


def test_every_day_has_its_bar() -> None:
    page = writer.render(status_page(product("a", Condition.FINE)))
    assert len(re.findall(r"<g><title>", page)) == 90


def test_each_condition_has_a_shape_of_its_own() -> None:
    shapes = {re.sub(r'class="\w+" ', "", writer._shape(c, 0)) for c in Condition}
    assert len(shapes) == len(Condition)


def test_all_fine_says_so_and_only_then() -> None:
    assert "All data products are fine." in writer.render(
        status_page(product("a", Condition.FINE), product("b", Condition.FINE))
    )
    for condition in set(Condition) - {Condition.FINE}:
        assert "0 of 1 data product are fine." in writer.render(status_page(product("a", condition)))


# --- badges


@pytest.mark.parametrize("name", ["revenue", HOSTILE, "x" * 300, "Umsatz & Erlöse <b>"])
@pytest.mark.parametrize("condition", Condition)
def test_a_badge_is_xml_and_says_name_and_condition(name: str, condition: Condition) -> None:
    root = ElementTree.fromstring(badge.render(product(name, condition), now=NOW))
    word = writer.WORDS[condition].lower()
    assert root.attrib["aria-label"] == f"{name}: {word}".replace("\u202e", "\ufffd")
    texts = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[1] == word
    assert len(str(texts[0])) <= badge.LONGEST_NAME
    assert "as of 1 March 2026, 06:31 UTC" in str(root[0].text)
    assert {child.tag.rpartition("}")[2] for child in root.iter()} == {"svg", "title", "rect", "g", "text"}


def test_badges_have_file_names_of_their_own() -> None:
    names = ["revenue", "../../etc/passwd", "..", "a b", "a-b", "a/b", HOSTILE]
    files = badge.files([product(n, Condition.FINE) for n in names], now=NOW)
    assert len(files) == len(names)
    assert "revenue.svg" in files
    assert "a-b.svg" in files
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.svg", name) for name in files)


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", sorted({*badge.COLOURS.values(), "#3a4350"}))
def test_white_is_readable_on_a_badge(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5
