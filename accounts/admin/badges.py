"""Badges of states, and times in words, for lists and pages."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.timezone import localtime, now

from accounts import rate_limits
from accounts.models import OutgoingMail, User

ROLES = {"user": "User", "admin": "Admin", "super_admin": "Super admin"}


@dataclass(frozen=True)
class Badge:
    """A state in words, and its tone: good, bad, warn, or none of these."""

    text: str
    tone: str = ""

    def __str__(self) -> str:
        return format_html('<span class="badge {}">{}</span>', self.tone, self.text)

    __html__ = __str__


NO_PASSWORD = Badge("No password yet", "warn")
MAIL_TONES = {OutgoingMail.Status.SENT: "good", OutgoingMail.Status.FAILED: "bad"}


def state(user: User) -> list[Badge]:
    """Return the badges of ``access``, and those of invitations and locks, which cost queries."""
    badges = access(user)
    if badges == [NO_PASSWORD] and _is_invited(user):
        badges = [Badge("Invited, no password yet", "warn")]
    if wait := rate_limits.locked_for(user):
        guesses = rate_limits.locked_after(user)
        until = f"{localtime(now() + wait):%H:%M} UTC"
        text = f"Locked, but for known networks, until {until} because of {guesses} wrong guesses"
        badges.append(Badge(text, "bad"))
    if wait := rate_limits.locked_on_known_networks_for(user):
        until = f"{localtime(now() + wait):%H:%M} UTC"
        badges.append(Badge(f"Known network locked until {until} because of wrong guesses", "bad"))
    return badges


def access(user: User) -> list[Badge]:
    """Return the badges of what the account's own row says of its access."""
    if user.erased_at:
        return [Badge(f"Erased on {localtime(user.erased_at):%-d %B %Y}", "bad")]
    if not user.is_active:
        return [Badge("Deactivated", "bad")]
    if user.must_change_password:
        return [Badge("Active", "good"), Badge("Must change password", "warn")]
    return [Badge("Active", "good")] if user.has_usable_password() else [NO_PASSWORD]


def _is_invited(user: User) -> bool:
    return user.mails.filter(template=OutgoingMail.Template.INVITATION).exists()


def relative_time(at: datetime | None) -> SafeString | str:
    """Return how long ago, or how long until then, with the exact time as a tooltip."""
    if at is None:
        return "never"
    if at > now():
        words = f"in {timeuntil(at, depth=1)}"
        words = "in a moment" if words.startswith("in 0") else words
    else:
        words = f"{timesince(at, depth=1)} ago"
        words = "just now" if words.startswith("0") else words
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        f"{localtime(at):%Y-%m-%d %H:%M:%S} UTC",
        words,
    )


def mail_status(mail: OutgoingMail) -> Badge:
    tone = MAIL_TONES.get(OutgoingMail.Status(mail.status), "")
    return Badge(mail.get_status_display(), tone)
