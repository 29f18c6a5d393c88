from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import audit

        def signed_in(sender: Any, user: Any, **kwargs: Any) -> None:
            audit.record(audit.Kind.LOGIN, user=user, reason="signed in to the admin")

        user_logged_in.connect(signed_in, weak=False, dispatch_uid="accounts.signed_in")
