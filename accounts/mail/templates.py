"""Registry of mail templates: each code names a subject, a text and an HTML file in ``emails/``.

``accounts`` registers ``Template``; other apps add templates of their own when they start.
A new template needs no migration.
"""

from collections import defaultdict

from django.db.models import TextChoices

from accounts.code_registry import CodeRegistry

_registry = CodeRegistry("mail templates")
labels, register, choices = _registry.labels, _registry.add, _registry.choices
_sections: dict[str, list[str]] = defaultdict(list)


class Template(TextChoices):
    RESET = "reset", "Reset link and code"
    INVITATION = "invitation", "Invitation to choose a password"
    PASSWORD_CHANGED = "password_changed", "Notice that the password was changed"
    NEW_NETWORK = "new_network", "Notice of a sign-in from a new network"
    IDENTIFIERS_CHANGED = "identifiers_changed", "Notice that user name or e-mail changed"
    ROLE_CHANGED = "role_changed", "Notice that the role changed"


def add_section(template: str, section: str) -> None:
    """Show ``section``, a text and an HTML file in ``emails/``, in the mails of ``template``."""
    _sections[template].append(section)


def sections(template: str) -> list[str]:
    """Return the names of the sections that apps have added to a template."""
    return _sections.get(template, [])


register(Template)
