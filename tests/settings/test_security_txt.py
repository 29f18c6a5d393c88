"""security.txt (RFC 9116), from the environment."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.settings.conftest import PRODUCTION

GIVEN = {
    "SECURITY_CONTACT": "mailto:holes@example.com, https://example.com/report",
    "SECURITY_EXPIRES": "2099-06-30",
}


def test_the_file_has_a_line_for_each_field(read):
    given = GIVEN | {"SECURITY_POLICY": "https://example.com/policy"}
    assert read(PUBLIC_URL="https://auth.example.com", **given)["SECURITY_TXT"].text == (
        "Contact: mailto:holes@example.com\n"
        "Contact: https://example.com/report\n"
        "Expires: 2099-06-30T00:00:00Z\n"
        "Policy: https://example.com/policy\n"
        "Canonical: https://auth.example.com/.well-known/security.txt\n"
    )


def test_on_a_laptop_no_canonical_address_is_named(read):
    """RFC 9116, 2.5.2: web addresses begin with https."""
    assert "Canonical" not in read(**GIVEN)["SECURITY_TXT"].text


def test_a_time_is_told_in_utc(read):
    given = GIVEN | {"SECURITY_EXPIRES": "2099-06-30T01:30:00+02:00"}
    assert "Expires: 2099-06-29T23:30:00Z\n" in read(**given)["SECURITY_TXT"].text


def test_without_a_contact_there_is_none(read):
    assert read()["SECURITY_TXT"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURITY_CONTACT", "holes@example.com"),
        ("SECURITY_CONTACT", "http://example.com/hunter2"),
        ("SECURITY_CONTACT", "mailto:holes@example.com\nContact: mailto:hunter2@example.com"),
        ("SECURITY_CONTACT", "mailto:hölzer@example.com"),
        ("SECURITY_EXPIRES", "soon"),
        ("SECURITY_EXPIRES", "2099-02-30"),
        ("SECURITY_EXPIRES", "0001-01-01T00:00:00+10:00"),
        ("SECURITY_POLICY", "http://example.com/policy"),
    ],
)
def test_a_wrong_value_stops_the_start(refused, name, value):
    assert refused(**GIVEN | {name: value}).startswith(f"{name} must be a")


@pytest.mark.parametrize("name", GIVEN)
def test_a_contact_needs_a_day_and_a_day_a_contact(refused, name):
    assert refused(**{name: GIVEN[name]}).startswith("SECURITY_CONTACT needs SECURITY_EXPIRES")


@pytest.mark.parametrize(
    ("days", "warned"), [(-1, {"W006"}), (1, set()), (365, set()), (368, {"W007"})]
)
def test_a_day_is_within_the_next_year(checked, days, warned):
    """RFC 9116, 2.5.5."""
    day = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"
    found = checked(**PRODUCTION | GIVEN | {"SECURITY_EXPIRES": day})
    assert found.keys() & {"authsvc.W006", "authsvc.W007"} == {f"authsvc.{each}" for each in warned}
