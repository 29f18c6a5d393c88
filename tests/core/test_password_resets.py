"""A link's token and a code: two ways back in for who has forgotten the password, used once, by one person."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.apps import apps
from django.contrib.auth import get_user
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import Client
from django.utils.timezone import now

from accounts import identities, issued_tokens, password_reset, passwords, sessions
from accounts.errors import (
    InvalidCode,
    InvalidCredentials,
    InvalidReset,
    InvalidToken,
    WeakPassword,
)
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, PasswordReset, User
from accounts.policy import Policy
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.reset_mails import code_in, token_in

pytestmark = pytest.mark.django_db
POLICY = Policy(name="bearer", access=timedelta(hours=1), refresh=timedelta(days=30))
NEW = "eine Zeile, die keiner kennt"
WRONG = "WrongC0d"
crowded = pytest.mark.django_db(transaction=True)


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(POLICY, username, password)


def by_token(reset_secrets, password=NEW):
    return password_reset.use_token(reset_secrets.token, password)


def by_code(reset_secrets, password=NEW, username="alice"):
    return password_reset.use_code(username, reset_secrets.code, password)


each_way = pytest.mark.parametrize("use", [by_token, by_code])


@pytest.fixture
def reset_secrets(alice):
    return password_reset.make(alice)


def an_hour_passes():
    """For the count of mails: what was asked for lies further back."""
    PasswordReset.objects.update(created_at=now() - timedelta(hours=1))


def guess(username="alice", code=WRONG):
    with pytest.raises(InvalidCode):
        password_reset.use_code(username, code, NEW)


REFUSAL = {by_token: InvalidReset, by_code: InvalidCode}


def refuses(use, reset_secrets):
    with pytest.raises(REFUSAL[use]):
        use(reset_secrets, "yet another password")


@each_way
def test_a_reset_sets_the_password_and_ends_every_session(alice, bob, reset_secrets, use):
    hers, his = [log_in(), log_in()], log_in("bob")
    assert use(reset_secrets) == alice
    for issued in hers:
        with pytest.raises(InvalidToken, match="session_ended"):
            identities.identify(issued.access)
    assert identities.identify(his.access).id == bob.pk
    with pytest.raises(InvalidCredentials):
        log_in()
    assert log_in(password=NEW).user == alice


@each_way
def test_a_reset_ends_the_sessions_of_the_admin_too(olga, use):
    browser, reset_secrets = Client(), password_reset.make(olga)
    browser.force_login(olga)
    use(reset_secrets, **({"username": "olga"} if use is by_code else {}))
    request = HttpRequest()
    request.session = browser.session
    assert not get_user(request).is_authenticated


@each_way
@pytest.mark.parametrize("first", [by_token, by_code])
def test_using_one_closes_both(reset_secrets, first, use):
    first(reset_secrets)
    refuses(use, reset_secrets)
    assert log_in(password=NEW).user == reset_secrets.reset.user


@each_way
def test_using_one_closes_those_of_every_other_mail(alice, reset_secrets, use):
    other = password_reset.make(alice)
    by_token(other)
    refuses(use, reset_secrets)


def test_a_mailed_code_outlives_a_new_secret_key(alice, reset_secrets, settings):
    """As long as the earlier one is among the fallbacks."""
    former, settings.SECRET_KEY = (
        settings.SECRET_KEY,
        "another key, long enough for whoever would guess it",
    )
    refuses(by_code, reset_secrets)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert by_code(reset_secrets) == alice


@each_way
def test_a_reset_lets_somebody_in_who_had_to_change_the_password(alice, use):
    passwords.set_temporary(alice, "set by Olga, for once")
    use(password_reset.make(alice))
    assert log_in(password=NEW).user == alice


def test_a_token_that_is_not_quite_the_token(alice, reset_secrets):
    alikes = [
        reset_secrets.token[:-1],
        reset_secrets.token + "A",
        reset_secrets.token.swapcase(),
        f" {reset_secrets.token}",
        "",
        reset_secrets.code,
        reset_secrets.reset.token_digest,
    ]
    for alike in [*alikes, "ａ" * 43, "\0", "x" * 60_000]:
        with pytest.raises(InvalidReset):
            password_reset.use_token(alike, NEW)
    assert by_token(reset_secrets) == alice


def test_looking_twenty_times_uses_nothing_up(alice, reset_secrets):
    assert {password_reset.find(reset_secrets.token) for _ in range(20)} == {reset_secrets.reset}
    assert by_token(reset_secrets) == alice


@each_way
def test_a_proof_that_has_expired(reset_secrets, use):
    PasswordReset.objects.update(expires_at=now() - timedelta(seconds=1))
    refuses(use, reset_secrets)


def test_a_proof_holds_for_as_long_as_the_settings_say(alice, settings):
    settings.RESET_LIFETIME = timedelta(minutes=20)
    reset = password_reset.make(alice).reset
    assert abs(reset.expires_at - reset.created_at - settings.RESET_LIFETIME) < timedelta(seconds=1)


@each_way
def test_an_inactive_account_has_no_way_back(alice, reset_secrets, use):
    User.objects.update(is_active=False)
    refuses(use, reset_secrets)
    assert not User.objects.get().check_password("yet another password")


@each_way
@pytest.mark.parametrize("event", ["change", "temporary password", "deactivation and back"])
def test_what_moves_the_credential_version_voids_a_proof_of_before(
    alice, reset_secrets, event, use
):
    """The credential version counts what voids earlier all_secrets: whoever can read the account's old mail shall not get in after it."""
    match event:
        case "change":
            passwords.change(alice.pk, PASSWORD, NEW)
        case "temporary password":
            passwords.set_temporary(alice, "set by Olga, for once")
        case _:
            for alice.is_active in (False, True):
                alice.save()
    refuses(use, reset_secrets)


