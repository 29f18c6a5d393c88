"""States and times in words, as lists and pages show them."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.timezone import localtime, now

from accounts import devices, rate_limits
from accounts.models import OutgoingMail, User

ROLES = {"user": "User", "admin": "Admin", "super_admin": "Super admin"}


@dataclass(frozen=True)
class Badge:
    """A state in words, and how it is meant: good, bad, warn, or nothing of these."""

    text: str
    tone: str = ""

    def __str__(self) -> str:
        return format_html('<span class="badge {}">{}</span>', self.tone, self.text)

    __html__ = __str__


def state(person: User) -> list[Badge]:
    """All that keeps this person from logging in, or that nothing does: with what only the cache and their mails know."""
    badges = access(person)
    if (
        badges == [NO_PASSWORD]
        and person.mails.filter(template=OutgoingMail.Template.INVITATION).exists()
    ):
        badges = [Badge("Invited, no password yet", "warn")]
    if wait := rate_limits.locked_for(person):
        until = localtime(now() + wait)
        badges.append(
            Badge(
                f"Locked, but for known networks, until {until:%H:%M} UTC because of {rate_limits.locked_after(person)} wrong guesses",
                "bad",
            )
        )
    if wait := rate_limits.locked_on_known_networks_for(person):
        badges.append(
            Badge(
                f"Known network locked until {localtime(now() + wait):%H:%M} UTC because of wrong guesses",
                "bad",
            )
        )
    return badges


def access(person: User) -> list[Badge]:
    """What the account itself says of it."""
    if person.erased_at:
        return [Badge(f"Erased on {localtime(person.erased_at):%-d %B %Y}", "bad")]
    if not person.is_active:
        return [Badge("Deactivated", "bad")]
    if person.must_change_password:
        return [Badge("Active", "good"), Badge("Must change password", "warn")]
    return [Badge("Active", "good")] if person.has_usable_password() else [NO_PASSWORD]


NO_PASSWORD = Badge("No password yet", "warn")


def when(moment: datetime | None) -> SafeString | str:
    """How long ago, or how long until then, with the time itself for whoever points at it."""
    if moment is None:
        return "never"
    words = (
        f"in {timeuntil(moment, depth=1)}"
        if moment > now()
        else f"{timesince(moment, depth=1)} ago"
    )
    words = (
        "just now"
        if words.startswith("0")
        else "in a moment"
        if words.startswith("in 0")
        else words
    )
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        f"{localtime(moment):%Y-%m-%d %H:%M:%S} UTC",
        words,
    )


def device(user_agent: str) -> str:
    """What a session or mail was asked for with: as mails call it, else as it calls itself."""
    return devices.describe(user_agent) or user_agent[:40] or "unknown"


def mail_status(mail: OutgoingMail) -> Badge:
    """What became of it."""
    return Badge(
        mail.get_status_display(),
        {OutgoingMail.Status.SENT: "good", OutgoingMail.Status.FAILED: "bad"}.get(
            OutgoingMail.Status(mail.status), ""
        ),
    )
