"""Time and network of the last use of API keys."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils.timezone import now

from accounts.models import AuditEvent
from apikeys import keys, usage
from apikeys.models import APIKey, KnownAddress
from tests.apikeys.key_helpers import (
    concurrent,
    in_its_own_connection,
    key_of,
    missing,
    recorded_kinds,
    stored,
    use,
)
from tests.audit_events import reason_of


@stored
def test_uses_are_written_by_the_process_and_not_by_the_request(secret):
    before = now()
    for _ in range(3):
        use(secret)
    assert key_of(secret).last_used_at is None
    usage.write()
    assert before <= key_of(secret).last_used_at <= now()
    assert usage.GATHER_SECONDS <= 2


@stored
def test_no_thread_writes_where_nothing_is_served(secret):
    """It would write the uses that a test, or a command, is about to write."""
    use(secret)
    assert "key-usage" not in {thread.name for thread in threading.enumerate()}


@stored
@pytest.mark.parametrize(("seconds", "shown"), [(59, False), (61, True)])
def test_the_last_use_is_written_at_most_once_a_minute_by_all_processes_together(
    secret, seconds, shown
):
    earlier = now() - timedelta(seconds=seconds)
    APIKey.objects.update(last_used_at=earlier)
    use(secret)
    usage.write()
    assert (key_of(secret).last_used_at > earlier) == shown


@stored
def test_a_second_use_within_a_minute_is_not_even_noted(secret, django_assert_num_queries):
    use(secret)
    usage.write()
    with django_assert_num_queries(1):  # whose it is
        use(secret)
        usage.write()


@stored
def test_a_key_in_use_is_written_again_after_a_minute(secret):
    """No other key is used meanwhile, whose write would let the process forget this one."""
    APIKey.objects.update(last_used_at=now() - timedelta(seconds=58))
    for pause in (2.1, 0):
        use(secret)
        usage.write()
        time.sleep(pause)
    assert now() - key_of(secret).last_used_at < timedelta(seconds=30)


@stored
def test_a_use_of_before_does_not_turn_back_the_clock(secret):
    """Another process has written a later use."""
    use(secret)
    later = now() + timedelta(seconds=20)
    APIKey.objects.update(last_used_at=later)
    usage.write()
    assert key_of(secret).last_used_at == later


@stored
def test_without_a_use_nothing_is_written(secret, django_assert_num_queries):
    use(secret)
    usage.write()
    with django_assert_num_queries(0):
        usage.write()


@stored
def test_the_first_use_of_a_key_is_from_no_new_address(alice, secret):
    use(secret, "192.0.2.7")
    usage.write()
    assert recorded_kinds("key_used") == []
    assert [known["network"] for known in keys.export_owner_data(alice)[0]["networks"]] == [
        "192.0.2.7"
    ]


@stored
def test_the_first_use_from_another_address_is_on_record_and_the_second_is_not(alice, secret):
    use(secret, "192.0.2.6")
    for _ in range(2):
        use(secret, "192.0.2.7", request_id="abc", contract="form")
        usage.write()
        usage.clear()
    event = AuditEvent.objects.get(kind="key_used_from_new_address")
    assert (event.user, event.name, reason_of(event)) == (
        alice,
        key_of(secret).public_id,
        "192.0.2.7",
    )
    assert (event.address, event.request_id, event.contract) == ("192.0.2.7", "abc", "form")
    use(secret, "192.0.2.8")
    usage.write()
    assert recorded_kinds("key_used") == ["key_used_from_new_address"] * 2


@stored
def test_a_use_from_another_address_has_the_time_of_the_use_and_not_of_its_writing(alice, secret):
    """The use is written after the key's end."""
    for address in ("192.0.2.6", "192.0.2.7"):
        use(secret, address)
    keys.delete(alice, key_of(secret).public_id)
    usage.write()
    assert AuditEvent.objects.get(kind="key_used_from_new_address").at < key_of(secret).ended_at


@stored
def test_an_address_is_the_network_of_one_subscriber(secret):
    for address in ("2001:db8::1", "2001:db8::ffff:1", "::ffff:192.0.2.7", "192.0.2.7", None):
        use(secret, address)
    usage.write()
    assert set(KnownAddress.objects.values_list("network", flat=True)) == {
        "2001:db8::",
        "192.0.2.7",
        "unknown",
    }
    assert len(recorded_kinds("key_used")) == 2


@stored
def test_a_use_of_a_key_that_is_gone_by_now(secret, bob):
    other = APIKey.objects.issue(bob.pk)[1]
    use(secret), use(other)
    APIKey.objects.filter(owner__username="alice").delete()
    usage.write()
    assert key_of(other).last_used_at


@concurrent
def test_uses_that_the_database_does_not_take_are_written_later(secret, caplog):
    use(secret), use(secret, "192.0.2.8")
    with missing("apikeys_apikey"):
        usage.write()
    assert "uses of API keys wait to be written" in caplog.text
    assert secret not in caplog.text
    usage.write()
    assert key_of(secret).last_used_at
    assert recorded_kinds("key_used") == ["key_used_from_new_address"]


@concurrent
def test_a_new_address_that_could_not_be_recorded_is_recorded_later(secret):
    use(secret), use(secret, "192.0.2.8")
    with missing("accounts_auditevent"):
        usage.write()
    usage.write()
    assert recorded_kinds("key_used") == ["key_used_from_new_address"]


@concurrent
def test_the_last_write_waits_for_the_one_under_way(secret):
    """A process ends while its thread writes the uses."""
    use(secret)
    with ThreadPoolExecutor(2) as threads:
        with transaction.atomic():
            APIKey.objects.select_for_update().get(pk=secret[8:16])
            first = threads.submit(in_its_own_connection, usage.write)
            time.sleep(0.3)
            last = threads.submit(in_its_own_connection, usage.write)
            time.sleep(0.3)
            early = last.done()
        first.result(), last.result()
    assert key_of(secret).last_used_at
    assert not early
