import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import get_commands
from django.core.management.base import BaseCommand

SETUP = [sys.executable, "manage.py", "setup"]
GUNICORN = [sys.executable, "-m", "gunicorn", "authsvc.wsgi:application"]
MAIL_WORKER = [sys.executable, "manage.py", "deliver_mail"]


class Command(BaseCommand):
    help = "Set up, then run gunicorn and the mail worker until one of them ends or this is told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        if code := subprocess.call(SETUP, cwd=settings.BASE_DIR):  # noqa: S603 (a process of its own: this one stays small)
            sys.exit(code)
        self.stdout.write(f"Serving on {settings.PUBLIC_URL}")
        self.stdout.flush()
        commands = [GUNICORN, *([MAIL_WORKER] if "deliver_mail" in get_commands() else [])]
        signal.signal(signal.SIGTERM, self.interrupt)
        children = [subprocess.Popen(command, cwd=settings.BASE_DIR) for command in commands]  # noqa: S603
        try:
            while all(child.poll() is None for child in children):
                time.sleep(0.2)
        except KeyboardInterrupt:
            self.stdout.write("Stopping")
        finally:
            ended = [child.returncode for child in children if child.poll() is not None]
            self.end(children)
        sys.exit(max((abs(code) for code in ended), default=0))

    def interrupt(self, signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def end(self, children: "list[subprocess.Popen[bytes]]") -> None:
        for child in children:
            if child.poll() is None:
                child.terminate()
        for child in children:
            child.wait()
