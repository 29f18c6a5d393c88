"""An operator changes the identifiers of a user; both addresses are mailed."""

import pytest
from django.urls import reverse

from accounts import identities, password_reset, passwords
from accounts.errors import IdentifierTaken, InvalidReset
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, User
from accounts.operators import actions, user_actions
from tests.admin.actions import confirm_action, open_action
from tests.admin.user_pages import fields, log_in, page
from tests.concurrency import at_once
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
NAME = "change_identifiers"


def change(client, user, **sent):
    return confirm_action(
        client, NAME, user, **{"username": user.username, "email": user.email or ""} | sent
    )


def mails(mailoutbox):
    delivery.deliver_due()
    return {mail.to[0]: mail for mail in mailoutbox}


def test_olga_changes_an_address_and_both_hear_of_it(as_olga, olga, alice, mailoutbox):
    answer = change(as_olga, alice, username="Alice2", email="New@Example.com")
    alice.refresh_from_db()
    assert (answer["Location"], alice.username, alice.email) == (
        page(alice),
        "alice2",
        "new@example.com",
    )
    event = AuditEvent.objects.get(kind="identifiers_changed")
    assert (event.user, event.actor) == (alice, olga)
    changed = {"username": ["alice", "alice2"], "email": ["alice@example.com", "new@example.com"]}
    assert (event.reason, event.data, event.note) == ("identifiers", changed, "ticket 7")
    told = as_olga.get(page(alice)).content.decode()
    assert "olga changed the user name or the address of" in told
    assert "alice@example.com → new@example.com" in told
    assert '<td data-column="To">alice@example.com</td>' in told
    assert '<td data-column="To">new@example.com</td>' in told
    sent = mails(mailoutbox)
    assert set(sent) == {"alice@example.com", "new@example.com"}
    assert "This address is the account's no more" in sent["alice@example.com"].body
    assert "new@example.com" not in str(sent["alice@example.com"].message())
    assert "- This address is the account's now." in sent["new@example.com"].body
    assert "- The user name alice is alice2 now." in sent["new@example.com"].body
    assert "\n\nAPI keys stay as they are, too.\n" in sent["new@example.com"].body
    assert {mail.subject for mail in mailoutbox} == {"What you sign in with at authsvc was changed"}


def test_the_profile_form_changes_neither(as_olga, alice):
    assert (
        as_olga.post(
            page(alice), fields(alice, username="eve", email="eve@evil.example", name="Alice L.")
        ).status_code
        == 302
    )
    alice.refresh_from_db()
    assert (alice.username, alice.email, alice.name) == ("alice", "alice@example.com", "Alice L.")


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"password": "wrong"}, "password"),
        ({"password": None}, "password"),
        ({"reason": ""}, "reason"),
    ],
)
def test_it_takes_the_password_and_a_reason(as_olga, alice, sent, wrong):
    answer = change(as_olga, alice, email="eve@evil.example", **sent)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [wrong])
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    assert not OutgoingMail.objects.exists()


@pytest.mark.parametrize(
    ("sent", "field", "complaint"),
    [
        ({"username": "ＢＯＢ"}, "username", "Another account has this one"),
        ({"email": "BOB@example.com"}, "email", "Another account has this one"),
        ({"username": "a@b"}, "username", "holds no @"),
        (
            {"username": "ＥＲＡＳＥＤ-1f2e3d4c"},
            "username",
            "in the audit log it would be taken for an erased user",
        ),
        (
            {"username": "key_a1b2c3d4"},
            "username",
            "in the audit log it would be taken for an API key",
        ),
        ({"username": " "}, "username", "required"),
        ({"username": "x" * 151}, "username", "at most 150"),
        ({"username": "x\0y"}, "username", "Null characters"),
        ({"email": "nobody"}, "email", "valid email"),
    ],
)
def test_an_invalid_identifier_is_refused_in_the_form(as_olga, alice, bob, sent, field, complaint):
    answer = change(as_olga, alice, **sent)
    assert answer.status_code == 422
    assert complaint in str(answer.context["form"].errors[field])
    alice.refresh_from_db()
    assert (alice.username, alice.email) == ("alice", "alice@example.com")
    assert not AuditEvent.objects.filter(kind="identifiers_changed").exists()


def test_a_user_whose_name_is_reserved_now_keeps_it(as_olga, alice):
    User.objects.filter(pk=alice.pk).update(username="key_alice")
    alice.refresh_from_db()
    assert change(as_olga, alice, email="new@example.com").status_code == 302
    alice.refresh_from_db()
    assert (alice.username, alice.email) == ("key_alice", "new@example.com")


