import signal
import subprocess
import sys
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

SETUP = [sys.executable, "manage.py", "setup"]
GUNICORN = [sys.executable, "-m", "gunicorn", "authsvc.wsgi:application"]
MAIL_WORKER = [sys.executable, "manage.py", "deliver_mail"]


class Command(BaseCommand):
    help = "Run setup, then gunicorn and the mail worker, until one of them ends or a signal comes."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        code = self.run(SETUP)
        if not code and not self.stop.is_set():
            code = self.run(GUNICORN, *([MAIL_WORKER] if settings.EMAILS_ENABLED else []))
        sys.exit(code)

    def run(self, *commands: list[str]) -> int:
        """Run commands side by side until one ends or a signal comes; then end the others.

        Return the highest exit status of those that ended by themselves.
        """
        children = [
            subprocess.Popen(command, cwd=settings.BASE_DIR)  # noqa: S603 (our own commands)
            for command in commands
        ]
        while all(child.poll() is None for child in children) and not self.stop.wait(0.2):
            continue
        ended = [abs(child.returncode) for child in children if child.poll() is not None]
        for child in children:
            if child.poll() is None:
                child.terminate()
        for child in children:
            child.wait()
        return max(ended, default=0)
