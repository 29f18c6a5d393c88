"""The secrets of a reset of Alice's, and the worker that mails them."""

import pytest

from accounts import password_reset
from accounts.mail import delivery


@pytest.fixture
def reset_secrets(alice):
    return password_reset.make(alice)


@pytest.fixture
def deliver(mailoutbox):
    """Let the worker send the mails that are due; return the addresses that got one."""

    def work():
        mailoutbox.clear()
        delivery.deliver_due()
        return [address for message in mailoutbox for address in message.recipients()]

    return work
