"""URIs and images of a request become tensors, by a preprocessor and a fetcher of the test's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from frazil_runtime.contract import Policy
from frazil_runtime.errors import ArtifactError, Code, InferenceError, invalid
from frazil_runtime.fetch import Budget, Fetched, FetchError
from frazil_runtime.input_cache import InputCache
from frazil_runtime.inputs import Inputs, Limits, open_inputs
from frazil_runtime.manifest import Image, Manifest, Signature, Tensor
from frazil_runtime.texts import HERE
from frazil_runtime.uris import Allowed, Location, Uri

ROW_BYTES = 2 * 1 * 3 * 4


def strings(*elements: object) -> np.ndarray:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


@dataclass
class Lengths:
    """An image input, whose rows are filled with the length of their image."""

    images: dict[str, Image] = field(
        default_factory=lambda: {"photo": Image("p.pb", "i:0", "r:0", "float32", (2, 1, 3))}
    )
    prepared: list[bytes] = field(default_factory=list)
    closed: bool = False

    def prepare_row(self, name: str, image: bytes, row: int) -> np.ndarray:
        if not image:
            raise invalid(f'input "{name}", row {row} is no image')
        self.prepared.append(image)
        return np.full(self.images[name].shape, len(image), np.float32)

    def close(self) -> None:
        self.closed = True


@dataclass
class Site:
    """Bodies by path; a body's ETag is its own text. ``asked`` are the ETags that came."""

    bodies: dict[str, bytes]
    asked: list[str] = field(default_factory=list)

    async def fetch(self, location: Location, budget: Budget, etag: str = "") -> Fetched | None:
        self.asked.append(etag)
        if location.path not in self.bodies:
            raise FetchError(Code.UNAVAILABLE, f"{location.place} is away")
        body = self.bodies[location.path]
        if etag == body.decode():
            return None
        budget.take(len(body), location.place)
        return Fetched(body, body.decode())

    async def close(self) -> None:
        self.bodies = {}


@dataclass
class Room:
    inputs: Inputs
    preprocessor: Lengths
    site: Site

    @property
    def cache(self) -> InputCache:
        return self.inputs.cache


Make = Callable[..., Room]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Room] = []

    def room(cache_bytes: int = 10**6, **limits: int) -> Room:
        site = Site({"/open/a": b"four", "/open/b": b"sixsix", "/secret": b"s"})
        allow = {name: Allowed.parse(["https://h.example/open"]) for name in ("photo", "text")}
        cache, preprocessor = InputCache(cache_bytes, "sha256-1"), Lengths()
        inputs = Inputs(preprocessor, site, allow, cache, threads=2, limits=Limits(**limits))
        made.append(Room(inputs, preprocessor, site))
        return made[-1]

    yield room
    for each in made:
        await each.inputs.close()


def uri(path: str) -> Uri:
    return Uri(f"https://h.example{path}")


def filled(array: np.ndarray) -> list[float]:
    return [float(row.flat[0]) for row in array]


async def test_images_become_the_models_tensor(make: Make) -> None:
    room = make()
    resolved = await room.inputs.resolve({"photo": strings(b"1", b"22"), "x": np.ones(3)})
    assert (resolved["photo"].dtype, resolved["photo"].shape) == (np.float32, (2, 2, 1, 3))
    assert filled(resolved["photo"]) == [1, 2]
    assert resolved["x"].tolist() == [1, 1, 1]


async def test_uris_become_what_lies_there(make: Make) -> None:
    room = make()
    sent = {"photo": strings(uri("/open/a"), b"1"), "text": strings(b"t", uri("/open/b"))}
    resolved = await room.inputs.resolve(sent)
    assert filled(resolved["photo"]) == [4, 1]
    assert resolved["text"].tolist() == [b"t", b"sixsix"]
    assert sent["text"][1] == uri("/open/b")  # the request's own array is as it was


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"photo": np.ones((2, 2, 1, 3), np.float32)}, id="the prepared tensor"),
        pytest.param({"text": strings(b"a", b"b")}, id="strings of an input without images"),
        pytest.param({}, id="nothing"),
    ],
)
async def test_what_needs_nothing_comes_back_as_it_is(make: Make, sent: Any) -> None:
    assert await make().inputs.resolve(sent) is sent


