"""How the acts of the core are put to operators: on a button, before it happens, and after."""

from datetime import timedelta
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.timezone import localtime

from accounts import identifier_changes
from accounts.admin import action_registry
from accounts.admin.action_registry import Offer
from accounts.identifiers import KEPT
from accounts.models import ROLES, OutgoingMail, OutgoingMailQuerySet, Session, User
from accounts.operators import mail_actions, user_actions


def spoken(length: timedelta) -> str:
    """A length of time as people say it: the largest unit that it is a whole number of."""
    seconds = int(length.total_seconds())
    units = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}
    unit = next(unit for unit, size in units.items() if seconds % size == 0)
    count = seconds // units[unit]
    return f"{count} {unit}{'' if count == 1 else 's'}"


def person(user: User) -> str:
    known = ", ".join(filter(None, (user.name, user.email)))
    return f"{user} ({known})" if known else str(user)


def session(row: Session) -> str:
    parts = [
        f"the {row.contract} session of {row.user}",
        f"from {row.address}" if row.address else "",
    ]
    return " ".join(
        filter(None, (*parts, f"last used {localtime(row.last_used_at):%Y-%m-%d %H:%M} UTC"))
    )


def mail(row: OutgoingMail) -> str:
    return f"{row.get_template_display()}, to {row.recipient or row.given_address or row.identifier or row.user}"


def _no_mail(otherwise: str) -> str:
    return (
        otherwise
        if settings.EMAILS_ENABLED
        else "This service sends no mail (EMAILS_ENABLED is false)"
    )


def _role() -> dict[str, forms.Field]:
    names = {
        "user": "User: no way into this admin",
        "admin": "Admin: works with users",
        "super_admin": "Super admin: may do everything",
    }
    return {
        "role": forms.ChoiceField(
            label="New role",
            choices=[(role, names[role]) for role in ROLES],
            widget=forms.RadioSelect,
        )
    }


