"""Personal data: which columns look like it, and what is shown of it. Its values are never kept as categories."""

from __future__ import annotations

import re
from typing import Final

WORDS: Final = (
    r"(e_?)?mail(_?address)?|(tele)?phone(_?(no|nr|number))?|tel|mobile(_?(no|nr|number))?|fax|(first|last|full|middle|sur|given|family|maiden|customer|user|contact|person|"
    r"employee|patient|cardholder|account_?holder|recipient|sender)_?name|forename|surname|name|username|login|"
    r"address|street|addr|postal_?code|post_?code|zip(_?code)?|iban|bic|swift|account_?(no|number)|card_?(no|number)|pan|cvv|cvc|"
    r"ssn|social_security(_number)?|national_?id|passport(_?(no|number))?|tax_?id|vat_?id|driver_?licen[cs]e|licen[cs]e_?plate|"
    r"birth_?(date|day|place)|date_of_birth|dob|birthday|ip|ip_?address|mac_?address|device_?id|latitude|longitude|lat|lon|lng|"
    r"geo(location)?|gender|sex|religion|ethnicity|diagnosis|salary|password|passwd|secret|token|api_?key|note|notes|comment|"
    r"comments|message|remark|remarks|signature"
)
PERSONAL: Final = re.compile(
    rf"(^|_)({WORDS})(_?\d+)?($|_(raw|clean|hash|text|line_?\d*|norm|normalized|lower))", re.IGNORECASE
)
HARMLESS: Final = re.compile(
    r"(product|item|sku|category|brand|store|shop|country|region|city|company|table|column|schema|file|event|campaign|plan|channel|"
    r"status|type|currency|carrier|airline|airport|model|test|metric|job|step|run|host|server|service|team|project|level|tier|"
    r"warehouse|supplier|vendor|unit|segment|group|class|role|app|version|month|day|weekday)_?name$",
    re.IGNORECASE,
)
CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_personal(column: str) -> bool:
    """Whether a column's name looks like personal data or a secret: e-mail, phone, names of people, addresses, IBAN, ...

    A judgement by name only; `mask` in `tidegate.yml` adds what it misses.
    """
    name = CAMEL.sub("_", column).strip()
    return PERSONAL.search(name) is not None and HARMLESS.search(name) is None


FIELD: Final = re.compile(r'(?:\(|, )"?(\w+)"? [A-Z]')
"""The name of a field in the type of a structure, such as `STRUCT(email VARCHAR, age INTEGER)`."""

LOOKS: Final = (
    ("its values hold e-mail addresses", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}", 0.0),
    ("its values look like IBANs", r"^\s*[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,3})?\s*$", 0.5),
    ("its values look like phone numbers", r"^\s*\+[0-9][0-9 ()/.-]{7,}$", 0.5),
    ("its values look like card numbers", r"^[0-9]{4}([ -][0-9]{4}){3}$", 0.5),
    ("its values look like IP addresses", r"^(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(\.(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})){3}$", 0.5),
)  # fmt: skip
"""Why a column counts as personal by its values, the pattern, and the share of the values above which it does."""


_COMPILED: Final = tuple(re.compile(pattern) for _, pattern, _ in LOOKS)


def fields(column_type: str) -> tuple[str, ...]:
    """The names of the fields in a column's type; none where it has no structure in it."""
    return tuple(FIELD.findall(column_type))


def looks_personal(value: object) -> bool:
    """Whether a text looks like an e-mail address, an IBAN, or the number of a phone, a card or a machine, whatever its column
    is called.
    """
    return isinstance(value, str) and any(look.search(value) for look in _COMPILED)


def mask(value: object) -> str | None:
    """What is shown in place of a value: its first character and its length, so that NULL, empty and odd ones stand out.

    Characters beyond the first are never shown; of one or two characters none is.
    """
    if value is None:
        return None
    text = str(value)
    if not text:
        return ""
    return f"{text[0] if len(text) > 2 and text[0].isprintable() else '*'}*** ({len(text)} characters)"
