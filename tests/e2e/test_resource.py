"""What the real API server accepts of a ModelDeployment, and what it says to the rest."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from bench.cluster import ROOT, Cluster

pytestmark = pytest.mark.e2e

CLUSTER = Cluster("default")
URI = "s3://models/digits/model.ckpt"


def dry_run(name: str = "digits", **spec: Any) -> dict[str, Any]:
    """The object as it would be stored; CalledProcessError says what the API server has against."""
    body = {
        "apiVersion": "frazil.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {"checkpoint": {"uri": URI}} | spec,
    }
    options = ("--dry-run=server", "--validate=strict", "-o", "json", "-f", "-")
    stored: dict[str, Any] = json.loads(CLUSTER.kubectl("create", *options, stdin=json.dumps(body)))
    return stored


def test_the_file_in_the_repository_is_accepted() -> None:
    path = str(ROOT / "crds" / "modeldeployments.yaml")
    CLUSTER.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", path)


@pytest.mark.parametrize("example", ["digits.yaml", "evaluated.yaml", "photos.yaml"])
def test_an_example_is_accepted(example: str) -> None:
    CLUSTER.kubectl("apply", "--dry-run=server", "-f", str(ROOT / "examples" / example))


def test_the_minimum_is_filled_with_every_default() -> None:
    spec = dry_run()["spec"]
    assert spec["checkpoint"]["signature"] == "serving_default"
    assert spec["freeze"]["timeoutSeconds"] == 3600
    assert spec["serving"]["resources"] == {"requests": {"cpu": "250m", "memory": "256Mi"}}
    assert spec["rollout"]["maxSurge"] == "25%"
    assert spec["batching"] == {"maxBatchSize": 32, "maxDelayMilliseconds": 0}
    assert spec["queue"]["maxRequestBytes"] == "64Mi"
    outputs = {"mode": "Accuracy", "minAccuracy": 0.8, "expireOnChange": 0.02, "maxBytes": "256Mi"}
    assert spec["cache"]["outputs"] == outputs
    assert (spec["scaling"]["minReplicas"], spec["scaling"]["maxReplicas"]) == (1, 10)
    assert "replicas" not in spec


def test_constants_keep_their_types() -> None:
    feeds = {"keep_prob": 1.5, "is_training": False, "size": 3, "mode": "x"}
    assert dry_run(checkpoint={"uri": URI, "feeds": feeds})["spec"]["checkpoint"]["feeds"] == feeds


@pytest.mark.parametrize("amount", [1048576, "64Mi", "1e6"])
def test_an_amount_of_bytes_is_a_number_or_a_quantity(amount: int | str) -> None:
    assert dry_run(queue={"maxRequestBytes": amount})["spec"]["queue"]["maxRequestBytes"] == amount


@pytest.mark.parametrize("surge", [1, 7, "1%", "100%"])
def test_a_surge_is_a_number_or_a_percentage(surge: int | str) -> None:
    assert dry_run(rollout={"maxSurge": surge})["spec"]["rollout"]["maxSurge"] == surge


SIZE = {"height": 8, "width": 9}


def evaluation(**fields: Any) -> dict[str, Any]:
    return {"evaluation": {"dataset": "s3://models/holdout.npz"} | fields}


def inputs(**photo: Any) -> dict[str, Any]:
    return {"inputs": {"photo": photo}}


def test_an_image_is_filled_with_its_defaults() -> None:
    said = inputs(image=SIZE, fetch={"allow": ["s3://photos/a", "https://photos.example:8443/b"]})
    photo = dry_run(**said)["spec"]["inputs"]["photo"]
    assert photo["image"] == SIZE | {"channels": 3, "scale": 1, "mean": [0], "std": [1]}
    assert photo["fetch"] == said["inputs"]["photo"]["fetch"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a scheme that nothing reads": (
        {"checkpoint": {"uri": "ftp://models/x"}},
        "must be s3://bucket/path",
    ),
    "a bucket without a path": ({"checkpoint": {"uri": "s3://models"}}, "must be s3://"),
    "a bare checkpoint without outputs": (
        {"checkpoint": {"uri": URI, "format": "Checkpoint"}},
        "spec.checkpoint.outputs",
    ),
    "a digest that is none": (
        {"checkpoint": {"uri": URI, "digest": "sha256:123"}},
        "64 hexadecimal digits",
    ),
    "a surge of nothing": ({"rollout": {"maxSurge": 0}}, "a number of pods from 1 on"),
    "a surge that is no number": ({"rollout": {"maxSurge": "many"}}, "a percentage such as 25%"),
    "a strategy that there is not": ({"rollout": {"strategy": "Hope"}}, "Unsupported value"),
    "draining that outlasts the pod": (
        {"serving": {"terminationGracePeriodSeconds": 5}},
        "drainSeconds must be smaller",
    ),
    "a variable that is the operator's": (
        {"serving": {"env": [{"name": "FRAZIL_ARTIFACT", "value": "x"}]}},
        "names that begin with FRAZIL_",
    ),
    "a request over its limit": (
        {"serving": {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "500m"}}}},
        "a request must not exceed its limit",
    ),
    "a quantity that is none": (
        {"serving": {"resources": {"requests": {"memory": "much"}}}},
        "should match",
    ),
    "a request larger than the queue": (
        {"queue": {"maxBytes": "1Mi"}},
        "maxRequestBytes must not exceed maxBytes",
    ),
    "a queue that takes no request": (
        {"queue": {"maxRequestBytes": 0}},
        "maxRequestBytes must be above 0",
    ),
    "less memory than none": (
        {"cache": {"outputs": {"maxBytes": "-1Mi"}}},
        "must be a number of bytes from 0 on",
    ),
    "an order that there is not": ({"queue": {"order": "Lifo"}}, "Unsupported value"),
    "a run of no row": ({"batching": {"maxBatchSize": 0}}, "greater than or equal to 1"),
    "fewer pods than none": ({"replicas": -1}, "greater than or equal to 0"),
    "an image without a width": (
        {"inputs": {"photo": {"image": {"height": 8}}}},
        "image.width: Required value",
    ),
    "an image with alpha": (inputs(image=SIZE | {"channels": 4}), "Unsupported value"),
    "an image of which nothing is left": (
        inputs(image=SIZE | {"scale": 0}),
        "scale must not be 0",
    ),
    "means for other channels": (
        inputs(image=SIZE | {"mean": [1, 2]}),
        "mean and std have one number, or one for each of the channels",
    ),
    "a division by nothing": (inputs(image=SIZE | {"std": [0]}), "std must be above 0"),
    "an input of which nothing is said": (inputs(), "give it an image or a fetch"),
    "an input without a name": (
        {"inputs": {"": {"image": SIZE}}},
        "the name of an input has 1 to 256 characters",
    ),
    "a prefix without TLS": (
        inputs(fetch={"allow": ["http://photos.example"]}),
        "must be s3://bucket/path or https://host/path",
    ),
    "a prefix that is an address": (
        inputs(fetch={"allow": ["https://10.0.0.1/a"]}),
        "an IP address is no host",
    ),
    "a prefix that leads up": (
        inputs(fetch={"allow": ["s3://photos/../a"]}),
        "the path must not hold . or ..",
    ),
    "a prefix named twice": (
        inputs(fetch={"allow": ["s3://photos", "s3://photos"]}),
        "Duplicate value",
    ),
    "an evaluation on nothing": ({"evaluation": {}}, "evaluation.dataset: Required value"),
    "a minimum in percent": (evaluation(minimum=80), "less than or equal to 1"),
    "a minimum of an error": (
        evaluation(metric="MeanAbsoluteError", minimum=0.8),
        "with MeanAbsoluteError give maximum",
    ),
    "a maximum of a share": (evaluation(maximum=0.8), "maximum bounds an error"),
    "a field that there is not": ({"replica": 1}, 'unknown field "spec.replica"'),
}


@pytest.mark.parametrize(("spec", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_said(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        dry_run(**spec)
    assert message in refused.value.stderr


@pytest.mark.parametrize("name", ["m" * 41, "7digits", "digits.v1"])
def test_a_name_that_children_could_not_bear(name: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        dry_run(name)
    assert "a DNS label of at most 40 characters" in refused.value.stderr
