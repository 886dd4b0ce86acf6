"""Pure: the freeze Job, one pod of three containers in a row over one folder.

``fetch`` has the source's credentials, ``convert`` runs TensorFlow on untrusted input and has none,
``publish`` has the store's. The names of Jobs are hashes of their inputs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from frazil_operator import names
from frazil_operator.acts import Acts, acting, acting_parts
from frazil_operator.api import Model
from frazil_operator.plan import evaluation
from frazil_operator.plan.parts import (
    CONTAINER_SECURITY,
    TMP,
    child,
    common_labels,
    env,
    mount,
    placement,
)
from frazil_operator.plan.setbacks import NONE, Setbacks
from frazil_operator.revision import digest
from frazil_operator.settings import Settings
from frazil_runtime import contract

WORK_DIR = "/var/frazil"
PVC_ROOT = "/pvc"
BACKOFF_LIMIT = 3
WORK_LIMIT = "20Gi"  # of the work folder, where spec.freeze.resources says no ephemeral-storage


def freeze_hash(model: Model) -> str:
    """What is frozen: equal for equal artifacts. Not how: the Job's image and resources."""
    what = {
        "checkpoint": acting(model.spec.checkpoint, Acts.ON_ARTIFACT),
        "freeze": acting(model.spec.freeze, Acts.ON_ARTIFACT),
        "refreeze": model.annotations.get(names.REFREEZE),
    }
    inputs = acting_parts(model.spec.inputs, Acts.ON_ARTIFACT)
    return digest(what | ({"inputs": inputs} if inputs else {}), 16)


def work_hash(model: Model) -> str:
    """What a Job does: it freezes, and where that is asked for it evaluates."""
    asked = evaluation.wanted(model)
    return digest([freeze_hash(model), asked.key], 16) if asked else freeze_hash(model)


def job_options(model: Model) -> str:
    """How the user wants it frozen: another answer replaces a Job that has not finished."""
    return digest(
        {
            "checkpoint": acting(model.spec.checkpoint, Acts.ON_JOB),
            "freeze": acting(model.spec.freeze, Acts.ON_JOB),
        }
    )


def job_name(model: Model, settings: Settings, setbacks: Setbacks = NONE) -> str:
    """The name of the Job that would be made now; another one for every new try."""
    inputs = [work_hash(model), job_options(model), settings.freezer_image]
    tries = [model.annotations.get(names.RETRY, ""), setbacks.times]
    return names.freeze_job(model.name, digest(inputs + tries))


def freeze_request(model: Model, artifact: str = "") -> dict[str, Any]:
    """The fields of the freezer's FreezeRequest; an ``artifact`` is only evaluated."""
    checkpoint, freeze, asked = model.spec.checkpoint, model.spec.freeze, evaluation.wanted(model)
    return {
        "uri": checkpoint.uri,
        "format": checkpoint.format,
        "inputs": checkpoint.inputs,
        "outputs": checkpoint.outputs,
        "feeds": checkpoint.feeds,
        "samples": checkpoint.samples or "",
        "signature": checkpoint.signature,
        "tags": checkpoint.tags,
        "digest": checkpoint.digest or "",
        "optimize": freeze.optimize,
        "tolerance": freeze.tolerance,
        "images": {
            name: said.image.model_dump(mode="json", by_alias=True)
            for name, said in model.spec.inputs.items()
            if said.image
        },
        "evaluation": asdict(asked) if asked else None,
        "artifact": artifact,
    }


def freeze_job(
    model: Model, settings: Settings, setbacks: Setbacks = NONE, *, artifact: str = ""
) -> dict[str, Any]:
    """The Job, suspended: it starts when it is its turn. With ``artifact`` it only evaluates."""
    labels = {names.FREEZE: work_hash(model)}
    spec = {
        "suspend": True,
        "backoffLimit": BACKOFF_LIMIT,
        "activeDeadlineSeconds": model.spec.freeze.timeout_seconds,
        "podFailurePolicy": {"rules": _failure_rules()},
        "template": {
            "metadata": {"labels": common_labels(model.name) | labels},
            "spec": _pod(model, settings, artifact),
        },
    }
    return child(
        model,
        names.Child("batch/v1", "Job", job_name(model, settings, setbacks)),
        {"spec": spec},
        labels=labels,
        annotations={names.JOB_OPTIONS: job_options(model)} | setbacks.annotations,
    )


