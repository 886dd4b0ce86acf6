"""ModelDeployment's ``spec.accuracy`` as types: what a model that serves is held against."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from frazil_operator.acts import Acts
from frazil_operator.corev1 import Part, Text


class Accuracy(Part):
    """How answers are held against labels that clients send later. Without it nothing is."""

    output: Annotated[Text | None, Field(min_length=1), Acts.ON_POLICY] = None
    """Which output is scored; needed where the signature has several."""
    metric: Annotated[
        Literal["Accuracy", "TopK", "BinaryF1", "MeanAbsoluteError"], Acts.ON_POLICY
    ] = "Accuracy"
    """Accuracy: the share of rows whose largest class is the label. TopK: whose label is among
    the k largest. BinaryF1: of probabilities and labels 0 and 1. MeanAbsoluteError: of numbers."""
    k: Annotated[int, Field(ge=1, le=100), Acts.ON_POLICY] = 5
    """For TopK."""
    threshold: Annotated[float, Field(ge=0, le=1), Acts.ON_POLICY] = 0.5
    """For BinaryF1: from which probability on an answer is positive."""
    max_label_age_seconds: Annotated[int, Field(ge=1, le=31536000), Acts.ON_POLICY] = 604800
    """Labels that come later are refused."""
    feedback_secret_name: Annotated[
        str | None, Field(min_length=1, max_length=253), Acts.ON_REVISION
    ] = None
    """A Secret whose key `token` is what clients must send as bearer with a label. Without it
    anybody who reaches the model may send labels."""
