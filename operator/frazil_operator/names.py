"""Every name the operator gives or looks for: children, labels, annotations, Secrets."""

from __future__ import annotations

from typing import Final, NamedTuple

GROUP: Final = "frazil.dev"
VERSION: Final = "v1alpha1"
KIND: Final = "ModelDeployment"
API_VERSION: Final = f"{GROUP}/{VERSION}"
FIELD_MANAGER: Final = "frazil-operator"

MAX_NAME: Final = 40  # leaves room below 63 for what is appended here and by ReplicaSets

# Labels.
MODEL: Final = "frazil.dev/model"  # on every child
SERVING: Final = "frazil.dev/serving"  # on serving pods alone: what Services and the PDB select
REVISION: Final = "frazil.dev/revision"  # on what belongs to one revision
FREEZE: Final = "frazil.dev/freeze"  # on a freeze Job, its pods, and the revision it led to

# Annotations the operator writes on children. They are its memory: status is only a projection.
HASH: Final = "frazil.dev/hash"  # of the desired object: equal means there is nothing to apply
JOB_OPTIONS: Final = "frazil.dev/job-options"  # hash of what the user says about the Job itself
SIZE: Final = "frazil.dev/size"  # on Deployments: how many pods the load was found to call for
STABLE: Final = "frazil.dev/stable"  # on the Service: who is stable while the selector is wide
TRIAL: Final = "frazil.dev/trial-since"  # on a ControllerRevision that never completed a rollout
REJECTED: Final = "frazil.dev/rejected"  # on a ControllerRevision: the verdict, as JSON
CHECKPOINT: Final = "frazil.dev/checkpoint"  # on a ControllerRevision: the URI last frozen to it
INPUTS: Final = "frazil.dev/inputs"  # on a ControllerRevision: dtypes of its inputs, as JSON
EVALUATED: Final = "frazil.dev/evaluated"  # on a ControllerRevision: Evaluated, as JSON
SETBACKS: Final = "frazil.dev/setbacks"  # on a freeze Job: how those before it failed, as JSON

# Annotations the user writes on the model. Any new value acts once; each ControllerRevision
# remembers the last, so that taking one away asks for nothing.
RETRY: Final = "frazil.dev/retry"  # try a rejected revision again
REFREEZE: Final = "frazil.dev/refreeze"  # the checkpoint was overwritten in place
UPGRADE_RUNTIME: Final = "frazil.dev/upgrade-runtime"  # same model, the operator's current image
WISHES: Final = (RETRY, REFREEZE, UPGRADE_RUNTIME)

STORE_READ: Final = "frazil-store-read"  # Secrets with FRAZIL_STORE_*, one pair a namespace
STORE_WRITE: Final = "frazil-store-write"


class Child(NamedTuple):
    """A child's identity inside its namespace."""

    api_version: str
    kind: str
    name: str


def service(model: str) -> str:
    """The Service that clients use."""
    return model


def headless(model: str) -> str:
    """The headless Service of clients that balance themselves."""
    return f"{model}-pods"


def disruption_budget(model: str) -> str:
    """The PodDisruptionBudget."""
    return model


def policy(model: str) -> str:
    """The ConfigMap with what serving pods are told while they run."""
    return f"{model}-policy"


def accuracy(model: str) -> str:
    """The ConfigMap with what the operator remembers of the model's accuracy."""
    return f"{model}-accuracy"


def load_policy(model: str) -> str:
    """The NetworkPolicy that lets the operator ask the pods for their load."""
    return f"{model}-load"


def keys(model: str) -> str:
    """The Secret with the keys of its serving pods."""
    return f"{model}-keys"


def revision(model: str, revision: str) -> str:
    """A revision's ControllerRevision and Deployment."""
    return f"{model}-{revision}"


def revision_of(child: str) -> str:
    """The revision whose ControllerRevision or Deployment has this name: labels can be taken away,
    names cannot."""
    return child.rpartition("-")[2]


def freeze_job(model: str, digest: str) -> str:
    """The freeze Job with these inputs."""
    return f"{model}-freeze-{digest}"


def url(namespace: str, model: str) -> str:
    """Where clients reach the model; the cluster's DNS suffix is not the operator's to know."""
    return f"http://{service(model)}.{namespace}.svc"
