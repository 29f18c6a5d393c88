"""The view of forward authentication, where Django serves it without ``authsvc.wsgi``."""

from django.http import HttpRequest, HttpResponse

from authsvc.forward_auth.answers import Question, answer


def forward_auth(request: HttpRequest) -> HttpResponse:
    status, headers, body = answer(Question(request.META, request.path_info))
    return HttpResponse(body, status=status, headers=headers)
