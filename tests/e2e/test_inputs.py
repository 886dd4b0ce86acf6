"""Images and URIs as inputs of a model on the real cluster."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any

import pytest
import tensorflow as tf
from e2e.pods import ask, follow_until, identities, serving_pods, told
from PIL import Image

from bench.bucket import SECRET
from bench.cluster import Object, condition, is_false
from bench.stage import API_VERSION, Stage

pytestmark = pytest.mark.e2e

NAME = "photos"
HEIGHT, WIDTH = 6, 4
COLOUR = (200, 100, 50)
IMAGE = {"height": HEIGHT, "width": WIDTH, "scale": 0.5}
OPEN, SECRET_PLACE = "s3://models/open", "s3://models/secret"
NEAR = {"abs": 2}  # what a JPEG makes of one colour


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 24), COLOUR).save(file, "JPEG")
    return file.getvalue()


def credential(name: str) -> Object:
    """A variable of the pods from the bucket's Secret."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": SECRET, "key": name}}}


def model(image: Object, *allow: str) -> Object:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
    spec: Object = {
        "checkpoint": {"uri": "s3://models/means", "secretName": SECRET},
        "inputs": {"photo": {"image": image, "fetch": {"allow": list(allow)}}},
        "serving": {"env": [credential(name) for name in names]},
    }
    metadata = {"name": NAME}
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": metadata,
        "spec": spec,
    }


@pytest.fixture(scope="module")
def photos(scene: Stage) -> Stage:
    """A model that answers with the mean of each channel, and two photos in the user's bucket."""

    class Means(tf.Module):
        @tf.function(
            input_signature=[tf.TensorSpec([None, HEIGHT, WIDTH, 3], tf.float32, name="photo")]
        )
        def mean(self, photo: Any) -> dict[str, Any]:
            return {"means": tf.reduce_mean(photo, (1, 2))}

    module, folder = Means(), scene.folder / "means"
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.mean})
    scene.bucket.upload(folder, "means")
    for place in ("open", "secret"):
        key = f"{place}/a.jpg"
        scene.bucket.client.put_object(Bucket=scene.bucket.name, Key=key, Body=jpeg())
    scene.cluster.apply(model(IMAGE, OPEN, "https://bucket"))
    scene.cluster.ready(NAME)
    (pod,) = serving_pods(scene, NAME)
    follow_until(scene, pod, rf"policy {told(scene, NAME).number}:")
    return scene


def predict(scene: Stage, element: Any) -> Object:
    (pod,) = serving_pods(scene, NAME)
    body = json.dumps({"instances": [element]})
    return ask(pod, "http", f"/v1/models/{NAME}:predict", body)


def means(answer: Object) -> list[float]:
    assert answer["status"] == 200, answer["text"]
    (row,) = json.loads(answer["text"])["predictions"]
    return list(row)


B64 = {"b64": b64encode(jpeg()).decode()}
HALVED = [channel / 2 for channel in COLOUR]


@pytest.mark.parametrize(
    "element",
    [
        pytest.param(B64, id="its bytes"),
        pytest.param({"uri": f"{OPEN}/a.jpg"}, id="its URI, with the pods' own credentials"),
        pytest.param([[HALVED] * WIDTH] * HEIGHT, id="the prepared tensor"),
    ],
)
def test_a_jpeg_is_predicted(photos: Stage, element: Any) -> None:
    assert means(predict(photos, element)) == pytest.approx(HALVED, **NEAR)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        pytest.param(f"{SECRET_PLACE}/a.jpg", "no prefix in fetch.allow", id="not allowed"),
        pytest.param(f"{OPEN}/b.jpg", "has no such object", id="not there"),
        pytest.param(
            "https://bucket/models/open/a.jpg", "private or reserved address", id="in the cluster"
        ),
    ],
)
def test_what_is_not_fetched_is_said(photos: Stage, uri: str, text: str) -> None:
    answer = predict(photos, {"uri": uri})
    assert answer["status"] == 400
    assert text in json.loads(answer["text"])["error"]


def test_clients_are_told_what_they_may_send(photos: Stage) -> None:
    (pod,) = serving_pods(photos, NAME)
    (photo,) = json.loads(ask(pod, "http", f"/v2/models/{NAME}")["text"])["inputs"]
    assert (photo["datatype"], photo["shape"]) == ("BYTES", [-1])
    assert photo["parameters"]["prepared"] == f"FP32 [-1, {HEIGHT}, {WIDTH}, 3]"


def test_what_is_allowed_changes_without_a_restart(photos: Stage) -> None:
    pods = serving_pods(photos, NAME)
    photos.cluster.apply(model(IMAGE, SECRET_PLACE))
    photos.cluster.until(
        "configmap", f"{NAME}-policy", lambda live: SECRET_PLACE in live["data"]["policy.json"]
    )
    follow_until(photos, pods[0], rf"policy {told(photos, NAME).number}:")
    assert means(predict(photos, {"uri": f"{SECRET_PLACE}/a.jpg"}))
    assert predict(photos, {"uri": f"{OPEN}/a.jpg"})["status"] == 400
    assert identities(serving_pods(photos, NAME)) == identities(pods)


def test_another_preparation_is_another_revision(photos: Stage) -> None:
    before = photos.cluster.ready(NAME)["status"]["stable"]
    photos.cluster.apply(model(IMAGE | {"mean": [50]}, OPEN))
    after = photos.cluster.ready(NAME)["status"]["stable"]
    assert after["revision"] != before["revision"]
    assert after["artifact"] != before["artifact"]
    expected = [(channel - 50) / 2 for channel in COLOUR]
    answers = predict_on(photos, after["revision"], B64)
    assert means(answers) == pytest.approx(expected, **NEAR)


def test_an_image_that_does_not_fit_the_model_is_said_and_the_old_revision_serves(
    photos: Stage,
) -> None:
    photos.cluster.apply(model({"height": 7, "width": 7}))
    live = photos.cluster.until("modeldeployment", NAME, is_false("InvalidRequest"))
    message = condition(live, "Ready")["message"]
    assert "the image input 'photo': makes rows of [7, 7, 3]" in message
    assert predict_on(photos, live["status"]["stable"]["revision"], B64)["status"] == 200


def predict_on(scene: Stage, revision: str, element: Any) -> Object:
    """The answer of a pod of this revision: those of the one before may still be on their way."""
    pods = serving_pods(scene, NAME)
    pod = next(p for p in pods if p["metadata"]["labels"]["frazil.dev/revision"] == revision)
    body = json.dumps({"instances": [element]})
    return ask(pod, "http", f"/v1/models/{NAME}:predict", body)
