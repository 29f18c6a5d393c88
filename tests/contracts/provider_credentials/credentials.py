"""Stored credentials of two providers, and how their answers are compared."""

import pytest

from accounts.models import AuditEvent

MOUNT = "/c/envelope/api/auth"
KEY_ID, AWS_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYX"
NVIDIA_SECRET = "nvapi-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVxxxx"
SECRETS = {AWS_SECRET, NVIDIA_SECRET}
AWS, NVIDIA = f"{MOUNT}/aws-credentials", f"{MOUNT}/nvidia-credentials"
either = pytest.mark.parametrize(
    "path", [AWS, NVIDIA, "/api/auth/aws-credentials", "/api/auth/nvidia-credentials"]
)


def become(user, **fields):
    type(user).objects.filter(pk=user.pk).update(**fields)


def events():
    found = AuditEvent.objects.filter(kind__startswith="credentials").order_by("pk")
    return [
        (event.kind, event.name, event.reason, event.data.get("provider", "")) for event in found
    ]


def refused(status, text):
    return status, {"success": False, "message": text}


def got(answer):
    return answer.status_code, answer.json()
