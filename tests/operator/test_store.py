"""What the store remembers of the cluster, and whom it wakes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from frazil_operator import names
from frazil_operator.observed import Key
from frazil_operator.store import Store

A, B, C = (Key("vision", name) for name in "abc")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def model(key: Key, version: int = 1, **more: Any) -> dict[str, Any]:
    metadata = {"namespace": key.namespace, "name": key.name, "uid": f"uid-{key.name}"}
    return {"kind": names.KIND, "metadata": {**metadata, "resourceVersion": str(version)}, **more}


def child(owner: Key, version: int = 1, *, kind: str = "Service", name: str = "") -> dict[str, Any]:
    metadata = {
        "namespace": owner.namespace,
        "name": name or owner.name,
        "uid": f"uid-{kind}-{name or owner.name}",
        "resourceVersion": str(version),
        "labels": {names.MODEL: owner.name},
    }
    return {"kind": kind, "metadata": metadata, "spec": {}}


def job(
    owner: Key, version: int = 1, *, suspended: bool = False, done: str = "", at: str = "00:00"
) -> dict[str, Any]:
    body = child(owner, version, kind="Job")
    body["metadata"]["creationTimestamp"] = f"2026-01-01T{at}:00Z"
    body["metadata"]["ownerReferences"] = [{"uid": f"uid-{owner.name}", "controller": True}]
    body["spec"] = {"suspend": suspended}
    body["status"] = {"conditions": [{"type": done, "status": "True"}]} if done else {}
    return body


@pytest.fixture
def store() -> Store:
    return Store()


def test_a_model_is_news_for_itself(store: Store) -> None:
    assert store.observe(model(A)) == {A}
    assert store.models() == [A]


def test_a_child_is_news_for_the_model_that_its_label_names(store: Store) -> None:
    assert store.observe(child(A, name="a-pods")) == {A}
    assert store.children(A) == (child(A, name="a-pods"),)


def test_an_object_without_the_label_is_nobodys(store: Store) -> None:
    foreign = child(A)
    del foreign["metadata"]["labels"]
    assert store.observe(foreign) == set()
    assert store.children(A) == ()


def test_what_is_known_already_is_no_news(store: Store) -> None:
    store.observe(model(A, 5))
    assert store.observe(model(A, 5)) == set()


def test_a_late_event_does_not_undo_the_answer_to_an_own_write(store: Store) -> None:
    store.observe(model(A, 10, status={"new": True}))
    assert store.observe(model(A, 9, status={"new": False})) == set()
    assert store.model(A) == model(A, 10, status={"new": True})


def test_versions_are_numbers(store: Store) -> None:
    store.observe(model(A, 9))
    assert store.observe(model(A, 10)) == {A}


def test_what_is_deleted_is_forgotten_and_is_news(store: Store) -> None:
    store.observe(child(A, 1))
    assert store.observe(child(A, 2), deleted=True) == {A}
    assert store.children(A) == ()
    assert store.observe(child(A, 2), deleted=True) == set()


def test_the_deletion_of_a_former_object_does_not_take_its_successor(store: Store) -> None:
    store.observe(child(A, 7))
    assert store.observe(child(A, 6), deleted=True) == set()
    assert store.children(A) == (child(A, 7),)


def test_a_list_forgets_what_is_gone_and_tells_whom_it_concerns(store: Store) -> None:
    for owner in (A, B, C):
        store.observe(child(owner, 1))
    news = store.replace("Service", [child(A, 1), child(B, 5)], version="9")
    assert news == {B, C}
    assert store.children(C) == ()


def test_a_list_of_one_kind_leaves_the_others(store: Store) -> None:
    store.observe(child(A, 1, kind="Deployment"))
    store.replace("Service", [], version="9")
    assert len(store.children(A)) == 1


def test_a_list_does_not_forget_what_was_written_after_it(store: Store) -> None:
    store.observe(child(A, 12))
    assert store.replace("Service", [], version="11") == set()
    assert store.children(A) == (child(A, 12),)


def test_a_list_notices_that_an_object_was_deleted_and_made_anew(store: Store) -> None:
    store.observe(child(A, 1))
    anew = child(A, 5)
    anew["metadata"]["uid"] = "another"
    assert store.replace("Service", [anew], version="9") == {A}
    assert store.children(A) == (anew,)


@pytest.fixture
def models(store: Store) -> Store:
    for key in (A, B, C):
        store.observe(model(key))
    return store


def test_unfinished_jobs_that_are_not_suspended_run(models: Store) -> None:
    models.observe(job(A))
    models.observe(job(B, suspended=True))
    models.observe(job(C, done="Failed"))
    assert models.running_freezes() == 1


def test_waiting_jobs_go_in_the_order_they_came(models: Store) -> None:
    models.observe(job(A, suspended=True, at="00:02"))
    models.observe(job(B, suspended=True, at="00:01"))
    models.observe(job(C, suspended=True, at="00:02"))
    ahead = {key.name: models.freezes_ahead(key, 1, NOW) for key in (B, A, C)}
    assert ahead == {"b": 0, "a": 1, "c": 2}


def test_a_model_without_a_job_comes_after_all_that_wait(models: Store) -> None:
    models.observe(job(A, suspended=True))
    models.observe(job(B))
    assert models.freezes_ahead(C, 1, NOW) == 1


def forged(body: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], **metadata}}


@pytest.mark.parametrize(
    "claim",
    [
        pytest.param({"ownerReferences": []}, id="is nobody's"),
        pytest.param({"ownerReferences": [{"uid": "uid-b"}]}, id="the model does not control"),
        pytest.param(
            {"ownerReferences": [{"uid": "former", "controller": True}]},
            id="a former model of the name made",
        ),
        pytest.param({"namespace": "elsewhere"}, id="lies where no such model is"),
    ],
)
def test_nothing_waits_for_a_job_that(models: Store, claim: dict[str, Any]) -> None:
    models.observe(job(C, suspended=True, at="00:09"))
    models.observe(forged(job(B, suspended=True), **claim))
    models.observe(forged(job(A), **claim))
    assert models.running_freezes() == 0
    assert models.freezes_ahead(C, 1, NOW) == 0


def test_nothing_waits_for_a_model_that_is_being_deleted(models: Store) -> None:
    models.observe(job(A, suspended=True))
    models.observe(job(B))
    for key in (A, B):
        models.observe(forged(model(key, 2), deletionTimestamp="2026-01-01T00:00:00Z"))
    assert models.running_freezes() == 0
    assert models.freezes_ahead(C, 1, NOW) == 0


@pytest.mark.parametrize(
    ("after", "deleted"),
    [
        pytest.param(job(A, 2, done="Complete"), False, id="a Job that completes"),
        pytest.param(job(A, 2, done="Failed"), False, id="a Job that fails"),
        pytest.param(job(A, 2), True, id="a Job that is deleted"),
    ],
)
def test_the_models_that_wait_are_woken_by(
    models: Store, after: dict[str, Any], deleted: bool
) -> None:
    models.observe(job(A))
    models.observe(job(B, suspended=True))
    models.observe(job(C))
    assert models.observe(after, deleted=deleted) == {A, B}
    assert models.running_freezes() == 1
