"""The keys of one model: what its pods sign prediction ids with, and who may give them a policy."""

from __future__ import annotations

from typing import Any, Final

from frazil_operator import names
from frazil_operator.accounts import derive
from frazil_operator.api import Model
from frazil_operator.cluster import Cluster
from frazil_operator.observed import Object
from frazil_operator.plan.parts import owner
from frazil_operator.secret import secret_object, write
from frazil_operator.settings import Settings
from frazil_runtime.contract import POLICY_TOKEN
from frazil_runtime.contract.accuracy import PREDICTION_KEY

_ADVICE: Final = "delete it, and Frazil makes its own; pods have it within two minutes"


class ModelKeys:
    """``await keys(model)`` gives a model its Secret, any number of times: the keys are derived
    from the operator's root key and the model's UID, not drawn, and the Secret is never read.
    TakenError where one of that name is somebody else's."""

    def __init__(self, cluster: Cluster, root_key: str) -> None:
        self._cluster = cluster
        self._root_key = root_key

    @classmethod
    def of(cls, settings: Settings, cluster: Cluster) -> ModelKeys | None:
        """None without a root key: then there are no prediction ids."""
        return cls(cluster, settings.root_key) if settings.root_key else None

    async def __call__(self, body: Object) -> None:
        """Write it."""
        await write(self._cluster, keys_object(Model.parse(body), self._root_key), _ADVICE)


def keys_object(model: Model, root_key: str) -> dict[str, Any]:
    """The Secret; it goes with the model."""
    values = {
        PREDICTION_KEY: derive(root_key, f"model/{model.uid}/prediction"),
        POLICY_TOKEN: policy_token(root_key, model.uid),
    }
    secret = secret_object(model.namespace, names.keys(model.name), values)
    return {**secret, "metadata": {**secret["metadata"], "ownerReferences": [owner(model)]}}


def policy_token(root_key: str, uid: str) -> str:
    """What who gives a model's pods a policy shows as bearer."""
    return derive(root_key, f"model/{uid}/policy")
