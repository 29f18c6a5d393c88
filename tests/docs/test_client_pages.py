"""The pages for people who write clients: their examples are run, and answered as they print it."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from accounts.mail import delivery
from accounts.models import User
from authsvc.contracts import BUILT_IN, registry
from tests.conftest import lacking
from tests.docs.examples import Answer, Shell, differences, examples
from tests.reset_mails import code_in, token_in

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ["clients.md", *sorted(f"clients/{page.name}" for page in (DOCS / "clients").glob("*.md"))]
MAX_LINES = {"py": 80, "mjs": 80, "sh": 40}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shell(live_server, settings, tmp_path):
    """A shell as docs/clients.md prepares it: users, variables, and a user who is locked."""
    if not shutil.which("curl"):
        lacking("curl is not installed")
    settings.PUBLIC_URL = live_server.url
    page = (DOCS / "clients.md").read_text()
    (users,) = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    (tmp_path / "users.csv").write_text(users)
    call_command("import_users", str(tmp_path / "users.csv"), "--roles", verbosity=0)
    shell = Shell(tmp_path)
    for example in examples(page):
        if example.printed is None:
            shell.run(example.command.replace("http://localhost:8000", live_server.url))
    return shell


def read_mail(shell: Shell, mailoutbox: Any) -> None:
    """Deliver what waits, and note the secrets of the last reset mail like its reader."""
    mailoutbox.clear()
    delivery.deliver_due()
    for mail in mailoutbox:
        if "/reset/" in str(mail.body):
            user = User.objects.get(email=mail.to[0])
            shell.variables |= {
                "reset_token": token_in(mail),
                "confirmation_code": code_in(mail, user),
            }


@pytest.mark.parametrize("page", PAGES)
def test_an_example_is_answered_as_its_page_prints_it(page, shell, mailoutbox):
    wrong = []
    for example in examples((DOCS / page).read_text()):
        if {"$reset_token", "$confirmation_code"} & set(re.findall(r"\$\w+", example.command)):
            read_mail(shell, mailoutbox)
        if example.printed is None:
            if page != "clients.md":
                shell.run(example.command)
            continue
        with override_settings(**example.settings):
            found = differences(example.printed, shell.answer(example.command))
        wrong += [(example.command, found)] if found else []
    assert wrong == []


def test_a_page_that_lies_is_noticed():
    printed = Answer(200, ["Allow: POST"], {"token": "eyJh…", "id": 1, "expires_in": 3600})
    headers = ["Content-Type: application/json", "Allow: POST"]
    assert differences(printed, Answer(200, headers, printed.body | {"token": "eyJhbGci"})) == []
    for answered in (
        Answer(201, headers, printed.body),
        Answer(200, [], printed.body),
        Answer(200, headers, printed.body | {"token": "sk_live_1"}),
        Answer(200, headers, printed.body | {"expires_in": 60}),
        Answer(200, headers, printed.body | {"more": ""}),
        Answer(200, headers, None),
    ):
        assert len(differences(printed, answered)) == 1


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_text_of_a_contract_s_error_responses_is_on_its_page(name):
    (contract,) = (each.contract for each in registry.registered() if each.contract.name == name)
    pages = (f"clients/{name}.md", "clients/api-keys.md")
    text = " ".join("".join((DOCS / page).read_text() for page in pages).split())
    assert [each for each in contract.phrases.values() if each.text not in text] == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_page_links_to_short_clients_of_its_contract(name):
    """tests/faults/test_client_examples.py runs them."""
    links = re.findall(
        r"\]\((examples/\w+\.[a-z]+)\)", (DOCS / "clients" / f"{name}.md").read_text()
    )
    assert links == ["examples/README.md", *(f"examples/{name}.{each}" for each in MAX_LINES)]
    for link in links[1:]:
        lines = (DOCS / "clients" / link).read_text().splitlines()
        assert len(lines) <= MAX_LINES[link.rpartition(".")[2]]
