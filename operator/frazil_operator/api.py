"""ModelDeployment as types: the one source of the CRD's schema and of what each field acts on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from frazil_operator.acts import Acts
from frazil_operator.api_evaluation import Evaluation
from frazil_operator.api_inputs import Inputs
from frazil_operator.api_scaling import Scaling
from frazil_operator.corev1 import (
    ATOMIC,
    Bytes,
    Env,
    FeedValue,
    Opaque,
    Part,
    PullSecrets,
    ResourceRequirements,
    Spread,
    StringMap,
    Text,
    Tolerations,
    cel,
)
from frazil_operator.uri import Uri

Digest = Annotated[
    str,
    Field(
        max_length=71,
        json_schema_extra=cel(
            ("self.matches('^sha256:[0-9a-f]{64}$')", "must be sha256: and 64 hexadecimal digits")
        ),
    ),
]
Surge = Annotated[
    int | str,
    Field(
        json_schema_extra={"x-kubernetes-int-or-string": True}
        | cel(
            (
                "type(self) == int ? self >= 1 : self.matches('^[1-9][0-9]{0,3}%$')",
                "must be a number of pods from 1 on, or a percentage such as 25%",
            )
        )
    ),
]


class Checkpoint(Part):
    """What to serve: a trained TensorFlow model, and how to read it."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.format != 'Checkpoint' || (has(self.outputs) && size(self.outputs) > 0)",
                "a bare checkpoint does not say what to compute: name the nodes in "
                "spec.checkpoint.outputs, as {probabilities: 'softmax:0'}",
            )
        )
    )

    uri: Annotated[Uri, Acts.ON_ARTIFACT]
    """Where it lies: a checkpoint prefix, a SavedModel folder, a .keras file or a frozen .pb below
    s3://, gs://, az://, https:// or pvc://claim/."""
    format: Annotated[
        Literal["Auto", "Checkpoint", "SavedModel", "Keras", "FrozenGraph"], Acts.ON_ARTIFACT
    ] = "Auto"
    """What it is; Auto looks."""
    inputs: Annotated[StringMap, Acts.ON_ARTIFACT] = Field(default_factory=dict)
    """Alias to graph tensor, as {image: 'x:0'}; without it, taken from the signature."""
    outputs: Annotated[StringMap, Acts.ON_ARTIFACT] = Field(default_factory=dict)
    """Alias to graph tensor, as {probabilities: 'softmax:0'}; needed for a bare checkpoint."""
    feeds: Annotated[dict[str, FeedValue], Field(max_length=256), Acts.ON_ARTIFACT] = Field(
        default_factory=dict
    )
    """Placeholders that become constants, as {keep_prob: 1.0, is_training: false}."""
    samples: Annotated[Uri | None, Acts.ON_ARTIFACT] = None
    """An npz of real inputs, to prove that freezing changed no answer; without it, the SavedModel's
    own warm-up requests, else generated ones."""
    signature: Annotated[Text, Field(min_length=1), Acts.ON_ARTIFACT] = "serving_default"
    """The signature that clients get when they name none."""
    tags: Annotated[
        list[Text],
        Field(min_length=1, max_length=16, json_schema_extra=ATOMIC),
        Acts.ON_ARTIFACT,
    ] = Field(default_factory=lambda: ["serve"])
    """Which metagraph of a SavedModel."""
    digest: Annotated[Digest | None, Acts.ON_ARTIFACT] = None
    """Pins the source: sha256 over its files; a mismatch refuses the freeze."""
    secret_name: Annotated[str | None, Field(min_length=1, max_length=253), Acts.ON_JOB] = None
    """A Secret whose keys, as AWS_ACCESS_KEY_ID, become the fetching container's environment."""


