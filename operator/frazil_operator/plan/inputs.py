"""Pure: whether the inputs that a spec speaks of are inputs of the model that was frozen.

An image is the freezer's to check, since it shapes the artifact. What may be fetched does not, and
may change at any time: the freezer leaves behind which inputs there are.
"""

from __future__ import annotations

from collections.abc import Mapping

from frazil_operator.api import Model


def misfit(model: Model, inputs: Mapping[str, str]) -> str:
    """Which ``spec.inputs.<name>.fetch`` is of no use, and why; "" where none is.

    ``inputs`` has the dtypes of the model's inputs by name; empty where they are not known.
    """
    if not inputs:
        return ""
    fetched = sorted(name for name, said in model.spec.inputs.items() if said.fetch)
    found = (_misfit(name, inputs) for name in fetched if inputs.get(name) != "string")
    return "; ".join(f"spec.inputs.{text}" for text in found)


def _misfit(name: str, inputs: Mapping[str, str]) -> str:
    if name not in inputs:
        known = ", ".join(sorted(inputs))
        return f"{name}.fetch: {name!r} is no input of the model; it has {known}"
    return (
        f"{name}.fetch: the input is {inputs[name]}, but URIs stand for images or strings: give it "
        "an image, or take the fetch away"
    )
