"""Slots from the CPU share of the container."""

from __future__ import annotations

from pathlib import Path

import pytest

from frazil_runtime.cgroup import cpu_quota, slots, v1_path, v2_path


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
    assert v1_path(HOST_V1) == "/kubepods/pod1/c1"
    assert v2_path(HOST_V1) == "/unified"
    assert v1_path("") == v2_path("") == "/"


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
    (tmp_path / "membership").write_text(membership)
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert cpu_quota(tmp_path / "cgroup", tmp_path / "membership") == expected
