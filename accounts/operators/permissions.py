"""Rules about which operator may work with which user."""

from accounts.models import User


def is_operator(user: User) -> bool:
    """Return whether `user` may use the admin site: active, staff, with a password of their own."""
    return bool(user.is_active and user.is_staff and not user.must_change_password)


def is_super_admin(user: User) -> bool:
    """Return whether `user` may also change roles, other admins, signing keys and providers."""
    return is_operator(user) and user.is_superuser


def may_edit(operator: User, user: User) -> bool:
    """Return whether `operator` may change `user`.

    Admins work with users, super admins also with admins. An erased account is never changed.
    """
    return user.erased_at is None and (
        is_super_admin(operator) or (is_operator(operator) and not user.is_admin)
    )