async def test_many_rows_keep_their_order(make: Make) -> None:
    images = [b"x" * number for number in range(1, 60)]
    resolved = await make().inputs.resolve({"photo": strings(*images)})
    assert filled(resolved["photo"]) == list(range(1, 60))


async def test_a_uri_is_found_among_many_strings(make: Make) -> None:
    many = [b"t"] * (2 * HERE)
    resolved = await make().inputs.resolve({"text": strings(*many, uri("/open/a"), *many)})
    assert resolved["text"].tolist() == [*many, b"four", *many]


async def test_no_rows_are_an_empty_tensor(make: Make) -> None:
    resolved = await make().inputs.resolve({"photo": strings()})
    assert resolved["photo"].shape == (0, 2, 1, 3)


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [
        pytest.param(
            {"photo": strings(b"1", b"")}, 400, 'input "photo", row 1 is no image', id="no image"
        ),
        pytest.param(
            {"photo": strings(*[b"1"] * 20, b"")}, 400, "row 20 is no image", id="in another slice"
        ),
        pytest.param(
            {"photo": strings(b"1", b"2").reshape(2, 1)}, 400, r"\[-1\], got \[2, 1\]", id="rank 2"
        ),
        pytest.param({"photo": strings("1")}, 400, "must be bytes, got str", id="text"),
        pytest.param(
            {"photo": strings(*[b"1"] * 101)}, 413, "2424 bytes once they are prepared", id="rows"
        ),
        pytest.param(
            {"text": strings(b"", uri("/secret"))},
            400,
            'input "text", row 1 is a URI at https://h.example, where no prefix',
            id="a URI beside the prefix",
        ),
        pytest.param(
            {"x": strings(uri("/open/a"))}, 400, "no prefix", id="an input that allows nothing"
        ),
        pytest.param(
            {"text": strings(uri("/open/gone"))}, 503, "row 0: https://h.example is away", id="away"
        ),
        pytest.param(
            {"text": strings(*[uri("/open/b")] * 4)}, 413, "more bytes", id="large together"
        ),
        pytest.param({"text": strings(*[uri("/open/a")] * 6)}, 400, "6 URIs", id="many URIs"),
    ],
)
async def test_what_is_refused_names_input_and_row(
    make: Make, sent: Any, code: int, said: str
) -> None:
    room = make(uris=5, fetched=20, prepared=100 * ROW_BYTES)
    with pytest.raises(InferenceError, match=said) as refused:
        await room.inputs.resolve(sent)
    assert refused.value.code.status == code


async def test_what_was_cached_counts_as_fetched(make: Make) -> None:
    room = make(fetched=20)
    await room.inputs.resolve({"text": strings(uri("/open/b"))})
    with pytest.raises(InferenceError, match="more bytes"):
        await room.inputs.resolve({"text": strings(*[uri("/open/b")] * 4)})


async def test_an_image_that_was_prepared_before_is_not_again(make: Make) -> None:
    room = make()
    first = await room.inputs.resolve({"photo": strings(b"1", b"22")})
    again = await room.inputs.resolve({"photo": strings(b"22", b"333")})
    assert sorted(room.preprocessor.prepared) == [b"1", b"22", b"333"]
    assert (room.cache.hits, room.cache.misses) == (1, 3)
    assert filled(first["photo"]) + filled(again["photo"]) == [1, 2, 2, 3]


async def test_what_lies_at_a_uri_is_asked_for_each_time_and_sent_when_it_changed(
    make: Make,
) -> None:
    room = make()
    ask = {"photo": strings(uri("/open/a"))}
    assert filled((await room.inputs.resolve(ask))["photo"]) == [4]
    assert filled((await room.inputs.resolve(ask))["photo"]) == [4]
    room.site.bodies["/open/a"] = b"seven!!"
    assert filled((await room.inputs.resolve(ask))["photo"]) == [7]
    assert room.site.asked == ["", "four", "four"]
    assert room.preprocessor.prepared == [b"four", b"seven!!"]


