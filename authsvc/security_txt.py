"""The file security.txt (RFC 9116): it tells finders of a hole whom to write to.

It is made from variables of the environment, and there is none without SECURITY_CONTACT.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured

from authsvc.environment import matching, read

PATH = ".well-known/security.txt"
CONTACT = r"mailto:[!-~]+@[!-~]+|https://[!-~]+|tel:\+?[0-9()-]+"
ADDRESS = r"https://[!-~]+"


class SecurityTxt(NamedTuple):
    text: str
    expires: datetime


def from_environment(public_url: str) -> SecurityTxt | None:
    """Return the file, or None if SECURITY_CONTACT is not set."""
    contacts = read("SECURITY_CONTACT", _contacts, [], _wanted("mailto:security@example.com"))
    expires = read("SECURITY_EXPIRES", _moment, None, "a day to come, such as 2027-06-30")
    policy = read("SECURITY_POLICY", _address, "", _wanted("https://example.com/policy"))
    if bool(contacts) != bool(expires):
        raise ImproperlyConfigured(
            "SECURITY_CONTACT needs SECURITY_EXPIRES, the day until which it is right, and "
            "SECURITY_EXPIRES needs a contact."
        )
    if not contacts or expires is None:
        return None
    fields = [("Contact", each) for each in contacts]
    fields.append(("Expires", f"{expires:%Y-%m-%dT%H:%M:%SZ}"))
    if policy:
        fields.append(("Policy", policy))
    if public_url.startswith("https:"):  # the field takes no other
        fields.append(("Canonical", f"{public_url}/{PATH}"))
    return SecurityTxt("".join(f"{name}: {value}\n" for name, value in fields), expires)


def _contacts(given: str) -> list[str]:
    return [matching(CONTACT)(each.strip()).group() for each in given.split(",") if each.strip()]


def _address(given: str) -> str:
    return matching(ADDRESS)(given).group()


def _moment(given: str) -> datetime:
    """Return a day in ISO 8601, from midnight in UTC, or a time."""
    moment = datetime.fromisoformat(given)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _wanted(example: str) -> str:
    return f"an address with its scheme, such as {example}"