def _failure_rules() -> list[dict[str, Any]]:
    """A drained node costs no attempt; an error that the user must mend ends the Job at once."""
    mend = [
        {
            "action": "FailJob",
            "onExitCodes": {
                "containerName": stage,
                "operator": "In",
                "values": [int(code) for code in contract.USER_ERRORS],
            },
        }
        for stage in contract.STAGES
    ]
    disruption = {"type": "DisruptionTarget", "status": "True"}
    return [{"action": "Ignore", "onPodConditions": [disruption]}, *mend]


def _pod(model: Model, settings: Settings, artifact: str) -> dict[str, Any]:
    claims = _claims(model)
    request = json.dumps(freeze_request(model, artifact), sort_keys=True)
    fetch, convert, publish = (
        _container(model, stage, settings, request) for stage in contract.STAGES
    )
    secret = model.spec.checkpoint.secret_name
    fetch["envFrom"] = _secrets(names.STORE_READ, *([secret] if secret else ()))
    fetch["volumeMounts"] += [
        mount(volume, f"{PVC_ROOT}/{claim}") | {"readOnly": True}
        for volume, claim in claims.items()
    ]
    publish["envFrom"] = _secrets(names.STORE_WRITE)
    return placement(model.spec.freeze) | {
        "restartPolicy": "Never",
        "initContainers": [fetch, convert],
        "containers": [publish],
        "volumes": [
            {"name": "work", "emptyDir": {"sizeLimit": _work_limit(model)}},
            {"name": "tmp", "emptyDir": {}},
            *(
                {"name": volume, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
                for volume, claim in claims.items()
            ),
        ],
    }


def _container(model: Model, stage: str, settings: Settings, request: str) -> dict[str, Any]:
    resources = model.spec.freeze.resources.model_dump(by_alias=True, exclude_none=True)
    return {
        "name": stage,
        "image": settings.freezer_image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": ["freeze-stage", stage],
        "env": env(
            {
                contract.ENV_FREEZE_REQUEST: request,
                contract.ENV_FREEZER_VERSION: settings.freezer_image,
                contract.ENV_WORK_DIR: WORK_DIR,
                contract.ENV_PVC_ROOT: PVC_ROOT,
                contract.ENV_STORE_PREFIX: f"{settings.cluster}/{model.namespace}",
            }
        ),
        "resources": resources,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [*_work(stage), mount("tmp", TMP)],
    }


def _work(stage: str) -> list[dict[str, Any]]:
    """The folders of the work volume that a stage sees: each writes its own alone.

    Convert runs an untrusted model: it must not be able to say of what its artifact was made.
    """
    seen = (contract.FETCHED,) if stage == "fetch" else (contract.FETCHED, contract.CONVERTED)
    written = {"fetch": contract.FETCHED, "convert": contract.CONVERTED}.get(stage)
    return [
        mount("work", f"{WORK_DIR}/{folder}")
        | {"subPath": folder}
        | ({} if folder == written else {"readOnly": True})
        for folder in seen
    ]


def _secrets(*secrets: str) -> list[dict[str, Any]]:
    return [{"secretRef": {"name": secret}} for secret in secrets]


def _claims(model: Model) -> Mapping[str, str]:
    """Volume name → claim, for each pvc://claim/path that the freezer reads."""
    checkpoint, asked = model.spec.checkpoint, model.spec.evaluation
    uris = (checkpoint.uri, checkpoint.samples or "", asked.dataset if asked else "")
    claims = {uri.split("/")[2] for uri in uris if uri.startswith("pvc://")}
    return {f"source-{number}": claim for number, claim in enumerate(sorted(claims))}


def _work_limit(model: Model) -> int | str:
    """How much the work folder may hold: checkpoint, dataset and artifact together."""
    resources = model.spec.freeze.resources
    said = (resources.requests or {}) | (resources.limits or {})
    return said.get("ephemeral-storage", WORK_LIMIT)