class Freeze(Part):
    """How the checkpoint becomes an artifact."""

    optimize: Annotated[bool, Acts.ON_ARTIFACT] = True
    """Run Grappler when freezing, so that serving need not."""
    tolerance: Annotated[float, Field(ge=0, le=1), Acts.ON_ARTIFACT] = 1e-4
    """How far, relatively and absolutely, an output may move for the proof to hold."""
    resources: Annotated[ResourceRequirements, Acts.ON_JOB] = ResourceRequirements(
        requests={"cpu": "500m", "memory": "1Gi"}
    )
    """Compute resources of the Job's containers. `ephemeral-storage` bounds their work folder."""
    timeout_seconds: Annotated[int, Field(ge=1), Acts.ON_JOB] = 3600
    """How long the Job may run."""
    service_account_name: Annotated[str | None, Acts.ON_JOB] = None
    """For workload identity; no token of it is mounted."""
    node_selector: Annotated[StringMap | None, Acts.ON_JOB] = None
    """Labels of the nodes that may run the Job."""
    tolerations: Annotated[Tolerations | None, Acts.ON_JOB] = None
    """Taints that the Job's pod tolerates."""
    image_pull_secrets: Annotated[PullSecrets | None, Acts.ON_JOB] = None
    """Secrets with the registry's credentials."""


class Serving(Part):
    """The pods that serve."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.drainSeconds < self.terminationGracePeriodSeconds",
                "draining must end before the pod is killed: drainSeconds must be smaller than "
                "terminationGracePeriodSeconds",
            )
        )
    )

    resources: Annotated[ResourceRequirements, Acts.ON_REVISION] = ResourceRequirements(
        requests={"cpu": "250m", "memory": "256Mi"}
    )
    """Compute resources. As many requests run at once as the CPU limit has whole cores; without a
    limit, the request rounded up."""
    node_selector: Annotated[StringMap | None, Acts.ON_REVISION] = None
    """Labels of the nodes that may run the pods."""
    tolerations: Annotated[Tolerations | None, Acts.ON_REVISION] = None
    """Taints that the pods tolerate."""
    affinity: Annotated[Opaque | None, Acts.ON_REVISION] = None
    """Scheduling constraints, as in core/v1."""
    topology_spread_constraints: Annotated[Spread | None, Acts.ON_REVISION] = None
    """How the pods spread over nodes or zones."""
    priority_class_name: Annotated[str | None, Acts.ON_REVISION] = None
    """Which pods give way first."""
    service_account_name: Annotated[str | None, Acts.ON_REVISION] = None
    """For workload identity; no token of it is mounted."""
    image_pull_secrets: Annotated[PullSecrets | None, Acts.ON_REVISION] = None
    """Secrets with the registry's credentials."""
    env: Annotated[Env | None, Acts.ON_REVISION] = None
    """Further environment of the runtime."""
    image: Annotated[Text | None, Acts.ON_REVISION] = None
    """The runtime's image; without it, the operator's default when the revision is made."""
    drain_seconds: Annotated[int, Field(ge=0, le=3600), Acts.ON_REVISION] = 5
    """How long a terminating pod still takes new connections, since endpoints need time."""
    termination_grace_period_seconds: Annotated[int, Field(ge=1, le=86400), Acts.ON_REVISION] = 60
    """How long a terminating pod has to finish what it accepted."""


class Batching(Part):
    """How requests that wait together run together."""

    max_batch_size: Annotated[int, Field(ge=1, le=1024), Acts.ON_REVISION] = 32
    """The most rows of one run. Runs have 1, 2, 4, … rows up to it, and each size is warmed up
    before the pod is ready. 1: every row runs alone."""
    max_delay_milliseconds: Annotated[float, Field(ge=0, le=10000), Acts.ON_REVISION] = 0
    """How long an idle pod may wait for further rows to run together with. 0: never; what gathers
    while others run goes together all the same."""


