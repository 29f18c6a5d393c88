"""What other rooms may want to know of, without being known here."""

from django.dispatch import Signal

account_deactivated = Signal()  # user
password_reset = Signal()  # user; sent inside the transaction of the reset
outlives_password = Signal()  # user; each receiver answers with what a new password does not end, as a dictionary for the owner's mail
role_changed = Signal()  # user; sent inside the transaction of the change
account_erased = Signal()  # person; sent inside the transaction of the erasure, while the account can still be told by its names
person_asked_for = (
    Signal()
)  # person; each receiver answers with what it holds about them, as a dictionary for JSON
