"""ModelDeployment's ``spec.inputs`` as types: what clients may send besides tensors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from frazil_operator.acts import Acts
from frazil_operator.corev1 import ATOMIC, Part, cel

# The runtime reads them by uris.py, which these rules repeat as far as RE2 can: its grammar has no
# look-ahead. What only the runtime refuses allows nothing, and is in the pod's log.
PREFIX_RULES = cel(
    (
        "self.matches('^(s3://[A-Za-z0-9._-]+|https://([A-Za-z0-9-]+[.])*[0-9-]*[A-Za-z]"
        "[A-Za-z0-9-]*(:[0-9]{1,5})?)(/[A-Za-z0-9._~!$&()*+,;=:@-]*)*$')",
        "must be s3://bucket/path or https://host/path, in plain characters: without user, query, "
        "fragment or percent signs; an IP address is no host",
    ),
    (
        "!self.matches('^https://([^/]*[.])?0[xX][^./:]*(:|/|$)')",
        "an IP address is no host, however it is written",
    ),
    ("!self.matches('/[.][.]?(;[^/]*)?(/|$)')", "the path must not hold . or .."),
)
Prefix = Annotated[str, Field(max_length=512, json_schema_extra=PREFIX_RULES)]
Numbers = Annotated[list[float], Field(min_length=1, max_length=3, json_schema_extra=ATOMIC)]


class Image(Part):
    """How a JPEG or PNG becomes a row of the input: (pixel - mean) * scale / std, of pixels from 0
    to 255."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("self.scale != 0.0", "nothing would be left of the image: scale must not be 0"),
            (
                "size(self.mean) in [1, self.channels] && size(self.std) in [1, self.channels]",
                "mean and std have one number, or one for each of the channels",
            ),
            ("self.std.all(number, number > 0.0)", "std must be above 0"),
        )
    )

    height: Annotated[int, Field(ge=1, le=8192)]
    """Every image is resized to so many rows of pixels, whatever its proportions."""
    width: Annotated[int, Field(ge=1, le=8192)]
    """Likewise, how many pixels a row has."""
    channels: Literal[1, 3] = 3
    """1: grey. 3: red, green, blue."""
    scale: float = 1
    """What a pixel less its mean is multiplied by, as 0.00784313725 for -1 to 1."""
    mean: Numbers = Field(default_factory=lambda: [0.0])
    """In pixels: one number, or one a channel, as [123.7, 116.3, 103.5]."""
    std: Numbers = Field(default_factory=lambda: [1.0])
    """In what scale made of pixels: one number, or one a channel."""


class Fetch(Part):
    """What requests may name by its URI instead of sending it."""

    allow: Annotated[
        list[Prefix], Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "set"})
    ] = Field(default_factory=list)
    """Prefixes, as s3://photos/2024 or https://photos.example/a. Each covers whole segments of a
    path. s3:// is read with the credentials of the model's own pods, https:// from the public
    internet alone."""


class Input(Part):
    """What clients may send for one input of the model besides its tensor."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("has(self.image) || has(self.fetch)", "says nothing: give it an image or a fetch")
        )
    )

    image: Annotated[Image | None, Acts.ON_ARTIFACT] = None
    """Encoded images, which the frozen preprocessing makes rows of. The model's input must be
    [rows, height, width, channels]."""
    fetch: Annotated[Fetch | None, Acts.ON_POLICY] = None
    """Names of what lies elsewhere: of images, or of any strings."""


Inputs = Annotated[
    dict[str, Input],
    Field(
        max_length=16,
        json_schema_extra=cel(
            (
                "self.all(name, size(name) > 0 && size(name) <= 256)",
                "the name of an input has 1 to 256 characters",
            )
        ),
    ),
]
