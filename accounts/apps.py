from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts.audit import audit_log
        from accounts.audit.query import address_in_network
        from accounts.audit.reasons import Reason
        from accounts.db import trigram_indexes

        def signed_in(sender: Any, user: Any, **kwargs: Any) -> None:
            audit_log.record(audit_log.Kind.LOGIN, user=user, reason=Reason.SIGNED_IN_TO_ADMIN)

        def signed_out(sender: Any, user: Any, **kwargs: Any) -> None:
            if user is not None:
                audit_log.record(
                    audit_log.Kind.LOGOUT, user=user, reason=Reason.SIGNED_OUT_OF_ADMIN
                )

        def teach(sender: Any, connection: Any, **kwargs: Any) -> None:
            if connection.vendor == "sqlite":
                connection.connection.create_function(
                    "address_in_network", 2, address_in_network, deterministic=True
                )

        connection_created.connect(teach, weak=False, dispatch_uid="accounts.teach")
        user_logged_in.connect(signed_in, weak=False, dispatch_uid="accounts.signed_in")
        user_logged_out.connect(signed_out, weak=False, dispatch_uid="accounts.signed_out")
        post_migrate.connect(
            trigram_indexes.make, sender=self, dispatch_uid="accounts.db.trigram_indexes"
        )
