"""The keys that a model's pods share, and that nobody else has."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, cast

import pytest
from fakes.toy import model

from frazil_operator.api import Model
from frazil_operator.cluster import ApiError, Cluster, TakenError
from frazil_operator.keys import ModelKeys, keys_object, policy_token
from frazil_operator.observed import Object
from frazil_operator.settings import Settings
from frazil_runtime.contract.accuracy import KEY_BYTES, PREDICTION_KEY

SETTINGS = Settings("frazil", "runtime:1", "freezer:1", root_key="root")
MODEL = Model.parse(model())


def values(root_key: str = "root", **metadata: str) -> dict[str, str]:
    body = model()
    body["metadata"] |= metadata
    data = keys_object(Model.parse(body), root_key)["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def test_a_key_signs_with_as_many_bytes_as_the_runtime_asks_for() -> None:
    key = base64.urlsafe_b64decode(values()[PREDICTION_KEY] + "==")
    assert len(key) == KEY_BYTES


def test_the_same_model_has_the_same_keys_always() -> None:
    assert values() == values()
    assert values()["policy-token"] == policy_token("root", "model-1")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"uid": "model-2"}, id="one of that name that comes later"),
        pytest.param({"root_key": "another"}, id="one of another operator"),
    ],
)
def test_another_model_has_others(other: dict[str, str]) -> None:
    assert not set(values().values()) & set(values(**other).values())


def test_no_key_is_the_other() -> None:
    assert len(set(values().values())) == 2


def test_the_secret_goes_with_the_model() -> None:
    (owner,) = keys_object(MODEL, "root")["metadata"]["ownerReferences"]
    assert owner["uid"] == "model-1"


class Recorder:
    """A cluster that takes what it is given, or has something against it."""

    def __init__(self, error: ApiError | None = None) -> None:
        self.error = error
        self.applied: list[tuple[str, bool]] = []

    async def apply(self, body: Object, *, force: bool) -> Object:
        if self.error:
            raise self.error
        self.applied.append((body["metadata"]["name"], force))
        return body


def keys(recorder: Recorder, settings: Settings = SETTINGS) -> ModelKeys | None:
    return ModelKeys.of(settings, cast(Cluster, recorder))


def write(recorder: Recorder) -> None:
    made: Any = keys(recorder)
    asyncio.run(made(model()))


def test_it_is_written_without_force() -> None:
    recorder = Recorder()
    write(recorder)
    assert recorder.applied == [("digits-keys", False)]


def test_somebody_elses_is_left_alone_and_told_of() -> None:
    with pytest.raises(TakenError, match="digits-keys in demo holds what Frazil did not write"):
        write(Recorder(ApiError(409, "conflict with kubectl: .data")))


def test_another_refusal_is_passed_on() -> None:
    with pytest.raises(ApiError) as raised:
        write(Recorder(ApiError(403, "forbidden")))
    assert not isinstance(raised.value, TakenError)


def test_without_a_root_key_there_are_none() -> None:
    assert keys(Recorder(), Settings("frazil", "runtime:1", "freezer:1")) is None
