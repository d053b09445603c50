"""The engine that plans are driven on."""

import pytest

from tests.conformance.scan.engine import Engine, engines


@pytest.fixture
def engine() -> Engine:
    yield from engines()
