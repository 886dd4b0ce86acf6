"""What each field of the spec acts on, and what the hashes that names are made of depend on."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
from fakes.toy import model
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from frazil_operator import names
from frazil_operator.acts import Acts
from frazil_operator.api import Model, Spec
from frazil_operator.corev1 import Part, bytes_of
from frazil_operator.plan.freeze import freeze_hash, job_options, work_hash
from frazil_operator.revision import Artifact, revision_name

ARTIFACT = Artifact("sha256-0", "s3://a/b")
URI = {"uri": "s3://a/b"}
IMAGE = {"height": 8, "width": 9}


def parsed(annotations: dict[str, str] | None = None, **spec: Any) -> Model:
    body = model(**spec)
    body["metadata"]["annotations"] = annotations or {}
    return Model.parse(body)


def hashes(one: Model) -> dict[str, str]:
    """What changes with a model: which of its names."""
    return {
        "artifact": freeze_hash(one),
        "job": job_options(one),
        "work": work_hash(one),
        "revision": revision_name(one, ARTIFACT),
    }


def changed(**spec: Any) -> set[str]:
    before, after = hashes(parsed()), hashes(parsed(**spec))
    found = {name for name in before if before[name] != after[name]}
    return found - {"work"} if "artifact" in found else found


def fields_with(part: type[BaseModel], path: str = "") -> Iterator[tuple[str, list[Acts]]]:
    """Each field of the spec that is a decision of its own, and what it acts on."""
    for name, info in part.model_fields.items():
        acts = [note for note in info.metadata if isinstance(note, Acts)]
        below = _part_in(info.annotation)
        is_part = isinstance(below, type) and issubclass(below, Part)
        if is_part and not acts:
            yield from fields_with(below, f"{path}{name}.")
        else:
            yield f"{path}{name}", acts


def _part_in(annotation: Any) -> Any:
    """The part that a field holds, may hold, or holds by name."""
    if get_origin(annotation) is UnionType:
        return get_args(annotation)[0]
    return get_args(annotation)[1] if get_origin(annotation) is dict else annotation


@pytest.mark.parametrize(("field", "acts"), list(fields_with(Spec)))
def test_every_field_acts_on_exactly_one_thing(field: str, acts: list[Acts]) -> None:
    assert len(acts) == 1, f"spec.{field}: say in its Annotated what a change of it leads to"


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        pytest.param({"checkpoint": {"uri": "s3://x/y"}}, {"artifact"}, id="another checkpoint"),
        pytest.param({"freeze": {"tolerance": 0.1}}, {"artifact"}, id="another tolerance"),
        pytest.param(
            {"checkpoint": {"uri": "s3://models/digits-1", "secretName": "s"}},
            {"job"},
            id="other credentials",
        ),
        pytest.param({"freeze": {"timeoutSeconds": 5}}, {"job"}, id="another timeout"),
        pytest.param({"serving": {"drainSeconds": 6}}, {"revision"}, id="other pods"),
        pytest.param({"batching": {"maxBatchSize": 8}}, {"revision"}, id="larger runs"),
        pytest.param({"batching": {"maxBatchSize": 32}}, set(), id="the same runs, written out"),
        pytest.param({"queue": {"order": "Fifo"}}, set(), id="another order of the queue"),
        pytest.param({"cache": {"outputs": {"mode": "Always"}}}, set(), id="another cache"),
        pytest.param({"inputs": {"x": {"image": IMAGE}}}, {"artifact"}, id="an image input"),
        pytest.param(
            {"inputs": {"x": {"fetch": {"allow": ["s3://photos"]}}}}, set(), id="another prefix"
        ),
        pytest.param({"inputs": {}}, set(), id="no inputs, written out"),
        pytest.param({"evaluation": {"dataset": "s3://a/b"}}, {"work"}, id="an evaluation"),
        pytest.param({"replicas": 7}, set(), id="another size"),
        pytest.param({"rollout": {"maxSurge": 1}}, set(), id="another pace"),
        pytest.param({"service": {"type": "NodePort"}}, set(), id="another Service"),
        pytest.param(
            {"serving": {"drainSeconds": 5}, "freeze": {"optimize": True, "tolerance": 1e-4}},
            set(),
            id="defaults written out",
        ),
        pytest.param({"serving": {"ofALaterVersion": 1}}, set(), id="a field not known here"),
    ],
)
def test_what_a_change_leads_to(spec: dict[str, Any], what: set[str]) -> None:
    assert changed(**spec) == what


HOLDOUT = {"dataset": "s3://a/holdout"}


@pytest.mark.parametrize(
    ("evaluation", "same"),
    [
        pytest.param(HOLDOUT | {"metric": "Accuracy", "k": 5, "output": None}, True, id="defaults"),
        pytest.param(HOLDOUT | {"minimum": 0.8}, True, id="a minimum"),
        pytest.param(HOLDOUT | {"k": 3}, True, id="a k that Accuracy has no use for"),
        pytest.param({"dataset": "s3://a/other"}, False, id="another dataset"),
        pytest.param(HOLDOUT | {"metric": "TopK"}, False, id="another metric"),
        pytest.param(HOLDOUT | {"output": "y"}, False, id="another output"),
    ],
)
def test_which_evaluations_measure_the_same(evaluation: dict[str, Any], same: bool) -> None:
    one, other = (parsed(evaluation=each) for each in (HOLDOUT, evaluation))
    assert (work_hash(one) == work_hash(other)) is same
    assert freeze_hash(one) == freeze_hash(other) == freeze_hash(parsed())


@pytest.mark.parametrize(
    ("image", "same"),
    [
        pytest.param(
            IMAGE | {"channels": 3, "scale": 1.0, "mean": [0], "std": [1.0]}, True, id="defaults"
        ),
        pytest.param(IMAGE | {"mean": [127.5]}, False, id="another mean"),
        pytest.param(IMAGE | {"channels": 1}, False, id="grey"),
        pytest.param({"height": 9, "width": 8}, False, id="another size"),
    ],
)
def test_which_images_freeze_to_the_same_artifact(image: dict[str, Any], same: bool) -> None:
    one, other = (parsed(inputs={"x": {"image": each}}) for each in (IMAGE, image))
    assert (freeze_hash(one) == freeze_hash(other)) is same


@pytest.mark.parametrize(
    ("annotation", "what"),
    [(names.REFREEZE, {"artifact"}), (names.UPGRADE_RUNTIME, {"revision"}), (names.RETRY, set())],
)
def test_what_an_annotation_leads_to(annotation: str, what: set[str]) -> None:
    before, after = hashes(parsed()), hashes(parsed({annotation: "1"}))
    assert {name for name in before if before[name] != after[name]} - {"work"} == what


def test_the_names_of_what_exists_never_change() -> None:
    """They name live Jobs, revisions and Deployments: another value here restarts them all."""
    full = parsed(
        {names.REFREEZE: "1", names.UPGRADE_RUNTIME: "1"},
        checkpoint={
            "uri": "s3://models/digits-1",
            "format": "Checkpoint",
            "inputs": {"image": "x:0"},
            "outputs": {"probabilities": "y:0"},
            "feeds": {"keep_prob": 1.0, "is_training": False},
            "tags": ["serve", "gpu"],
        },
        freeze={"optimize": False, "resources": {"limits": {"memory": "4Gi"}}},
        serving={"env": [{"name": "A", "value": "b"}], "drainSeconds": 10},
    )
    assert hashes(parsed()) == {
        "artifact": "61ddfe3dddc35934",
        "job": "85783b80a1",
        "work": "61ddfe3dddc35934",
        "revision": "0296f3c170",
    }
    assert hashes(full) == {
        "artifact": "a1cd41c0cc4ab5dd",
        "job": "d36343907f",
        "work": "a1cd41c0cc4ab5dd",
        "revision": "7c524ea500",
    }


@given(st.integers(0, 10**4), st.sampled_from(["1Gi", 2, "500m"]))
def test_reading_and_writing_the_spec_changes_nothing(replicas: int, amount: int | str) -> None:
    spec = Spec.model_validate(
        {
            "checkpoint": {"uri": "s3://a/b", "feeds": {"a": True, "b": 1, "c": 1.5, "d": "x"}},
            "serving": {"resources": {"limits": {"memory": amount}}},
            "replicas": replicas,
        }
    )
    written = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert Spec.model_validate(written) == spec
    feeds = written["checkpoint"]["feeds"]
    assert [type(feeds[name]) for name in "abcd"] == [bool, int, float, str]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param({"checkpoint": {}}, "uri", id="no checkpoint"),
        pytest.param({"checkpoint": URI | {"feeds": {"x": [1]}}}, "feeds", id="a constant list"),
        pytest.param({"checkpoint": URI | {"format": "Onnx"}}, "format", id="an unknown format"),
        pytest.param({"queue": {"maxBytes": "much"}}, "maxBytes", id="bytes that are no number"),
        pytest.param({"queue": {"maxBytes": "-1Mi"}}, "maxBytes", id="less than no bytes"),
        pytest.param({"batching": {"maxBatchSize": 0}}, "maxBatchSize", id="runs of no row"),
        pytest.param({"inputs": {"x": {"image": {"height": 8}}}}, "width", id="no width"),
        pytest.param({"evaluation": {}}, "dataset", id="an evaluation on nothing"),
        pytest.param({"evaluation": HOLDOUT | {"metric": "Bleu"}}, "metric", id="no such metric"),
        pytest.param({"evaluation": HOLDOUT | {"minimum": 80}}, "minimum", id="percent"),
        pytest.param(
            {"inputs": {"x": {"image": IMAGE | {"channels": 4}}}}, "channels", id="alpha as well"
        ),
    ],
)
def test_what_cannot_be_read_is_named(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Spec.model_validate({"checkpoint": URI} | spec)


@pytest.mark.parametrize(
    ("written", "number"),
    [("64Mi", 64 * 2**20), ("1k", 1000), (4096, 4096), ("1e3", 1000), ("1.5", 2), (0, 0)],
)
def test_bytes_are_quantities_rounded_up(written: str | int, number: int) -> None:
    assert bytes_of(written) == number