class Queue(Part):
    """Requests that wait for their run, in each pod."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "quantity(string(self.maxRequestBytes)).compareTo(quantity('0')) > 0",
                "a request has at least one byte: maxRequestBytes must be above 0",
            ),
            (
                "quantity(string(self.maxRequestBytes))"
                ".compareTo(quantity(string(self.maxBytes))) <= 0",
                "the largest request must fit into the queue: maxRequestBytes must not exceed "
                "maxBytes",
            ),
        )
    )

    order: Annotated[Literal["SmallestFirst", "Fifo"], Acts.ON_POLICY] = "SmallestFirst"
    """Which request runs next. SmallestFirst: the one that is expected to take least, though none
    waits for what came agingSeconds later. Fifo: the one that came first."""
    aging_seconds: Annotated[float, Field(ge=0, le=3600), Acts.ON_POLICY] = 5
    """How much later than a large request a small one may come and still go first."""
    max_wait_seconds: Annotated[float, Field(ge=0, le=3600), Acts.ON_POLICY] = 1
    """A request that would wait for longer is refused with 429 and Retry-After."""
    max_bytes: Annotated[Bytes, Acts.ON_POLICY] = "256Mi"
    """How much all requests in a pod may hold together; what is beyond is refused with 429."""
    max_request_bytes: Annotated[Bytes, Acts.ON_POLICY] = "64Mi"
    """The largest request; what is larger is refused with 413."""


class InputCache(Part):
    """Inputs that were fetched or decoded, kept in each pod to be used again."""

    max_bytes: Annotated[Bytes, Acts.ON_POLICY] = "256Mi"
    """How much memory they may take in a pod. 0: none are kept."""


class OutputCache(Part):
    """Answers, kept in each pod for the same question asked again."""

    mode: Annotated[Literal["Accuracy", "Always", "Off"], Acts.ON_POLICY] = "Accuracy"
    """When answers are cached. Accuracy: while the model is measured to be accurate enough; without
    a measured accuracy nothing is cached. Always: whenever the graph gives equal answers to equal
    questions. "Off", which YAML wants in quotes: never."""
    max_bytes: Annotated[Bytes, Acts.ON_POLICY] = "256Mi"
    """How much memory they may take in a pod."""


class Cache(Part):
    """What a pod keeps so as not to compute it again."""

    inputs: InputCache = InputCache()
    outputs: OutputCache = OutputCache()


class Service(Part):
    """The Service that clients use."""

    type: Annotated[Literal["ClusterIP", "NodePort", "LoadBalancer"], Acts.AT_ONCE] = "ClusterIP"
    """How far it reaches."""
    annotations: Annotated[StringMap, Acts.AT_ONCE] = Field(default_factory=dict)
    """Annotations of the Service."""
    labels: Annotated[StringMap, Acts.AT_ONCE] = Field(default_factory=dict)
    """Labels of the Service."""


class Rollout(Part):
    """How one revision follows another."""

    strategy: Annotated[Literal["Rolling"], Acts.AT_ONCE] = "Rolling"
    """Rolling: pods move over in steps of maxSurge, and capacity never falls below the size."""
    max_surge: Annotated[Surge, Acts.AT_ONCE] = "25%"
    """How many pods beyond the size may exist meanwhile: a number, or a percentage rounded up."""
    progress_deadline_seconds: Annotated[int, Field(ge=1), Acts.AT_ONCE] = 600
    """Without progress for so long, the rollout is reported as stalled (and goes on trying)."""
    revision_history: Annotated[int, Field(ge=0, le=100), Acts.AT_ONCE] = 2
    """How many former revisions are kept, at no pods, to go back to without waiting."""


class Spec(Part):
    """What should be served, and how."""

    checkpoint: Checkpoint
    freeze: Freeze = Freeze()
    evaluation: Evaluation | None = None
    inputs: Inputs = Field(default_factory=dict)
    """By the input's name, what clients may send for it besides its tensor."""
    serving: Serving = Serving()
    batching: Batching = Batching()
    queue: Queue = Queue()
    cache: Cache = Cache()
    scaling: Scaling = Scaling()
    service: Service = Service()
    rollout: Rollout = Rollout()
    replicas: Annotated[int | None, Field(ge=0, le=10000), Acts.AT_ONCE] = None
    """The number of pods, whatever the load; without it, the size follows the load as
    spec.scaling says. 0 parks the model. `kubectl scale` writes it."""


@dataclass(frozen=True, slots=True)
class Model:
    """One ModelDeployment as the API server holds it, its spec read."""

    namespace: str
    name: str
    uid: str
    generation: int
    annotations: Mapping[str, str]
    spec: Spec

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Model:
        """Read a live object; pydantic's ValidationError says what of the spec cannot be read."""
        metadata = body["metadata"]
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            annotations=metadata.get("annotations") or {},
            spec=Spec.model_validate(body.get("spec") or {}),
        )
