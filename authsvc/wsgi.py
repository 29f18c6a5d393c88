"""What gunicorn serves."""

import os
import sys

from django.core.cache import close_caches
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from django.urls import get_resolver

from authsvc.server.chunked_bodies import WithLength
from authsvc.server.uploads import SignedInUploads

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsvc.settings")
try:
    application = SignedInUploads(WithLength(get_wsgi_application()))
    get_resolver()._populate()  # what Django would load with the first request
except ImproperlyConfigured as error:
    sys.exit(f"authsvc cannot start: {error}")

from apikeys import usage

# Django tidies up four times in each request, which takes longer than reading its token. Once is enough: when it ends, its connection
# goes back to the pool. No list of queries is kept here, and neither of the caches has anything to close.
request_started.disconnect(reset_queries)
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_caches)

usage.write_in_background()
