"""Which columns look personal, and what is shown of them."""

import pytest

from tidegate.metrics import is_personal, mask


@pytest.mark.parametrize(
    "name",
    ["email", "customer_email", "EMAIL_ADDRESS", "phone", "phoneNumber", "mobile_2", "full_name", "firstName", "last_name", "name", "user_name",
     "iban", "street", "billing_address", "ship_address_line1", "postal_code", "zip", "ip_address", "ssn", "birth_date", "date_of_birth", "dob",
     "passport_number", "password", "api_key", "card_number", "customer_note", "latitude"],
)  # fmt: skip
def test_personal(name):
    assert is_personal(name)


@pytest.mark.parametrize(
    "name",
    ["order_id", "status", "country", "city", "product_name", "table_name", "amount", "created_at", "airport_name", "channel", "quantity", "sku",
     "carrier", "nameplate", "renamed", "is_active", "currency", "telemetry", "mailing_list_size"],
)  # fmt: skip
def test_not_personal(name):
    assert not is_personal(name)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        ("", ""),
        ("anna@example.com", "a*** (16 characters)"),
        ("ab", "**** (2 characters)"),
        (12345, "1*** (5 characters)"),
        ("\x1b[31m", "**** (5 characters)"),
        ("ü2345", "ü*** (5 characters)"),
    ],
)
def test_mask(value, shown):
    assert mask(value) == shown