async def test_a_cache_without_room_changes_no_answer(make: Make) -> None:
    room = make(cache_bytes=0)
    for _ in range(2):
        resolved = await room.inputs.resolve({"photo": strings(uri("/open/a"))})
        assert filled(resolved["photo"]) == [4]
    assert (room.site.asked, room.cache.bytes) == (["", ""], 0)
    assert len(room.preprocessor.prepared) == 2


async def test_nobody_can_write_into_what_is_cached(make: Make) -> None:
    room = make()
    resolved = await room.inputs.resolve({"photo": strings(b"1")})
    with pytest.raises(ValueError, match="read-only"):
        resolved["photo"][0] = 9


async def test_a_client_that_goes_leaves_the_other_rows_undone(make: Make) -> None:
    room, began, go = make(), threading.Event(), threading.Event()
    prepare = room.preprocessor.prepare_row

    def slow(name: str, image: bytes, row: int) -> np.ndarray:
        began.set()
        assert go.wait(30)
        return prepare(name, image, row)

    room.preprocessor.prepare_row = slow  # type: ignore[method-assign]
    images = strings(*(b"x" * number for number in range(1, 81)))
    request = asyncio.create_task(room.inputs.resolve({"photo": images}))
    await asyncio.to_thread(began.wait, 30)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    go.set()
    await room.inputs.resolve({"photo": strings(b"the next one")})
    assert len(room.preprocessor.prepared) <= 17  # of two threads, a slice of 8 each


async def test_a_policy_allows_from_now_on_what_it_says_and_what_is_always_allowed(
    make: Make,
) -> None:
    inputs = make().inputs
    secret, opened = {"text": strings(uri("/secret"))}, {"text": strings(uri("/open/a"))}
    inputs.follow(Policy(allow={"text": ["https://h.example/secret"], "x": ["s3://a"]}))
    assert (await inputs.resolve(secret))["text"].tolist() == [b"s"]
    assert (await inputs.resolve(opened))["text"].tolist() == [b"four"]
    with pytest.raises(InferenceError, match="no prefix"):  # what is allowed for another input
        await inputs.resolve({"photo": secret["text"]})
    inputs.follow(Policy())
    assert (await inputs.resolve(opened))["text"].tolist() == [b"four"]
    with pytest.raises(InferenceError, match="no prefix"):
        await inputs.resolve(secret)


async def test_what_is_taken_back_is_not_answered_from_the_cache(make: Make) -> None:
    inputs, secret = make().inputs, {"text": strings(uri("/secret"))}
    inputs.follow(Policy(allow={"text": ["https://h.example/secret"]}))
    await inputs.resolve(secret)
    inputs.follow(Policy())
    with pytest.raises(InferenceError, match="no prefix"):
        await inputs.resolve(secret)


async def test_a_prefix_that_cannot_be_read_takes_no_other_with_it(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = make().inputs
    prefixes = ["https://10.0.0.1/", "https://h.example/secret"]
    inputs.follow(Policy(allow={"text": prefixes}))
    assert (await inputs.resolve({"text": strings(uri("/secret"))}))["text"].tolist() == [b"s"]
    assert "spec.inputs.text.fetch.allow: the prefix 'https://10.0.0.1/'" in caplog.text


def _manifest(*inputs: tuple[str, str]) -> Manifest:
    tensors = tuple(Tensor(name, f"{name}:0", dtype, (-1,)) for name, dtype in inputs)
    return Manifest({"run": Signature(tensors, ())}, "run", {})


async def test_uris_for_an_input_that_takes_no_bytes_are_refused_at_the_start(
    tmp_path: Any,
) -> None:
    manifest = _manifest(("x", "float32"), ("text", "string"))
    with pytest.raises(ArtifactError, match="the inputs text take"):
        open_inputs(tmp_path, manifest, {"x": Allowed(())}, {}, cache_bytes=0, threads=1)


async def test_a_model_without_images_or_uris_needs_nothing(tmp_path: Any) -> None:
    inputs = open_inputs(tmp_path, _manifest(("x", "float32")), {}, {}, cache_bytes=0, threads=1)
    sent = {"x": np.ones(1)}
    assert await inputs.resolve(sent) is sent
    with pytest.raises(InferenceError, match="no prefix"):
        await inputs.resolve({"x": strings(uri("/open/a"))})
    await inputs.close()
