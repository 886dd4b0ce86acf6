"""Pure: a revision's pod template, its ControllerRevision and its Deployment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from frazil_operator import names
from frazil_operator.api import Model, Serving
from frazil_operator.plan import policy
from frazil_operator.plan.parts import (
    CONTAINER_SECURITY,
    TMP,
    child,
    common_labels,
    env,
    mount,
    placement,
)
from frazil_operator.revision import Artifact, Revision
from frazil_operator.settings import Settings
from frazil_runtime import contract
from frazil_runtime.contract.accuracy import ENV_FEEDBACK_TOKEN_FILE, ENV_KEYS_DIR

CONTAINER = "runtime"
CACHE_DIR = "/var/cache/frazil"
POLICY_DIR = "/etc/frazil/policy"
KEYS_DIR = "/etc/frazil/keys"
FEEDBACK_DIR = "/etc/frazil/feedback"


def pod_template(
    model: Model, revision: str, number: int, artifact: Artifact, settings: Settings
) -> dict[str, Any]:
    """The pods of a revision, rendered once: what the ControllerRevision keeps."""
    serving = model.spec.serving
    return {
        "metadata": {"labels": common_labels(model.name) | pod_labels(model.name, revision)},
        "spec": placement(serving)
        | _scheduling(serving, model.name)
        | {
            "terminationGracePeriodSeconds": serving.termination_grace_period_seconds,
            "containers": [_container(model, revision, number, artifact, settings)],
            "volumes": _volumes(model),
        },
    }


def pod_labels(model: str, revision: str) -> dict[str, str]:
    """What tells a revision's serving pods from all others."""
    return {names.SERVING: model, names.REVISION: revision}


def controller_revision(model: Model, revision: Revision) -> dict[str, Any]:
    """The operator's memory of one revision, and of what the model's annotations asked for."""
    wishes = {wish: model.annotations[wish] for wish in names.WISHES if wish in model.annotations}
    identity = names.Child(
        "apps/v1", "ControllerRevision", names.revision(model.name, revision.name)
    )
    return child(
        model,
        identity,
        {"revision": revision.number, "data": revision.data},
        labels={names.REVISION: revision.name},
        annotations=replace(revision, wishes=wishes).annotations,
    )


def deployment(model: Model, revision: Revision, replicas: int, size: int) -> dict[str, Any]:
    """The pods of one revision. Its template never changes, so its own strategy never acts.

    While the ``size`` follows the load, those with pods remember it.
    """
    identity = names.Child("apps/v1", "Deployment", names.revision(model.name, revision.name))
    spec = {
        "replicas": replicas,
        "revisionHistoryLimit": 0,
        "progressDeadlineSeconds": model.spec.rollout.progress_deadline_seconds,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        "selector": {"matchLabels": pod_labels(model.name, revision.name)},
        "template": revision.template,
    }
    remembers = replicas > 0 and model.spec.replicas is None
    return child(
        model,
        identity,
        {"spec": spec},
        labels={names.REVISION: revision.name},
        annotations={names.SIZE: str(size)} if remembers else {},
    )


def _scheduling(serving: Serving, model: str) -> dict[str, Any]:
    """Affinity, spreading and priority; a spread without a selector is over this model's pods."""
    said = serving.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        include={"affinity", "topology_spread_constraints", "priority_class_name"},
    )
    own = {"labelSelector": {"matchLabels": {names.SERVING: model}}}
    spread = [own | constraint for constraint in said.get("topologySpreadConstraints", ())]
    return said | ({"topologySpreadConstraints": spread} if spread else {})


def _container(
    model: Model, revision: str, number: int, artifact: Artifact, settings: Settings
) -> dict[str, Any]:
    serving = model.spec.serving
    variables = {
        contract.ENV_MODEL_NAME: model.name,
        contract.ENV_REVISION: revision,
        contract.ENV_VERSION: str(number),
        contract.ENV_ARTIFACT: artifact.name,
        contract.ENV_CACHE_DIR: CACHE_DIR,
        contract.ENV_DRAIN_SECONDS: str(serving.drain_seconds),
        contract.ENV_STORE_PREFIX: f"{settings.cluster}/{model.namespace}",
        contract.ENV_POLICY_FILE: f"{POLICY_DIR}/{policy.FILE}",
        ENV_KEYS_DIR: KEYS_DIR,
        contract.ENV_TOKEN_FILE: f"{KEYS_DIR}/{contract.POLICY_TOKEN}",
        **_batching(model),
    }
    if _feedback_secret(model):
        variables[ENV_FEEDBACK_TOKEN_FILE] = f"{FEEDBACK_DIR}/token"
    own = serving.model_dump(mode="json", by_alias=True, exclude_none=True, include={"env"})
    return {
        "name": CONTAINER,
        "image": serving.image or settings.runtime_image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": ["serve"],
        "env": [*env(variables), _cpu_request(), *own.get("env", ())],
        "envFrom": [{"secretRef": {"name": names.STORE_READ}}],
        "ports": [
            {"name": "http", "containerPort": contract.HTTP_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": contract.GRPC_PORT, "protocol": "TCP"},
            {"name": "admin", "containerPort": contract.ADMIN_PORT, "protocol": "TCP"},
        ],
        "resources": serving.resources.model_dump(by_alias=True, exclude_none=True),
        "readinessProbe": _probe(contract.READY_PATH, period=1, failures=2),
        "livenessProbe": _probe(contract.LIVE_PATH, period=10, failures=6),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": _mounts(model),
    }


def _volumes(model: Model) -> list[dict[str, Any]]:
    """What is mounted is mounted as a folder: a file that is mounted by subPath never changes.
    Without any of it, too, a pod starts and serves."""
    policies = {"name": names.policy(model.name), "optional": True}
    keys = {"secretName": names.keys(model.name), "optional": True}
    volumes: list[dict[str, Any]] = [
        {"name": "cache", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "policy", "configMap": policies},
        {"name": "keys", "secret": keys},
    ]
    if secret := _feedback_secret(model):
        volumes.append({"name": "feedback", "secret": {"secretName": secret, "optional": True}})
    return volumes


def _mounts(model: Model) -> list[dict[str, Any]]:
    mounts = [mount("cache", CACHE_DIR), mount("tmp", TMP)]
    told = {"policy": POLICY_DIR, "keys": KEYS_DIR}
    if _feedback_secret(model):
        told["feedback"] = FEEDBACK_DIR
    return mounts + [mount(name, path) | {"readOnly": True} for name, path in told.items()]


def _feedback_secret(model: Model) -> str | None:
    return model.spec.accuracy.feedback_secret_name if model.spec.accuracy else None


def _batching(model: Model) -> dict[str, str]:
    """How runs are made up, where that is not as the runtime does it unasked."""
    said = model.spec.batching
    batching = contract.Batching(said.max_batch_size, said.max_delay_milliseconds)
    return {} if batching == contract.Batching() else {contract.ENV_BATCHING: batching.to_json()}


def _cpu_request() -> dict[str, Any]:
    """How many requests run at once where there is no CPU limit: the cgroup does not say."""
    reference = {"containerName": CONTAINER, "resource": "requests.cpu", "divisor": "1m"}
    return {"name": contract.ENV_CPU_REQUEST, "valueFrom": {"resourceFieldRef": reference}}


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    """The admin port answers from the start, so a model that loads for long is not killed."""
    return {
        "httpGet": {"path": path, "port": "admin"},
        "periodSeconds": period,
        "timeoutSeconds": 5 if period > 1 else 1,
        "failureThreshold": failures,
    }