@each_way
def test_a_weak_password_uses_nothing_up(alice, reset_secrets, use):
    here = log_in()
    for weak in ["short", "password1", "alice1234", "x" * 1025, "", "1234567"]:
        with pytest.raises(WeakPassword):
            use(reset_secrets, weak)
    assert identities.identify(here.access).id == alice.pk
    assert PasswordReset.objects.get().wrong_tries == 0
    assert use(reset_secrets) == alice


def test_asking_ends_nothing_and_locks_nobody_out(alice, bob):
    here = log_in()
    for _ in range(20):
        password_reset.ask("alice")
        delivery.deliver_due()
    assert identities.identify(here.access).id == log_in().user.pk == alice.pk


# Codes


def test_five_wrong_codes_end_the_code_and_never_the_link(alice, reset_secrets):
    """Anybody can send wrong codes for Alice; who reads her mail still gets in by its link."""
    for _ in range(5):
        guess()
    guess(code=reset_secrets.code)
    assert password_reset.find(reset_secrets.token) == reset_secrets.reset
    assert by_token(reset_secrets) == alice


def test_a_link_whose_code_has_ended_is_replaced_by_the_next_mail(alice, reset_secrets):
    for _ in range(5):
        guess()
    password_reset.void_earlier(password_reset.make(alice).reset)
    refuses(by_token, reset_secrets)


def test_four_wrong_codes_do_not(alice, reset_secrets):
    for _ in range(4):
        guess()
    assert by_code(reset_secrets) == alice


def test_a_new_mail_has_five_tries_of_its_own(alice, mailoutbox, reset_secrets):
    for _ in range(5):
        guess()
    fresh = password_reset.make(alice)
    password_reset.void_earlier(fresh.reset)
    assert by_code(fresh) == alice


@crowded
def test_twelve_wrong_codes_at_once_end_the_code(alice, reset_secrets):
    answers = at_once(*[lambda: password_reset.use_code("alice", WRONG, NEW)] * 12)
    assert {type(answer) for answer in answers} == {InvalidCode}
    assert PasswordReset.objects.get().wrong_tries == 5
    guess(code=reset_secrets.code)


@crowded
def test_right_and_wrong_codes_at_once(alice):
    """Each wrong code is counted, and one right code is taken, or none where five wrong ones came first."""
    wrong = partial(password_reset.use_code, "alice", WRONG, NEW)
    for number in range(6):
        an_hour_passes()
        reset_secrets = password_reset.make(alice)
        right = [partial(by_code, reset_secrets, f"{NEW}, {number} {which}") for which in range(2)]
        answers = at_once(*[wrong] * number, *right, *[wrong] * (6 - number))
        reset = PasswordReset.objects.get(pk=reset_secrets.reset.pk)
        taken = [answer for answer in answers if answer == alice]
        assert len(taken) == (reset.used_at is not None)
        assert len(taken) == 1 or reset.wrong_tries == 5
        assert {type(answer) for answer in answers if answer not in taken} == {InvalidCode}


