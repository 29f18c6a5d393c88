import logging
import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, connection

from accounts.audit import seals, statistics
from accounts.mail import delivery

logger = logging.getLogger(__name__)
COUNT_EVERY = 60  # seconds between two seals of the audit log, and two counts for the admin site


class Command(BaseCommand):
    help = "Send the mails of the outbox as they become due. Any number of these can run at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due now, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        if not settings.EMAIL_HOST:
            logger.info(
                "EMAIL_HOST is not set: mails are written into %s", settings.EMAIL_FILE_PATH
            )
        count_at = 0.0
        while not stop.is_set():
            self.deliver(stop)
            if time.monotonic() >= count_at:
                self.attempt(statistics.update, "nothing was counted for the admin site")
                self.attempt(seals.seal, "the audit log was not sealed")
                count_at = time.monotonic() + COUNT_EVERY
            if options["once"]:
                return
            stop.wait(1)

    def deliver(self, stop: threading.Event) -> None:
        try:
            delivery.deliver_due(stop.is_set)
        except Error as error:
            logger.warning("the database does not answer (%s): mails wait", type(error).__name__)
        finally:
            connection.close()

    def attempt(self, work: Callable[[], object], failed: str) -> None:
        """Do what is due every minute; whatever fails, mails go on."""
        try:
            work()
        except Exception as error:
            logger.warning("%s (%s)", failed, type(error).__name__)
        finally:
            connection.close()
