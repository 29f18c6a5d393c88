"""The outbox: mails that wait to be sent, and the status of those that were."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from accounts.mail import templates
from accounts.models.fields import CodeField
from accounts.request_context import RequestContext

RETRY_FOR = timedelta(days=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(hours=1)  # between two tries


def _old_reset() -> models.Q:
    return models.Q(
        template=OutgoingMail.Template.RESET, created_at__lt=now() - settings.RESET_LIFETIME
    )


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    def waiting(self) -> OutgoingMailQuerySet:
        return self.filter(closed_at=None)

    def due(self) -> OutgoingMailQuerySet:
        return self.waiting().filter(next_try_at__lte=now()).order_by("next_try_at")

    def next_due(self) -> OutgoingMail | None:
        """Return the next mail: resets come first, then invitations, then notices.

        The first of each template is found in the index, and the next mail is one of those.
        """
        due = self.due().values("pk")
        firsts: list[Any] = [
            models.Subquery(due.filter(template=template)[:1]) for template in templates.labels
        ]
        awaited = [
            models.When(template=template, then=place)
            for place, template in enumerate(
                [OutgoingMail.Template.RESET, OutgoingMail.Template.INVITATION]
            )
        ]
        precedence = models.Case(*awaited, default=len(awaited))
        return (
            self.select_related("user")
            .filter(pk__in=firsts)
            .order_by(precedence, "next_try_at")
            .first()
        )

    def between_tries(self) -> OutgoingMailQuerySet:
        """Return the mails that wait for their next try, and that no worker is sending."""
        at = now()
        return self.waiting().filter(
            models.Q(claimed_until=None) | models.Q(claimed_until__lte=at), next_try_at__gt=at
        )

    def outdated(self) -> OutgoingMailQuerySet:
        """Return failed resets that are older than a link lives; nobody expects them any more."""
        return self.filter(_old_reset(), status=OutgoingMail.Status.FAILED)

    def repeatable(self) -> OutgoingMailQuerySet:
        """Return failed mails that can be sent again as they are."""
        return self.filter(~_old_reset(), status=OutgoingMail.Status.FAILED)

    def send_again(self) -> int:
        """Put failed mails back into the queue, for another day; return how many."""
        at = now()
        return self.repeatable().update(
            status=OutgoingMail.Status.WAITING,
            closed_at=None,
            next_try_at=at,
            give_up_at=at + RETRY_FOR,
            tries=0,
        )

    def send_now(self) -> int:
        """Let mails between two tries be tried now; return how many."""
        return self.between_tries().update(next_try_at=now())


class OutgoingMail(models.Model):
    """A mail to be sent, or its result. It holds no secret: a worker makes those as it sends it."""

    Template = templates.Template

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        NOBODY = "nobody", "No user to send it to"
        ENOUGH = "enough", "Not sent: enough for this hour"
        FAILED = "failed", "Failed"

    # Its columns have the names that they had up to 0.1.0.
    template = CodeField(max_length=20, choices=templates.choices, db_column="kind")
    identifier = models.CharField(
        max_length=254,
        blank=True,
        db_column="typed",
        help_text="The user name or address that was typed; no user was looked up then.",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="mails",
    )
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.WAITING, db_column="fate"
    )
    recipient = models.CharField(max_length=254, blank=True)
    language = models.CharField(max_length=10, blank=True)
    contract = models.CharField(max_length=20, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=255, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    claimed_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then a worker is sending it, unless it died."
    )
    tries = models.PositiveIntegerField(default=0)
    closed_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(
        max_length=500, blank=True, help_text="What the mail server said last."
    )
    data = models.JSONField(default=dict, blank=True)

    objects = OutgoingMailQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["template", "next_try_at"],
                condition=models.Q(closed_at=None),
                name="outgoing_mail_due_of_kind",
            ),
            models.Index(fields=["template", "id"], name="outgoing_mail_of_kind"),
            models.Index(fields=["identifier"], name="outgoing_mail_typed"),
            models.Index(fields=["user", "created_at"]),
            models.Index(fields=["status", "closed_at"], name="outgoing_mail_closed"),
        ]

    def __str__(self) -> str:
        return f"{self.template} mail, {self.status}"

    def request_context(self) -> RequestContext:
        """Return the context of the request that asked for the mail."""
        return RequestContext(
            address=self.address,
            user_agent=self.user_agent,
            request_id=self.request_id,
            contract=self.contract,
        )

    @property
    def is_between_tries(self) -> bool:
        at = now()
        return (
            self.closed_at is None
            and self.next_try_at > at
            and not (self.claimed_until and self.claimed_until > at)
        )

    @property
    def is_outdated(self) -> bool:
        old = (
            self.template == self.Template.RESET
            and self.created_at < now() - settings.RESET_LIFETIME
        )
        return old and self.status == self.Status.FAILED

    @property
    def given_address(self) -> str:
        """Return the address that the mail must go to; empty for that of its user."""
        return self.data.get("to") or ""

    @property
    def addressee(self) -> str:
        return self.given_address or (self.user.email or "" if self.user else "")

    def claim(self, length: timedelta) -> bool:
        """Claim the mail for one try of this length; return False if another worker was first."""
        claimed = OutgoingMail.objects.waiting().filter(pk=self.pk, next_try_at=self.next_try_at)
        self.tries += 1
        until = now() + length
        return bool(claimed.update(next_try_at=until, claimed_until=until, tries=self.tries))

    def close(self, status: str) -> None:
        self.status, self.closed_at, self.recipient = status, now(), self.addressee
        self.error = self.error if status == self.Status.FAILED else ""
        self.claimed_until = None
        self.save(
            update_fields=["status", "closed_at", "claimed_until", "recipient", "error", "user"]
        )

    def fail(self, error: str) -> None:
        self.error = error
        self.close(self.Status.FAILED)

    def put_off(self, error: str) -> None:
        """Wait twice the last pause, from 15 s up to an hour; after a day the mail has failed."""
        self.error = error
        self.next_try_at = now() + min(FIRST_PAUSE * 2 ** min(self.tries - 1, 10), LONGEST_PAUSE)
        if self.next_try_at > self.give_up_at:
            return self.close(self.Status.FAILED)
        self.claimed_until = None
        return self.save(update_fields=["error", "next_try_at", "claimed_until", "user"])
