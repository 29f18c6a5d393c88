"""Actions on users, sessions and mails: the texts, fields and limits of each in the admin site."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.timezone import localtime

from accounts.admin import action_registry
from accounts.admin.action_fields import identifier_fields, present_identifiers, role_fields
from accounts.admin.action_registry import AdminAction
from accounts.models import OutgoingMail, OutgoingMailQuerySet, Session, User
from accounts.operators import mail_actions, user_actions


def spoken(length: timedelta) -> str:
    """Return a length of time in the largest unit that it is a whole number of."""
    seconds = int(length.total_seconds())
    units = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}
    unit = next(unit for unit, size in units.items() if seconds % size == 0)
    count = seconds // units[unit]
    return f"{count} {unit}{'' if count == 1 else 's'}"


def describe_user(user: User) -> str:
    known = ", ".join(filter(None, (user.name, user.email)))
    return f"{user} ({known})" if known else str(user)


def describe_session(session: Session) -> str:
    parts = [
        f"the {session.contract} session of {session.user}",
        f"from {session.address}" if session.address else "",
    ]
    return " ".join(
        filter(None, (*parts, f"last used {localtime(session.last_used_at):%Y-%m-%d %H:%M} UTC"))
    )


def describe_mail(mail: OutgoingMail) -> str:
    to = mail.recipient or mail.given_address or mail.identifier or mail.user
    return f"{mail.get_template_display()}, to {to}"


def _no_mail(otherwise: str) -> str:
    return (
        otherwise
        if settings.EMAILS_ENABLED
        else "This service sends no mail (EMAILS_ENABLED is false)"
    )


def _who_is_mailed() -> str:
    return (
        "A mail about it goes to the old address and to the new one."
        if settings.EMAILS_ENABLED
        else "No mail tells the owner."
    )


def _live(sessions: Any) -> QuerySet[Any]:
    found: QuerySet[Any] = sessions.live()
    return found


user_action = partial(AdminAction, describe=describe_user, describe_briefly=str)
mail_action = partial(
    AdminAction, model=OutgoingMail, owner="user", argument="mail", describe=describe_mail
)

action_registry.register(
    user_action(
        action=user_actions.INVITE,
        label="Invite again",
        before=lambda: (
            "A mail with a link to choose a first password goes to {rows}. The link works once, "
            f"for {spoken(settings.INVITATION_LIFETIME)}; links of earlier invitations stop "
            "working when it is sent."
        ),
        after="An invitation is on its way to {rows}.",
        nothing_to_do=lambda: _no_mail("Has a password already, or no address, or is deactivated"),
    ),
    user_action(
        action=user_actions.SEND_RESET,
        label="Send a reset mail",
        before=lambda: (
            "A mail with a link and a code to choose a new password goes to {rows}. They work "
            f"once, for {spoken(settings.RESET_LIFETIME)}. Until one is used, nothing changes."
        ),
        after="A reset mail is on its way to {rows}.",
        nothing_to_do=lambda: _no_mail("Has no address, or is deactivated"),
    ),
    user_action(
        action=user_actions.UNLOCK,
        label="Unlock",
        before="{rows} can log in again at once, with all tries to guess wrong.",
        after="Unlocked {rows}.",
        nothing_to_do="Is not locked",
    ),
    user_action(
        action=user_actions.FORCE_CHANGE,
        label="Force a new password",
        before=(
            "Every session of {rows} ends. With the present password one can only choose "
            "another one."
        ),
        after="{rows} must choose a new password, and every session has ended.",
        nothing_to_do="Has to choose a new one already, or has none",
    ),
    user_action(
        action=user_actions.END_SESSIONS,
        label="End all sessions",
        before=(
            "{rows} will be signed out everywhere, also here, and can sign in again with the "
            "same password. Their {credentials} go on working."
        ),
        after="Ended every session of {rows}.",
        nothing_to_do="Is not signed in anywhere",
    ),
    user_action(
        action=user_actions.GIVE_TEMPORARY_PASSWORD,
        label="Give a temporary password",
        before=(
            "The present password of {rows} stops working and every session ends. A temporary "
            "one is made, and shown to you once: it has to be replaced at the first login. "
            "Locks end and links from earlier mails stop working too."
        ),
        after="Made a temporary password for {rows}.",
        nothing_to_do="Is deactivated",
        max_rows=100,  # each is hashed, which takes its time
    ),
    user_action(
        action=user_actions.CHANGE_IDENTIFIERS,
        label="Change user name or e-mail",
        before=lambda: (
            "From now on, {rows} signs in with the user name and address below. The password, "
            "sessions and {credentials} stay as they are; links and codes from earlier mails stop "
            f"working. {_who_is_mailed()}"
        ),
        after="Changed the user name or e-mail address of {rows}.",
        nothing_to_do="Is known by this name and address already",
        fields=identifier_fields,
        initial=present_identifiers,
        max_rows=1,
    ),
    user_action(
        action=user_actions.CHANGE_ROLE,
        label="Change the role",
        before=(
            "What {rows} may do in this admin site changes at once. Who is signed in to it has "
            "to sign in again."
        ),
        after="Changed the role of {rows}.",
        nothing_to_do="Has this role already",
        fields=role_fields,
    ),
    user_action(
        action=user_actions.DEACTIVATE,
        label="Deactivate",
        before=(
            "{rows} will be shut out: all sessions and {credentials} end at once, and no login "
            "works. Reactivating brings none of them back."
        ),
        after="Deactivated {rows}.",
        nothing_to_do="Is deactivated already",
    ),
    user_action(
        action=user_actions.REACTIVATE,
        label="Reactivate",
        before=(
            "{rows} can log in again with the password from before. Sessions and {credentials} "
            "that ended stay ended."
        ),
        after="Reactivated {rows}.",
        nothing_to_do="Is active",
    ),
    user_action(
        action=user_actions.ERASE,
        label="Erase",
        before=(
            "{rows} will be erased, for good. Sessions, {credentials}, mails and resets are "
            "deleted, the account is emptied, and its name and address are free for any user. "
            "What is in the audit log stays, without names, addresses and what operators wrote. "
            "The reason is kept there: do not name the user in it. Backups and files exported "
            "earlier keep what they hold."
        ),
        after="Erased. Nothing here names them any more.",
        max_rows=20,
    ),
    AdminAction(
        action=user_actions.END_SESSION,
        label="End session",
        before="What is signed in there is signed out at once: {rows}.",
        after="Ended {rows}.",
        nothing_to_do="Has ended or expired already",
        model=Session,
        owner="user",
        argument="session",
        applicable=_live,
        describe=describe_session,
    ),
    mail_action(
        action=mail_actions.SEND_NOW,
        label="Send now",
        before=(
            "The mail server is asked now instead of at the next try: {rows}. If it refuses "
            "again, the later tries go on."
        ),
        after="Is tried now: {rows}.",
        nothing_to_do="Does not wait for a next try: it is being sent, or is closed",
        applicable=OutgoingMailQuerySet.between_tries,
    ),
    mail_action(
        action=mail_actions.SEND_AGAIN,
        label="Send again",
        before=(
            "The mail server is asked again, for one more day: {rows}. Links and codes are made "
            "anew."
        ),
        after="Will be sent again: {rows}.",
        nothing_to_do=(
            "Did not fail, or is a reset that was asked for too long ago: send a new one"
        ),
        applicable=OutgoingMailQuerySet.repeatable,
    ),
    mail_action(
        action=mail_actions.SEND_NEW_RESET,
        label="Send a new reset mail",
        before=lambda: (
            "The request behind this mail is too old to be answered: {rows}. A new reset mail "
            "is sent in its place, with a link and a code that work once, for "
            f"{spoken(settings.RESET_LIFETIME)}."
        ),
        after="A reset mail is on its way in place of: {rows}.",
        nothing_to_do=lambda: _no_mail(
            "Is no reset mail that failed long ago, or another one is on its way"
        ),
        applicable=OutgoingMailQuerySet.outdated,
    ),
)
