"""What other rooms may want to know of, without being known here."""

from django.dispatch import Signal

account_deactivated = Signal()  # user
password_reset = Signal()  # user; sent inside the transaction of the reset
