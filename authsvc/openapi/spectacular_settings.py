"""Settings of drf-spectacular. The documents' own titles and servers are in ``documents``."""

from typing import Any

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "OAS_VERSION": "3.1.0",
    "DEFAULT_GENERATOR_CLASS": "authsvc.openapi.documents.DocumentGenerator",
    "SCHEMA_PATH_PREFIX": "/",
    "SORT_OPERATIONS": False,  # as the contract's document has them
    "SORT_OPERATION_PARAMETERS": False,
    "POSTPROCESSING_HOOKS": [],
    "ENFORCE_NON_BLANK_FIELDS": True,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,  # they are for contributors
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}
