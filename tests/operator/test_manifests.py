"""What the children are: the promises that a reader of the manifests relies on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes.toy import Body, Toy, model

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.plan import network
from frazil_operator.rollout import Traffic
from frazil_runtime import contract
from frazil_runtime.contract.accuracy import ENV_FEEDBACK_TOKEN_FILE, ENV_KEYS_DIR

LONGEST = "m" * names.MAX_NAME


@pytest.fixture(scope="module")
def toy() -> Toy:
    """A model that serves, with a spec that says much."""
    toy = Toy(
        model(
            checkpoint={"uri": "pvc://data/digits", "secretName": "mine"},
            serving={
                "nodeSelector": {"disk": "fast"},
                "env": [{"name": "A", "value": "b"}],
                "topologySpreadConstraints": [
                    {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
                ],
            },
            service={"labels": {"team": "x"}, "annotations": {"a": "b"}, "type": "NodePort"},
        )
    )
    toy.model["metadata"] |= {
        "labels": {"app.kubernetes.io/instance": "argo"},
        "annotations": {"argocd.argoproj.io/tracking-id": "x"},
    }
    toy.settle()
    return toy


def pod_specs(toy: Toy) -> dict[str, Body]:
    return {
        kind: body["spec"]["template"]["spec"]
        for (kind, _), body in toy.objects.items()
        if kind in ("Job", "Deployment")
    }


def containers(spec: Body) -> list[Body]:
    return [*spec.get("initContainers", ()), *spec["containers"]]


def runtime(toy: Toy) -> dict[str, Any]:
    (container,) = pod_specs(toy)["Deployment"]["containers"]
    return dict(container)


def test_every_child_names_its_model_and_ends_with_it(toy: Toy) -> None:
    for (kind, name), body in toy.objects.items():
        metadata = body["metadata"]
        assert metadata["labels"][names.MODEL] == "digits", (kind, name)
        (owner,) = metadata["ownerReferences"]
        assert owner == {
            "apiVersion": "frazil.dev/v1alpha1",
            "kind": "ModelDeployment",
            "name": "digits",
            "uid": "model-1",
            "controller": True,
        }


def test_nothing_that_argo_or_helm_track_is_handed_on(toy: Toy) -> None:
    text = json.dumps(list(toy.objects.values()))
    assert "argocd" not in text
    assert "app.kubernetes.io/instance" not in text


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_pods_are_admitted_under_pod_security_restricted(toy: Toy, kind: str) -> None:
    spec = pod_specs(toy)[kind]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in containers(spec):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
    assert all(volume.keys() - {"name"} <= allowed for volume in spec["volumes"])


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_a_container_says_why_it_ended(toy: Toy, kind: str) -> None:
    policies = {c["terminationMessagePolicy"] for c in containers(pod_specs(toy)[kind])}
    assert policies == {"FallbackToLogsOnError"}


def test_serving_pods_alone_are_selected(toy: Toy) -> None:
    (job,), (deployment,) = toy.kind("Job"), toy.kind("Deployment")
    assert names.SERVING not in job["spec"]["template"]["metadata"]["labels"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for selecting in toy.kind("Service"):
        assert selecting["spec"]["selector"].items() <= labels.items()


def test_the_runtime_is_told_what_the_contract_says(toy: Toy) -> None:
    env = {variable["name"]: variable for variable in runtime(toy)["env"]}
    revision = toy.model["status"]["stable"]["revision"]
    assert {name: env[name]["value"] for name in env if "value" in env[name]} == {
        contract.ENV_MODEL_NAME: "digits",
        contract.ENV_REVISION: revision,
        contract.ENV_VERSION: "1",
        contract.ENV_ARTIFACT: toy.model["status"]["stable"]["artifact"],
        contract.ENV_CACHE_DIR: "/var/cache/frazil",
        contract.ENV_DRAIN_SECONDS: "5",
        contract.ENV_STORE_PREFIX: "default/demo",
        contract.ENV_POLICY_FILE: "/etc/frazil/policy/policy.json",
        contract.ENV_TOKEN_FILE: "/etc/frazil/keys/policy-token",
        ENV_KEYS_DIR: "/etc/frazil/keys",
        "A": "b",
    }
    reference = env[contract.ENV_CPU_REQUEST]["valueFrom"]["resourceFieldRef"]
    assert reference["resource"] == "requests.cpu"


def test_readiness_is_seen_within_two_seconds_and_liveness_is_patient(toy: Toy) -> None:
    ready, live = runtime(toy)["readinessProbe"], runtime(toy)["livenessProbe"]
    assert ready["httpGet"] == {"path": contract.READY_PATH, "port": "admin"}
    assert ready["periodSeconds"] * ready["failureThreshold"] <= 2
    assert live["periodSeconds"] * live["failureThreshold"] >= 60


def test_a_spread_without_a_selector_counts_the_models_own_pods(toy: Toy) -> None:
    (constraint,) = pod_specs(toy)["Deployment"]["topologySpreadConstraints"]
    assert constraint["labelSelector"] == {"matchLabels": {names.SERVING: "digits"}}


def test_the_service_is_the_users_as_far_as_the_spec_says(toy: Toy) -> None:
    body = toy.objects["Service", "digits"]
    assert body["spec"]["type"] == "NodePort"
    assert body["metadata"]["labels"]["team"] == "x"
    assert body["metadata"]["annotations"]["a"] == "b"


@pytest.mark.parametrize(
    ("service", "http"),
    [
        pytest.param("digits", 80, id="where clients ask"),
        pytest.param("digits-pods", contract.HTTP_PORT, id="where clients ask a pod itself"),
    ],
)
def test_a_service_has_http_and_grpc(toy: Toy, service: str, http: int) -> None:
    ports = {port["name"]: port for port in toy.objects["Service", service]["spec"]["ports"]}
    assert {name: port["port"] for name, port in ports.items()} == {"http": http, "grpc": 9000}
    assert ports["grpc"]["appProtocol"] == "kubernetes.io/h2c"
    named = {port["name"]: port["containerPort"] for port in runtime(toy)["ports"]}
    targets = {name: named[port["targetPort"]] for name, port in ports.items()}
    assert targets == {"http": contract.HTTP_PORT, "grpc": contract.GRPC_PORT}


def test_pods_read_the_policy_from_a_folder_that_need_not_be_there(toy: Toy) -> None:
    (volume,) = (v for v in pod_specs(toy)["Deployment"]["volumes"] if v["name"] == "policy")
    assert volume["configMap"] == {"name": "digits-policy", "optional": True}
    (place,) = (m for m in runtime(toy)["volumeMounts"] if m["name"] == "policy")
    assert "subPath" not in place  # such a file would never change
    (file,) = toy.objects["ConfigMap", "digits-policy"]["data"]
    env = {variable["name"]: variable.get("value") for variable in runtime(toy)["env"]}
    assert env[contract.ENV_POLICY_FILE] == f"{place['mountPath']}/{file}"


def test_a_pod_is_told_how_to_batch_where_that_is_not_the_default() -> None:
    toy = Toy(model(batching={"maxBatchSize": 8}))
    toy.settle()
    env = {variable["name"]: variable.get("value") for variable in runtime(toy)["env"]}
    said = contract.Batching.from_json(env[contract.ENV_BATCHING])
    assert said == contract.Batching(max_batch_size=8)


def test_the_headless_service_has_no_address_and_only_ready_pods(toy: Toy) -> None:
    spec = toy.objects["Service", "digits-pods"]["spec"]
    assert spec["clusterIP"] == "None"
    assert spec["publishNotReadyAddresses"] is False
    assert spec["selector"] == toy.objects["Service", "digits"]["spec"]["selector"]


def test_a_drain_takes_one_pod_and_never_waits_for_a_broken_one(toy: Toy) -> None:
    (budget,) = toy.kind("PodDisruptionBudget")
    assert budget["spec"] == {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": {names.SERVING: "digits"}},
    }


@pytest.mark.parametrize(
    "traffic",
    [
        pytest.param(None, id="nothing yet"),
        pytest.param(Traffic("abc"), id="one revision"),
        pytest.param(Traffic("abc", wide=True), id="two revisions, the stable one remembered"),
    ],
)
def test_the_service_remembers_who_is_stable(toy: Toy, traffic: Traffic | None) -> None:
    assert network.traffic(network.service(Model.parse(toy.model), traffic)) == traffic


def test_the_longest_name_leaves_room_for_what_is_appended() -> None:
    toy = Toy(model())
    toy.model["metadata"]["name"] = LONGEST
    toy.settle()
    for (kind, name), body in toy.objects.items():
        hashed = "-0123456789" if kind == "Deployment" else ""  # the ReplicaSet's name
        assert len(name + hashed) <= 63, name
        values = body["metadata"]["labels"].values()
        assert all(len(value) <= 63 for value in values)


def test_pods_start_without_their_policy_and_their_keys(toy: Toy) -> None:
    """An operator that died before it wrote them holds nobody up."""
    sources = [volume | {} for volume in pod_specs(toy)["Deployment"]["volumes"]]
    told = [v[kind] for v in sources for kind in ("configMap", "secret") if kind in v]
    assert len(told) == 2
    assert all(source["optional"] for source in told)


def test_the_secret_of_feedback_is_mounted_where_it_is_named() -> None:
    toy = Toy(model(accuracy={"feedbackSecretName": "labels"}))
    toy.settle()
    (source,) = (v for v in pod_specs(toy)["Deployment"]["volumes"] if v["name"] == "feedback")
    assert source["secret"] == {"secretName": "labels", "optional": True}
    env = {variable["name"]: variable.get("value") for variable in runtime(toy)["env"]}
    (mounted,) = (m for m in runtime(toy)["volumeMounts"] if m["name"] == "feedback")
    assert env[ENV_FEEDBACK_TOKEN_FILE] == f"{mounted['mountPath']}/token"
    assert mounted["readOnly"]


def test_to_measure_accuracy_is_no_other_revision_but_another_secret_is(toy: Toy) -> None:
    before = toy.model["status"]["stable"]["revision"]
    toy.change(accuracy={"metric": "TopK", "k": 3})
    toy.settle()
    assert toy.model["status"]["stable"]["revision"] == before
    toy.change(accuracy={"metric": "TopK", "k": 3, "feedbackSecretName": "labels"})
    toy.settle()
    assert toy.model["status"]["stable"]["revision"] != before
