from typing import Any

from django.apps import AppConfig

from accounts.signals import account_deactivated, password_reset


class APIKeysConfig(AppConfig):
    name = "apikeys"
    verbose_name = "API keys"

    def ready(self) -> None:
        from apikeys import keys

        def end_keys(sender: Any, user: Any, **kwargs: Any) -> None:
            keys.end_all(user, "account deactivated")

        def tell(sender: Any, user: Any, **kwargs: Any) -> None:
            keys.tell_they_live(user)

        account_deactivated.connect(end_keys, weak=False, dispatch_uid="apikeys.end_keys")
        password_reset.connect(tell, weak=False, dispatch_uid="apikeys.tell")
