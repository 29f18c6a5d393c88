"""Registry of mail templates: each code names a subject, a text and an HTML file in ``emails/``.

``accounts`` registers ``Template``; other apps add templates of their own when they start.
A new template needs no migration.
"""

from collections import defaultdict

from django.db.models import TextChoices

labels: dict[str, str] = {}
_sections: dict[str, list[str]] = defaultdict(list)


class Template(TextChoices):
    RESET = "reset", "Reset link and code"
    INVITATION = "invitation", "Invitation to choose a password"
    PASSWORD_CHANGED = "password_changed", "Notice that the password was changed"
    NEW_NETWORK = "new_network", "Notice of a sign-in from a new network"
    IDENTIFIERS_CHANGED = "identifiers_changed", "Notice that user name or e-mail changed"
    ROLE_CHANGED = "role_changed", "Notice that the role changed"


def register(templates: type[TextChoices]) -> None:
    """Add the templates of an app. ``ValueError`` for a code that another app has."""
    if taken := labels.keys() & set(templates.values):
        raise ValueError(f"mail templates registered twice: {', '.join(sorted(taken))}")
    labels.update({str(code): str(label) for code, label in templates.choices})


def add_section(template: str, section: str) -> None:
    """Show ``section``, a text and an HTML file in ``emails/``, in the mails of ``template``."""
    _sections[template].append(section)


def choices() -> list[tuple[str, str]]:
    """Return all templates with their labels, as a field of a model or a form takes them."""
    return list(labels.items())


def sections(template: str) -> list[str]:
    """Return the names of the sections that apps have added to a template."""
    return _sections.get(template, [])


register(Template)
