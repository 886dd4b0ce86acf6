"""Where something of the user's lies that the freeze Job fetches."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from frazil_operator.corev1 import cel

URI_RULE = cel(
    (
        "self.matches('^(s3|gs|az|https)://[^/]+/.+|^pvc://[a-z0-9]([a-z0-9.-]*[a-z0-9])?/.+')",
        "must be s3://bucket/path, gs://bucket/path, az://container/path, https://host/path "
        "or pvc://claim/path",
    )
)
Uri = Annotated[str, Field(max_length=2048, json_schema_extra=URI_RULE)]
