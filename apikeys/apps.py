from typing import Any

from django.apps import AppConfig

from accounts.signals import (
    account_deactivated,
    account_erased,
    outlives_password,
    password_reset,
    person_asked_for,
    role_changed,
)


class APIKeysConfig(AppConfig):
    name = "apikeys"
    verbose_name = "API keys"

    def ready(self) -> None:
        from accounts import user_search
        from accounts.audit import statistics
        from apikeys import end_reasons, keys

        def end_keys(sender: Any, user: Any, **kwargs: Any) -> None:
            keys.end_all(user, end_reasons.EndReason.OWNER_DEACTIVATED)

        def tell(sender: Any, user: Any, **kwargs: Any) -> None:
            keys.tell_they_live(user)

        def name_them(sender: Any, user: Any, **kwargs: Any) -> dict[str, Any]:
            return keys.named_in_mails(user)

        def take_scopes(sender: Any, user: Any, **kwargs: Any) -> None:
            keys.take_reserved(user)

        account_deactivated.connect(end_keys, weak=False, dispatch_uid="apikeys.end_keys")
        password_reset.connect(tell, weak=False, dispatch_uid="apikeys.tell")
        outlives_password.connect(name_them, weak=False, dispatch_uid="apikeys.name_them")
        role_changed.connect(take_scopes, weak=False, dispatch_uid="apikeys.take_scopes")
        statistics.LIVE["live_keys"] = keys.count_live
        user_search.finders.append(keys.owner_of)

        def forget(sender: Any, person: Any, **kwargs: Any) -> None:
            keys.forget_owner(person)

        def tell_about(sender: Any, person: Any, **kwargs: Any) -> dict[str, Any]:
            return {"api_keys": keys.held_about(person)}

        account_erased.connect(forget, weak=False, dispatch_uid="apikeys.forget")
        person_asked_for.connect(tell_about, weak=False, dispatch_uid="apikeys.tell_about")
