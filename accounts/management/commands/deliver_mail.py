import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, connection

from accounts import delivery

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Send the mails of the outbox as they become due. Any number of these can run at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due now, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        if not settings.EMAIL_HOST:
            logger.info("EMAIL_HOST is not set: mails are written into %s", settings.EMAIL_FILE_PATH)
        while not stop.is_set():
            self.deliver(stop)
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
