"""Texts of devices, as mails and the admin's lists show them."""

from django.utils.translation import gettext as _
from ua_parser import parse

# Well-known names only: a client chooses its User-Agent, and must not write the text of a mail.
BROWSERS = ("Firefox", "Edge", "Opera", "Samsung Internet", "Chrome", "Safari")
SYSTEMS = ("Windows", "Android", "iOS", "Mac OS X", "Chrome OS", "Ubuntu", "Linux")
MAX_SHOWN_USER_AGENT = 40  # characters of an unknown one


def describe(user_agent: str) -> str:
    """Return a device as in ``Firefox on Linux``, or an empty string for an unknown browser."""
    found = parse(user_agent)
    browser = _known(BROWSERS, found.user_agent.family if found.user_agent else "")
    system = _known(SYSTEMS, found.os.family if found.os else "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system


def describe_in_lists(user_agent: str) -> str:
    """Return what operators read of any device: its name, else how its user agent begins."""
    return describe(user_agent) or user_agent[:MAX_SHOWN_USER_AGENT] or "unknown"


def _known(names: tuple[str, ...], family: str) -> str:
    return next((name for name in names if name in family), "")
