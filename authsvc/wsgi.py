"""The WSGI application."""

import os
import sys

from django.core.cache import close_caches
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from django.urls import get_resolver

from authsvc.server.chunked_bodies import ContentLengthMiddleware
from authsvc.server.content_types import ContentTypeMiddleware
from authsvc.server.head_requests import HeadMiddleware
from authsvc.server.uploads import UploadMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsvc.settings")
try:
    readable = ContentTypeMiddleware(ContentLengthMiddleware(get_wsgi_application()))
    get_resolver()._populate()  # which Django would do in the first request
except ImproperlyConfigured as error:
    sys.exit(f"authsvc cannot start: {error}")

from apikeys import usage
from authsvc.forward_auth.wsgi import ForwardAuthMiddleware

application = HeadMiddleware(ForwardAuthMiddleware(UploadMiddleware(readable)))

# Django cleans up four times in each request, which takes longer than verifying its token. Once is
# enough, when the request ends and its connection goes back to the pool: no list of queries is
# kept, and neither cache has anything to close.
request_started.disconnect(reset_queries)
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_caches)

usage.write_in_background()
