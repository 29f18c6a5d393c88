from django.apps import AppConfig
from django.contrib.admin import apps as admin


class AuthsvcConfig(AppConfig):
    name = "authsvc"

    def ready(self) -> None:
        from authsvc import checks as registers_checks  # noqa: F401
        from authsvc import health, paths
        from authsvc.contracts import registry
        from authsvc.forward_auth import refusals

        registry.load()
        refusals.register()
        paths.add_api_prefixes(health.CHECKS)


class AdminSiteConfig(admin.AdminConfig):
    default = False  # settings name it, in place of the class that it extends
    default_site = "accounts.admin_site.AuthsvcAdminSite"
