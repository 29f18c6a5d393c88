"""Before what only super admins do: a reason, and the password again."""

from accounts.admin.asking import Reasoned


class Sure(Reasoned):
    """Always asked: nothing here is harmless."""