class IdentifierInput(forms.CharField):
    """A user name or an address, by the rules of its column; a reserved one is the act's to judge: the account may have it already."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.column: Any = User._meta.get_field(name)

    def clean(self, value: Any) -> str:
        typed = super().clean(value)
        try:
            return self.column.clean(typed, None) or ""
        except ValidationError as error:
            if {each.code for each in error.error_list} != {KEPT}:
                raise
            return str(self.column.to_python(typed))


def _identifiers() -> dict[str, forms.Field]:
    plain = forms.TextInput(
        attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
    )
    return {
        "username": IdentifierInput("username", label="User name", widget=plain),
        "email": IdentifierInput(
            "email",
            label="E-mail",
            widget=plain,
            required=False,
            help_text="Empty: no mail, and no reset by mail.",
        ),
        "shown": forms.CharField(required=False, widget=forms.HiddenInput),
    }


def _both_are_told() -> str:
    return (
        "A mail about it goes to the old address and to the new one."
        if settings.EMAILS_ENABLED
        else "No mail tells the owner."
    )


def _present(user: User) -> dict[str, str]:
    return {
        "username": user.username,
        "email": user.email or "",
        "shown": identifier_changes.fingerprint(user),
    }


def _live(sessions: Any) -> QuerySet[Any]:
    found: QuerySet[Any] = sessions.live()
    return found


on_people = partial(Offer, named=person, brief=str)  # acts on accounts, told of by name
on_mails = partial(Offer, model=OutgoingMail, owner="user", key="mail", named=mail)

action_registry.register(
    on_people(
        act=user_actions.INVITE,
        label="Invite again",
        will=lambda: (
            "A mail with a link to choose a first password goes to {whom}. The link works once, for "
            f"{spoken(settings.INVITATION_LIFETIME)}; links of earlier invitations stop working when it is sent."
        ),
        did="An invitation is on its way to {whom}.",
        idle=lambda: _no_mail("Has a password already, or no address, or is deactivated"),
    ),
    on_people(
        act=user_actions.SEND_RESET,
        label="Send a reset mail",
        will=lambda: (
            "A mail with a link and a code to choose a new password goes to {whom}. They work once, for "
            f"{spoken(settings.RESET_LIFETIME)}. Until one is used, nothing changes."
        ),
        did="A reset mail is on its way to {whom}.",
        idle=lambda: _no_mail("Has no address, or is deactivated"),
    ),
    on_people(
        act=user_actions.UNLOCK,
        label="Unlock",
        will="{whom} can log in again at once, with all tries to guess wrong.",
        did="Unlocked {whom}.",
        idle="Is not locked",
    ),
    on_people(
        act=user_actions.FORCE_CHANGE,
        label="Force a new password",
        will="Every session of {whom} ends. The present password still opens the way to choose another one, and nothing else.",
        did="A new password is demanded of {whom}, and every session has ended.",
        idle="Has to choose a new one already, or has none",
    ),
    on_people(
        act=user_actions.END_SESSIONS,
        label="End all sessions",
        will="{whom} will be signed out everywhere, also here, and can sign in again with the same password. API keys go on working.",
        did="Ended every session of {whom}.",
        idle="Is not signed in anywhere",
    ),
    on_people(
        act=user_actions.GIVE_TEMPORARY_PASSWORD,
        label="Give a temporary password",
        will=(
            "The present password of {whom} stops working and every session ends. A temporary one is made, and shown to you once: "
            "it has to be replaced at the first login. Locks and links from earlier mails are gone too."
        ),
        did="Made a temporary password for {whom}.",
        idle="Is deactivated",
        most=100,  # each is hashed, which takes its time
    ),
    on_people(
        act=user_actions.CHANGE_IDENTIFIERS,
        label="Change user name or e-mail",
        will=lambda: (
            "From now on, {whom} signs in with the user name and address below. The password, sessions and API keys stay as they are; "
            f"links and codes from earlier mails stop working. {_both_are_told()}"
        ),
        did="Changed the user name or e-mail address of {whom}.",
        idle="Is known by this name and address already",
        choices=_identifiers,
        initial=_present,
        most=1,
    ),
    on_people(
        act=user_actions.CHANGE_ROLE,
        label="Change the role",
        will="What {whom} may do in this admin changes at once. Whoever is signed in to it has to sign in again.",
        did="Changed the role of {whom}.",
        idle="Has this role already",
        choices=_role,
    ),
    on_people(
        act=user_actions.DEACTIVATE,
        label="Deactivate",
        will=(
            "{whom} will be shut out: every session and every API key ends at once, and no login works. "
            "Reactivating brings none of them back."
        ),
        did="Deactivated {whom}.",
        idle="Is deactivated already",
    ),
    on_people(
        act=user_actions.REACTIVATE,
        label="Reactivate",
        will="{whom} can log in again with the password from before. Sessions and API keys that ended stay ended.",
        did="Reactivated {whom}.",
        idle="Is active",
    ),
    Offer(
        act=user_actions.END_SESSION,
        label="End session",
        will="What is signed in there is signed out at once: {whom}.",
        did="Ended {whom}.",
        idle="Has ended or expired already",
        model=Session,
        owner="user",
        key="session",
        alive=_live,
        named=session,
    ),
    on_mails(
        act=mail_actions.SEND_NOW,
        label="Send now",
        will="The mail server is asked now instead of at the next try: {whom}. If it refuses again, the later tries go on.",
        did="Is tried now: {whom}.",
        idle="Does not wait for a next try: it is being sent, or is closed",
        alive=OutgoingMailQuerySet.between_tries,
    ),
    on_mails(
        act=mail_actions.SEND_AGAIN,
        label="Send again",
        will="The mail server is asked again, for one more day: {whom}. Links and codes are made anew.",
        did="Will be sent again: {whom}.",
        idle="Did not fail, or is a reset that was asked for too long ago: send a fresh one",
        alive=OutgoingMailQuerySet.repeatable,
    ),
    on_mails(
        act=mail_actions.SEND_NEW_RESET,
        label="Send a fresh reset mail",
        will=lambda: (
            "The request behind this mail is too old to be answered: {whom}. A new reset mail is sent in its place, with a link and a code "
            f"that work once, for {spoken(settings.RESET_LIFETIME)}."
        ),
        did="A reset mail is on its way in place of: {whom}.",
        idle=lambda: _no_mail(
            "Is no reset mail that failed long ago, or another one is on its way"
        ),
        alive=OutgoingMailQuerySet.outdated,
    ),
)