@pytest.mark.postgresql
@crowded
def test_a_right_code_waits_for_the_wrong_ones_before_it(alice, reset_secrets):
    """It comes while the fifth wrong code is counted, and is not checked by what stood there before that."""
    PasswordReset.objects.update(wrong_tries=4)
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            User.objects.lock(alice.pk)
            answer = other.submit(at_once, partial(by_code, reset_secrets))
            while not waiting_for_a_lock():
                assert not answer.done()
            PasswordReset.objects.update(wrong_tries=5)
        assert kinds(answer.result()) == {InvalidCode: 1}


def waiting_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return cursor.fetchone()[0]


def test_the_code_of_one_is_none_of_another(alice, bob, reset_secrets):
    his = password_reset.make(bob)
    guess("bob", reset_secrets.code)
    guess("alice", his.code)
    guess("nobody", reset_secrets.code)
    assert by_code(reset_secrets) == alice
    assert by_code(his, username="Bob@Example.com") == bob


def test_a_code_in_other_letters_is_another(alice, reset_secrets):
    for alike in {
        reset_secrets.code.swapcase(),
        reset_secrets.code[:-1],
        reset_secrets.code + "2",
        f"{reset_secrets.code[:4]} {reset_secrets.code[4:]}",
    } - {reset_secrets.code}:
        guess(code=alike)
    assert by_code(reset_secrets) == alice


@pytest.mark.parametrize("typed", [" ALICE ", "Alice@Example.com", "ａｌｉｃｅ"])
def test_a_code_with_the_name_typed_in_another_way(alice, reset_secrets, typed):
    assert by_code(reset_secrets, username=typed) == alice


# At the same time


def kinds(answers):
    return Counter(type(answer) for answer in answers)


@crowded
@each_way
def test_of_eight_resets_at_once_one_succeeds(alice, reset_secrets, use):
    log_in()
    wanted = [f"{NEW}, {number}" for number in range(8)]
    answers = at_once(*(partial(use, reset_secrets, new) for new in wanted))
    assert kinds(answers) == {User: 1, REFUSAL[use]: 7}
    (chosen,) = (new for new, answer in zip(wanted, answers, strict=True) if answer == alice)
    assert passwords.authenticate("alice", chosen) == alice
    assert not alice.sessions.live().exists()
    assert (
        OutgoingMail.objects.count()
        == AuditEvent.objects.filter(kind=AuditEvent.Kind.PASSWORD_CHANGED).count()
        == 1
    )


@crowded
def test_the_token_and_the_code_at_once_are_one_reset(alice):
    for _ in range(5):
        reset_secrets = password_reset.make(alice)
        answers = at_once(
            partial(by_token, reset_secrets, NEW + "!"), partial(by_code, reset_secrets, NEW + "?")
        )
        assert kinds(answers) in ({User: 1, InvalidReset: 1}, {User: 1, InvalidCode: 1})


@crowded
def test_the_links_of_two_mails_at_once_are_one_reset(alice):
    for _ in range(10):
        an_hour_passes()
        all_secrets = [password_reset.make(alice) for _ in range(3)]
        answers = at_once(*(partial(by_token, reset_secrets) for reset_secrets in all_secrets))
        assert kinds(answers) == {User: 1, InvalidReset: 2}
        assert not PasswordReset.objects.usable().exists()


@crowded
def test_a_reset_and_a_change_at_once_are_one_new_password(alice, reset_secrets):
    answers = at_once(
        lambda: by_token(reset_secrets, NEW + "!"),
        lambda: passwords.change(alice.pk, PASSWORD, NEW + "?"),
    )
    chosen = {
        password
        for password in (NEW + "!", NEW + "?")
        if User.objects.get().check_password(password)
    }
    assert len(chosen) == 1
    assert {type(answer) for answer in answers} <= {User, InvalidReset, InvalidCredentials}


@crowded
def test_a_login_that_a_reset_overtakes_leaves_no_session(alice):
    for _ in range(3):
        reset_secrets = password_reset.make(alice)
        answers = at_once(*[log_in] * 5, partial(by_token, reset_secrets), *[log_in] * 5)
        assert {type(answer) for answer in answers} <= {
            User,
            issued_tokens.IssuedTokens,
            InvalidCredentials,
        }
        assert not alice.sessions.live().exists()
        User.objects.filter(pk=alice.pk).update(password=alice.password)


