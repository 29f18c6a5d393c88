"""Stan imports a file of users, Olga exports one and erases a user: desk and phone."""

import json

from accounts.models import User
from tests.conftest import PASSWORD
from tests.pages.visitor import DESK, DESK_LIGHT, PHONE, PHONE_DARK, PHONE_LIGHT

LIST = "/admin/accounts/user/"
USERS = """\
username,email,name,password
Carol,carol@example.com,Carol Danvers,
CAROL,,,
alice,,Alice,
dave,,,short
"""


def test_stan_imports_a_file_in_four_clicks(enter, alice, tmp_path):
    User.objects.create_user("stan", PASSWORD, is_staff=True)
    file = tmp_path / "users.csv"
    file.write_text(USERS)
    browser = enter(LIST, "stan", **PHONE_DARK.options)
    browser.page.click("text=Import")
    browser.look("import-upload", DESK_LIGHT, PHONE_DARK)
    browser.page.set_input_files("#id_file", file)
    browser.page.click("text=Show what will happen")
    browser.page.wait_for_url("**/import/*-*/")
    assert (
        "1 user of users.csv will be imported. Nothing was written yet."
        in browser.page.inner_text(".action-will")
    )
    browser.look("import-preview", DESK_LIGHT, PHONE_DARK)
    browser.page.click("text=Import 1 user")
    browser.page.wait_for_selector("text=was imported")
    browser.look("import-done", DESK_LIGHT, PHONE_DARK)
    with browser.page.expect_download() as saved:
        browser.page.click("text=as JSONL")
    assert [
        json.loads(line)["verdict"] for line in saved.value.path().read_text().splitlines()
    ] == [
        "imported",
        "refused",
        "unchanged",
        "refused",
    ]
    assert User.objects.get(username="carol").name == "Carol Danvers"


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(enter, tmp_path):
    file = tmp_path / "users.csv"
    file.write_bytes(b"username\n" + b"x\n" * 3 * 2**20)
    browser = enter("/admin/accounts/user/import/")
    browser.page.set_input_files("#id_file", file)
    assert "more than 5 MB" in browser.page.evaluate(
        "document.querySelector('#id_file').validationMessage"
    )


def test_olga_exports_all_accounts_and_the_data_of_alice(enter, alice):
    browser = enter(LIST, viewport=DESK)
    browser.page.click("text=Export")
    browser.page.fill("#id_reason", "the yearly review")
    browser.look("export-users", DESK_LIGHT)
    with browser.page.expect_download() as saved:
        browser.page.click("button:text('Export')")
    assert saved.value.suggested_filename.endswith(".csv")
    assert "alice@example.com" in saved.value.path().read_text()
    browser.open(f"/admin/accounts/user/{alice.pk}/change/")
    browser.page.click("text=Export their data")
    browser.look("export-user-data", DESK_LIGHT)
    with browser.page.expect_download() as saved:
        browser.page.click("button:text('Export')")
    assert json.loads(saved.value.path().read_text())["profile"]["username"] == "alice"


def test_olga_erases_alice_on_her_phone(enter, alice):
    browser = enter(f"/admin/accounts/user/{alice.pk}/change/", viewport=PHONE)
    browser.page.click("a:text('Erase')")
    browser.look("actions-erase", PHONE_LIGHT)
    browser.page.fill("#id_reason", "asked on 3 May")
    browser.page.click("button:text('Erase')")
    browser.page.wait_for_selector("text=Nothing here names them any more")
    assert "alice" not in browser.page.content().lower()
