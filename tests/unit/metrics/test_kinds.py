"""What a type's text says about its arithmetic."""

import pytest

from tidegate.metrics import Kind, kind_of
from tidegate.model import Column, Family


@pytest.mark.parametrize(
    ("type_", "family", "kind"),
    [
        ("INTEGER", Family.NUMBER, Kind.INTEGER),
        ("ubigint", Family.NUMBER, Kind.INTEGER),
        ("HUGEINT", Family.NUMBER, Kind.WIDE),
        ("DECIMAL(18,2)", Family.NUMBER, Kind.DECIMAL),
        ("DECIMAL(19,2)", Family.NUMBER, Kind.WIDE),
        ("numeric( 10 , 0 )", Family.NUMBER, Kind.DECIMAL),
        ("NUMERIC", Family.NUMBER, Kind.WIDE),
        ("double", Family.NUMBER, Kind.FLOAT),
        ("MONEY", Family.NUMBER, Kind.WIDE),
        ("DATE", Family.TIME, Kind.DATE),
        ("DATETIME", Family.TIME, Kind.TIMESTAMP),
        ("TIMESTAMP_NS", Family.TIME, Kind.TIMESTAMP),
        ("TIMESTAMP WITH TIME ZONE", Family.TIME, Kind.TIMESTAMP_TZ),
        ("TIMESTAMPTZ", Family.TIME, Kind.TIMESTAMP_TZ),
        ("TIME", Family.TIME, Kind.OTHER),
        ("VARCHAR", Family.TEXT, Kind.TEXT),
        ("UUID", Family.TEXT, Kind.LABEL),
        ("ENUM('a', 'b')", Family.TEXT, Kind.LABEL),
        ("BOOLEAN", Family.BOOLEAN, Kind.BOOLEAN),
        ("STRUCT(a INTEGER)", Family.OTHER, Kind.OTHER),
    ],
)
def test_kind_of(type_, family, kind):
    assert kind_of(Column(name="c", type=type_, family=family)) is kind
