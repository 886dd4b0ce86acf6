"""What the container is allowed: slots from its CPU share, and the memory below its limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from frazil_runtime.cgroup import cpu_quota, memory_left, slots, v1_path, v2_path


@pytest.mark.parametrize(
    ("quota", "request_", "cores", "expected"),
    [
        pytest.param(2.0, 0, 64, 2, id="a quota of two cores is two slots, whatever the machine"),
        pytest.param(3.9, 0, 64, 3, id="a quota counts in whole cores"),
        pytest.param(0.5, 0, 64, 1, id="half a core is still one slot"),
        pytest.param(2.0, 8, 64, 2, id="a quota comes before a request"),
        pytest.param(None, 1.5, 64, 2, id="without a quota the request counts, rounded up"),
        pytest.param(None, 0, 8, 8, id="without either the machine's cores count"),
    ],
)
def test_slots(quota: float | None, request_: float, cores: int, expected: int) -> None:
    assert slots(quota, request_, cores) == expected


HOST_V1 = "9:name=systemd:/\n4:cpu,cpuacct:/kubepods/pod1/c1\n2:cpuset:/other\n0::/unified\n"


def test_paths_in_proc_self_cgroup() -> None:
    assert v1_path(HOST_V1, "cpu") == "/kubepods/pod1/c1"
    assert v2_path(HOST_V1) == "/unified"
    assert v1_path("", "cpu") == v2_path("") == "/"


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        pytest.param(
            "0::/", {"cpu.max": "150000 100000\n"}, 1.5, id="v2, in a container of its own"
        ),
        pytest.param("0::/", {"cpu.max": "max 100000\n"}, None, id="v2, without a quota"),
        pytest.param(
            "0::/pod/c1",
            {"pod/cpu.max": "100000 100000", "pod/c1/cpu.max": "400000 100000"},
            1.0,
            id="v2, the pod's quota is tighter than the container's",
        ),
        pytest.param(
            "4:cpu:/",
            {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            2.0,
            id="v1",
        ),
        pytest.param(
            "4:cpu:/",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            None,
            id="v1, without a quota",
        ),
        pytest.param(
            HOST_V1,
            {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"},
            0.5,
            id="v1, the path names what only the host can see",
        ),
        pytest.param("", {}, None, id="no cgroups at all"),
    ],
)
def test_cpu_quota(
    tmp_path: Path, membership: str, files: dict[str, str], expected: float | None
) -> None:
    assert cpu_quota(*cgroup(tmp_path, membership, files)) == expected


V2 = "anon 300\nfile 5000\nshmem 20\ninactive_file 4000\n"
V1 = "cache 5000\nrss 1\nshmem 1\ntotal_cache 5000\ntotal_rss 300\ntotal_shmem 20\n"


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        pytest.param(
            "0::/", {"memory.max": "1000\n", "memory.stat": V2}, 680, id="v2: files are not held"
        ),
        pytest.param(
            "0::/", {"memory.max": "max\n", "memory.stat": V2}, None, id="v2, without a limit"
        ),
        pytest.param(
            "0::/pod/c1",
            {
                "pod/memory.max": "700",
                "pod/memory.stat": "anon 600",
                "pod/c1/memory.max": "1000",
                "pod/c1/memory.stat": V2,
            },
            100,
            id="v2, there is less left to the pod than to the container",
        ),
        pytest.param(
            "0::/", {"memory.max": "100", "memory.stat": V2}, 0, id="more is held than may be"
        ),
        pytest.param(
            "4:memory:/",
            {"memory/memory.limit_in_bytes": "1000\n", "memory/memory.stat": V1},
            680,
            id="v1",
        ),
        pytest.param(
            "4:memory:/",
            {"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.stat": V1},
            None,
            id="v1, without a limit",
        ),
        pytest.param("", {}, None, id="no cgroups at all"),
    ],
)
def test_memory_left(
    tmp_path: Path, membership: str, files: dict[str, str], expected: int | None
) -> None:
    assert memory_left(*cgroup(tmp_path, membership, files)) == expected


def cgroup(folder: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    """The root of the hierarchies, and the file that says where in them a process is."""
    (folder / "membership").write_text(membership)
    for name, text in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "cgroup", folder / "membership"