def test_the_page_shows_what_is_there_and_refuses_what_changed_meanwhile(as_olga, alice):
    form = open_action(as_olga, NAME, alice).context["form"]
    shown = {name: form[name].value() for name in ("username", "email", "shown")}
    assert (shown["username"], shown["email"]) == ("alice", "alice@example.com")
    assert (
        confirm_action(as_olga, NAME, alice, **shown | {"email": "first@example.com"}).status_code
        == 302
    )
    late = confirm_action(as_olga, NAME, alice, **shown | {"email": "second@example.com"})
    assert (late.status_code, "This account was changed since" in late.content.decode()) == (
        409,
        True,
    )
    assert User.objects.get(pk=alice.pk).email == "first@example.com"


def test_an_unchanged_identifier_is_no_change(as_olga, alice):
    change(as_olga, alice, username=" ALICE", email="Alice@example.com ")
    assert not AuditEvent.objects.filter(kind="identifiers_changed").exists()
    assert not OutgoingMail.objects.exists()


def test_links_that_went_to_the_address_before_open_nothing_and_sessions_go_on(as_olga, alice):
    reset_secrets, issued = password_reset.make(alice), log_in()
    change(as_olga, alice, email="alice@example.org")
    with pytest.raises(InvalidReset):
        password_reset.find(reset_secrets.token)
    assert identities.identify(issued.access).email == "alice@example.org"
    assert passwords.authenticate("alice@example.org", PASSWORD) == alice


def test_a_link_that_is_written_after_the_change_goes_to_the_new_address(as_olga, alice):
    """The mail worker had read the account before; only then the operator was faster."""
    read_before = User.objects.get(pk=alice.pk)
    change(as_olga, alice, email="alice@example.org")
    password_reset.make(read_before)
    assert read_before.email == "alice@example.org"


def test_an_address_that_is_taken_away_hears_of_it_too_whatever_the_account_is(
    as_olga, alice, mailoutbox
):
    actions.carry_out(
        user_actions.DEACTIVATE,
        operator=User.objects.get(username="olga"),
        user=alice,
        reason="left",
    )
    change(as_olga, alice, email="")
    assert set(mails(mailoutbox)) == {"alice@example.com"}
    assert OutgoingMail.objects.get().recipient == "alice@example.com"


def test_without_outgoing_mail_an_identifier_is_changed_too(as_olga, alice, settings):
    settings.EMAILS_ENABLED = False
    assert "No mail tells the owner." in open_action(as_olga, NAME, alice).content.decode()
    assert change(as_olga, alice, email="alice@example.org").status_code == 302
    assert not OutgoingMail.objects.exists()


def test_stan_changes_that_of_users_and_olga_also_her_own(as_stan, stan, alice, olga, client):
    assert change(as_stan, alice, email="alice@example.org").status_code == 302
    assert change(as_stan, olga, email="eve@evil.example").status_code == 403
    assert change(as_stan, stan, email="eve@evil.example").status_code == 403
    client.force_login(olga)
    assert change(client, olga, email="olga@example.org").status_code == 302
    assert User.objects.get(pk=olga.pk).email == "olga@example.org"
    assert client.get(reverse("admin:index")).status_code == 200


def test_one_at_a_time(as_olga, alice, bob):
    answer = confirm_action(as_olga, NAME, alice, bob, username="both", email="")
    assert (answer.status_code, "at most 1 user at once" in answer.content.decode()) == (400, True)


@pytest.mark.django_db(transaction=True)
def test_two_users_want_one_address_at_once(alice, bob, olga):
    def take(user):
        try:
            actions.carry_out(
                user_actions.CHANGE_IDENTIFIERS,
                operator=olga,
                user=user,
                reason="hers",
                username=user.username,
                email="one@example.com",
            )
        except IdentifierTaken as refusal:
            return refusal.field
        return "done"

    outcomes = at_once(lambda: take(alice), lambda: take(bob))
    assert sorted(outcomes) == ["done", "email"]
    assert User.objects.filter(email="one@example.com").count() == 1
    assert AuditEvent.objects.filter(kind="identifiers_changed").count() == 1


@pytest.mark.parametrize("language", ["", "de", "fr"])
def test_a_changed_role_is_mailed_to_its_owner(as_olga, alice, mailoutbox, language):
    User.objects.update(language=language)
    confirm_action(as_olga, "change_role", alice, role="super_admin")
    mail = mails(mailoutbox)["alice@example.com"]
    said = {
        "": ("Your role at authsvc was changed", "super admin"),
        "de": ("Ihre Rolle bei authsvc wurde geändert", "Hauptadministrator"),
        "fr": ("Votre rôle sur authsvc a été modifié", "super-administrateur"),
    }
    assert (mail.subject, said[language][1] in mail.body) == (said[language][0], True)


@pytest.mark.parametrize("language", ["de", "fr"])
def test_the_mails_about_identifiers_are_translated(as_olga, alice, mailoutbox, language):
    User.objects.update(language=language)
    change(as_olga, alice, username="alice2", email="new@example.com")
    for mail in mails(mailoutbox).values():
        text = mail.body + str(mail.alternatives[0][0])
        assert not [
            word
            for word in ("The user name", "This address", "The password", "The people", "sign in")
            if word in text
        ]
