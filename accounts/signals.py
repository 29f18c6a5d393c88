"""Signals of accounts: other apps receive them, and accounts does not know which."""

from django.dispatch import Signal

# Each names its ``user``. All but ``outlives_password`` and ``user_data_requested`` are sent inside
# the transaction of what they tell.
account_deactivated = Signal()
password_reset = Signal()
role_changed = Signal()
account_erased = Signal()  # while the account still has its user name and address

# Receivers return a dictionary.
outlives_password = Signal()  # for the owner's mail: credentials that a new password does not end
user_data_requested = Signal()  # for JSON: the data that the receiver's app holds about the user