@crowded
def test_a_login_that_was_right_before_the_reset_does_not_finish_after_it(alice, reset_secrets):
    overtaken = passwords.authenticate("alice", PASSWORD)
    by_token(reset_secrets)
    with pytest.raises(InvalidCredentials, match="account_changed"):
        sessions.create_session(POLICY, overtaken)
    assert not alice.sessions.exists()


# Whatever replaces a password voids all other credentials


def by_change(alice):
    passwords.change(alice.pk, PASSWORD, NEW)


def by_operator(alice):
    passwords.set_temporary(alice, NEW)


def by_shell(alice):
    alice.set_password(NEW)
    alice.save()


def by_deactivation(alice):
    alice.is_active = False
    alice.save()


def by_mail(alice):
    by_token(password_reset.make(alice))


@pytest.mark.parametrize("replace", [by_change, by_operator, by_shell, by_deactivation, by_mail])
def test_a_replaced_password_ends_sessions_logins_and_resets(alice, reset_secrets, replace):
    issued, overtaken = log_in(), passwords.authenticate("alice", PASSWORD)
    replace(User.objects.get(pk=alice.pk))
    with pytest.raises(InvalidToken):
        identities.identify(issued.access)
    with pytest.raises(InvalidCredentials):
        sessions.create_session(POLICY, overtaken)
    with pytest.raises(InvalidReset):
        password_reset.find(reset_secrets.token)


@pytest.mark.parametrize("replace", [by_change, by_operator, by_shell, by_mail])
def test_a_link_that_had_expired_before_is_still_refused_as_expired(alice, reset_secrets, replace):
    PasswordReset.objects.update(expires_at=now())
    replace(User.objects.get(pk=alice.pk))
    with pytest.raises(InvalidReset, match="link_expired"):
        password_reset.find(reset_secrets.token)


# What is left behind


def test_the_owner_and_the_audit_log_are_told(alice, reset_secrets):
    guess()
    by_code(reset_secrets)
    mail = OutgoingMail.objects.get()
    assert (mail.template, mail.user) == (OutgoingMail.Template.PASSWORD_CHANGED, alice)
    kinds = AuditEvent.objects.filter(user=alice).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [AuditEvent.Kind.RESET_FAILED, AuditEvent.Kind.PASSWORD_CHANGED]


def test_a_copy_of_the_database_holds_no_token_and_no_code(alice, mailoutbox, caplog):
    """Neither before, nor while the mail is out, nor after it was used; and the log says nothing either."""
    password_reset.ask("alice")
    delivery.deliver_due()
    reset_secrets = password_reset.make(alice)
    guess(code=reset_secrets.token[:8])
    by_code(reset_secrets)
    delivery.deliver_due()
    stored = "\n".join(
        str(row) for model in apps.get_models() for row in model._default_manager.values_list()
    )
    for secret in (
        reset_secrets.token,
        reset_secrets.code,
        token_in(mailoutbox[0]),
        code_in(mailoutbox[0], alice),
        NEW,
    ):
        assert secret not in stored
        assert secret not in caplog.text
    assert reset_secrets.reset.token_digest in stored


def test_a_proof_does_not_show_its_secrets(reset_secrets):
    for shown in (
        repr(reset_secrets),
        str(reset_secrets),
        f"{reset_secrets}",
        repr(reset_secrets.reset),
        str(reset_secrets.reset),
    ):
        assert reset_secrets.token not in shown
        assert reset_secrets.code not in shown


def test_the_same_code_of_two_accounts_has_two_digests(alice, bob):
    assert password_reset.code_digest(alice.uuid, "abcdefgh") != password_reset.code_digest(
        bob.uuid, "abcdefgh"
    )


def test_tokens_and_codes_are_of_chance(alice):
    all_secrets = []
    for _ in range(50):
        an_hour_passes()
        all_secrets.append(password_reset.make(alice))
    assert (
        len({reset_secrets.token for reset_secrets in all_secrets})
        == len({reset_secrets.code for reset_secrets in all_secrets})
        == 50
    )
    assert {len(reset_secrets.token) for reset_secrets in all_secrets} == {43}
    assert {len(reset_secrets.code) for reset_secrets in all_secrets} == {8}
    assert {letter for reset_secrets in all_secrets for letter in reset_secrets.code} <= set(
        password_reset.CODE_LETTERS
    )
