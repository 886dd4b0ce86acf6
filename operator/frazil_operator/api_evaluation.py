"""ModelDeployment's ``spec.evaluation`` as types: what is measured before a revision serves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from frazil_operator.acts import Acts
from frazil_operator.corev1 import Part, Text, cel
from frazil_operator.uri import Uri


class Evaluation(Part):
    """What the frozen graph is worth on labelled rows, measured by the freeze Job. What falls short
    of the bound is not rolled out."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "!has(self.minimum) || self.metric != 'MeanAbsoluteError'",
                "an error is better the smaller it is: with MeanAbsoluteError give maximum in "
                "place of minimum",
            ),
            (
                "!has(self.maximum) || self.metric == 'MeanAbsoluteError'",
                "maximum bounds an error: with another metric than MeanAbsoluteError give minimum",
            ),
        )
    )

    dataset: Annotated[Uri, Acts.ON_EVALUATION]
    """Where the rows lie, read with the checkpoint's credentials: an npz of arrays, or a TFRecord
    of tf.train.Examples, which may be gzipped. Arrays or features are named as the inputs of the
    model, and labels."""
    metric: Annotated[
        Literal["Accuracy", "TopK", "BinaryF1", "MeanAbsoluteError"], Acts.ON_EVALUATION
    ] = "Accuracy"
    """Accuracy: the share of rows whose largest score is that of the label. TopK: of those where it
    is among the k largest. BinaryF1: of a probability, yes from 0.5 on. MeanAbsoluteError: of a
    quantity."""
    output: Annotated[Text | None, Field(min_length=1), Acts.ON_EVALUATION] = None
    """The output that is compared with the labels; needed where the model has several."""
    k: Annotated[int, Field(ge=1, le=1000000), Acts.ON_EVALUATION] = 5
    """How many of the largest scores TopK looks at."""
    minimum: Annotated[float | None, Field(ge=0, le=1), Acts.AT_ONCE] = None
    """A revision that is worth less is not rolled out. Without it, nothing is held back."""
    maximum: Annotated[float | None, Field(ge=0), Acts.AT_ONCE] = None
    """Of MeanAbsoluteError: a revision that errs by more is not rolled out."""
