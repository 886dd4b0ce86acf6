"""A real `frazil serve` of a real graph, through both ports: cache, policy, accuracy, several
models."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest
import tensorflow as tf
from fakes import artifacts
from fakes.serving import serving

from frazil_runtime.contract import (
    CACHE_HEADER,
    ENV_REVISION,
    ENV_TOKEN_FILE,
    READY_PATH,
    Policy,
)
from frazil_runtime.contract.accuracy import (
    ENV_FEEDBACK_TOKEN_FILE,
    ENV_KEYS_DIR,
    ID_HEADER,
    OMITTED_HEADER,
    PREDICTION_KEY,
    AccuracyRules,
    Counts,
    Tally,
)
from frazil_runtime.contract.load import LOAD_PATH, PREFER_HEADER, Load
from frazil_runtime.manifest import Signature

pytestmark = [pytest.mark.tensorflow, pytest.mark.integration]


@pytest.fixture(scope="session")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """y = 2x, in rows of three."""

    def build() -> None:
        x = tf.compat.v1.placeholder(tf.float32, [None, 3], "x")
        tf.multiply(x, 2.0, "y")

    directory = tmp_path_factory.mktemp("doubling")
    one = artifacts.one_to_one("x", "y", "float32", (-1, 3))
    signature = Signature(one.inputs, one.outputs, batchable=True, deterministic=True)
    samples = {"serving_default": {"x": np.zeros((1, 3), np.float32)}}
    artifacts.write_artifact(directory, build, {"serving_default": signature}, samples=samples)
    return directory


def ask(url: str, model: str, value: float, **headers: str) -> httpx.Response:
    body = {"instances": [[value, value, value]]}
    answer = httpx.post(f"{url}/v1/models/{model}:predict", json=body, headers=headers)
    assert answer.json() == {"predictions": [[2 * value] * 3]}
    return answer


def test_two_models_share_a_process(doubling: Path) -> None:
    models = ("--model", f"one={doubling}", "--model", f"two={doubling}")
    with serving("", *models) as server:
        url = server.address("listening")
        for model in ("one", "two"):
            seen = [ask(url, model, 1.5).headers[CACHE_HEADER] for _ in range(2)]
            assert seen == ["miss", "hit"], "what one has answered is no answer of the other"
        assert httpx.get(f"{url}/v2/models").json() == {"models": ["one", "two"]}


def test_a_server_that_stands_alone_keeps_what_cannot_change(doubling: Path) -> None:
    with serving(doubling, "--name=two") as server:
        url = server.address("listening")
        seen = [ask(url, "two", 1).headers[CACHE_HEADER] for _ in range(2)]
        assert seen == ["miss", "hit"]
        assert ask(url, "two", 1, **{"Cache-Control": "no-store"}).headers[CACHE_HEADER] == "off"


def test_a_policy_is_followed_from_who_has_the_token_and_only_forward(
    doubling: Path, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("open sesame\n")
    with serving(doubling, "--name=two", **{ENV_TOKEN_FILE: str(token)}) as server:
        admin, url = server.address("probes and metrics"), server.address("listening")
        server.wait_for("ready in")
        off = Policy(number=2, output_cache_mode="Off").to_json()

        def post(text: str, authorization: str) -> int:
            headers = {"Authorization": authorization}
            return httpx.post(f"{admin}/policy", content=text, headers=headers).status_code

        assert post(off, "Bearer sesame") == 401
        assert post("{}x", "Bearer open sesame") == 400
        assert ask(url, "two", 1).headers[CACHE_HEADER] == "miss"
        assert post(off, "Bearer open sesame") == 200
        assert ask(url, "two", 1).headers[CACHE_HEADER] == "off"
        assert post(Policy(number=1).to_json(), "Bearer open sesame") == 409
        assert json.loads(httpx.get(f"{admin}/policy").text)["number"] == 2


def test_a_policy_in_a_file_is_followed_when_it_changes(doubling: Path, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    with serving(doubling, "--name=two", "--policy", str(file)) as server:
        url = server.address("listening")
        server.wait_for("ready in")
        assert ask(url, "two", 1).headers[CACHE_HEADER] == "off", "no policy, no caching"
        file.write_text(Policy(number=1, output_cache_mode="Always").to_json())
        server.wait_for("policy 1: ")
        assert [ask(url, "two", 1).headers[CACHE_HEADER] for _ in range(2)] == ["miss", "hit"]


def test_the_load_is_told_to_who_asks(doubling: Path) -> None:
    with serving(doubling, "--name=two") as server:
        admin, url = server.address("probes and metrics"), server.address("listening")
        server.wait_for("ready in")
        for _ in range(2):
            ask(url, "two", 1)
        load = Load.from_json(httpx.get(f"{admin}{LOAD_PATH}").content)
        assert (load.requests, load.hits, load.queued) == (2, 1, 0)
        assert 0 < load.demand_short < 1
        assert load.saved_long == pytest.approx(load.demand_long, rel=0.5)


def test_who_watches_the_load_does_not_hold_up_the_end(doubling: Path) -> None:
    with serving(doubling, "--name=two") as server, ThreadPoolExecutor() as threads:
        admin = server.address("probes and metrics")
        server.wait_for("ready in")
        watch = partial(httpx.get, headers={PREFER_HEADER: "wait=30"}, timeout=60)
        watching = threads.submit(watch, f"{admin}{LOAD_PATH}")
        httpx.get(f"{admin}{READY_PATH}")  # the watch has been taken by now, or never will be
        server.process.terminate()
        assert watching.result().status_code == 200
        assert server.end() == 0


def test_pods_that_share_a_key_score_each_others_predictions(
    doubling: Path, tmp_path: Path
) -> None:
    (tmp_path / PREDICTION_KEY).write_bytes(base64.urlsafe_b64encode(bytes(range(200, 232))))
    secret, policy = tmp_path / "secret", tmp_path / "policy.json"
    secret.write_text("who may label\n")
    policy.write_text(Policy(number=1, accuracy=AccuracyRules(enabled=True)).to_json())
    environ = {ENV_KEYS_DIR: str(tmp_path), ENV_FEEDBACK_TOKEN_FILE: str(secret)}
    with ExitStack() as pods:
        servers = {
            revision: pods.enter_context(
                serving(doubling, "--name=two", f"--policy={policy}", "--grpc-port=0", **told)
            )
            for revision in ("two-a", "two-b")
            for told in (environ | {ENV_REVISION: revision},)
        }
        admins = {name: pod.address("probes and metrics") for name, pod in servers.items()}
        urls = {name: pod.address("listening") for name, pod in servers.items()}
        for pod in servers.values():
            pod.wait_for("ready in")

        def predict(revision: str, *row: float) -> str:
            body = {"instances": [row]}
            answer = httpx.post(f"{urls[revision]}/v1/models/two:predict", json=body)
            return answer.headers[ID_HEADER]

        def label(revision: str, prediction_id: str, sent: int) -> httpx.Response:
            body = {"prediction_id": prediction_id, "labels": [sent]}
            headers = {"Authorization": "Bearer who may label"}
            url = f"{urls[revision]}/v2/models/two/feedback"
            return httpx.post(url, json=body, headers=headers)

        def tally(revision: str) -> Tally:
            found = Tally.from_json(httpx.get(f"{admins[revision]}/accuracy").content)
            assert (found.model, found.revision) == ("two", revision)
            assert found.enabled
            assert found.keyed
            assert found.guarded
            return found

        def counted(revision: str) -> dict[str, Counts]:
            buckets = tally(revision).buckets
            return {name: Counts.sum(each.counts for each in got) for name, got in buckets.items()}

        first, second = predict("two-a", 1, 3, 2), predict("two-a", 3, 2, 1)
        assert label("two-b", first, 1).json() == {"scored": 1}
        assert label("two-a", second, 1).json() == {"scored": 1}
        assert label("two-a", second, 1).status_code == 409
        assert counted("two-a") == {"two-a": Counts(predictions=2, rows=2, labels=1)}
        assert counted("two-b") == {"two-a": Counts(labels=1, right=1)}

        metrics = httpx.get(f"{admins['two-b']}/metrics").text
        assert 'frazil_accuracy_labels_total{model="two",revision="two-a"} 1.0' in metrics
        assert 'frazil_accuracy{metric="Accuracy",model="two",revision="two-a"} 1.0' in metrics
        assert 'frazil_feedback_total{model="two",outcome="scored"} 1.0' in metrics
        for pod in servers.values():
            pod.process.terminate()
            pod.end()
            text = "\n".join(pod.lines)
            assert not [said for said in (first, second, "who may label") if said in text]


def test_ids_begin_and_end_with_the_policy(doubling: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    (tmp_path / PREDICTION_KEY).write_bytes(base64.urlsafe_b64encode(bytes(32)))
    flags = ("--name=two", f"--policy={policy}", "--grpc-port=0")
    with serving(doubling, *flags, **{ENV_KEYS_DIR: str(tmp_path)}) as server:
        admin, url = server.address("probes and metrics"), server.address("listening")
        server.wait_for("ready in")
        for number, enabled in enumerate((False, True, False), start=1):
            rules = AccuracyRules(enabled=enabled)
            policy.write_text(Policy(number=number, accuracy=rules).to_json())
            server.wait_for(f"policy {number}: ")
            assert (ID_HEADER in ask(url, "two", number).headers) is enabled
            tally = Tally.from_json(httpx.get(f"{admin}/accuracy/two").content)
            assert (tally.enabled, tally.guarded) == (enabled, False)
        assert httpx.get(f"{admin}/accuracy/three").status_code == 404


def test_without_a_key_there_are_no_ids_and_everything_says_so(
    doubling: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(Policy(number=1, accuracy=AccuracyRules(enabled=True)).to_json())
    flags = ("--name=two", f"--policy={policy}", "--grpc-port=0")
    with serving(doubling, *flags, **{ENV_KEYS_DIR: str(tmp_path)}) as server:
        admin = server.address("probes and metrics")
        server.wait_for("no prediction ids: the key in .*prediction-key cannot be read")
        url = server.address("listening")
        server.wait_for("ready in")
        assert "no key" in ask(url, "two", 1).headers[OMITTED_HEADER]
        assert not Tally.from_json(httpx.get(f"{admin}/accuracy").content).keyed
