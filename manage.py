#!/usr/bin/env python
"""Django's command-line utility for authsvc: runs each command in an empty request context."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError, InterfaceError

from accounts import request_context

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsvc.settings")
    try:
        with request_context.use(request_context.RequestContext()):
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"authsvc cannot start: {error}")
    except (DatabaseError, InterfaceError) as error:
        from authsvc.database_faults import message  # which needs settings

        text = None if "--traceback" in sys.argv else message(error)
        if not text:
            raise
        sys.exit(f"{' '.join(sys.argv[:2])}: {text}")
