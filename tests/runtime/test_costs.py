"""What runs are expected to cost, and what follows for their size and their place."""

from __future__ import annotations

import pytest

from frazil_runtime.costs import CLASSES, MISS_SECONDS, QUICK_SECONDS, Costs

KEY = (("m", "run"), ((3,),))


def costs(*seconds: float) -> Costs:
    """Of a model whose warm-up took so long at 1, 2, 4 … rows."""
    table = Costs(32)
    table.seed(KEY, {1 << n: each for n, each in enumerate(seconds)})
    return table


@pytest.mark.parametrize(
    ("milliseconds", "best"),
    [
        pytest.param([0.020, 0.021, 0.022, 0.025, 0.030, 0.040], 32, id="a small dense model"),
        pytest.param(
            [0.024, 0.026, 0.090, 0.180, 0.360, 0.720], 16, id="what is quick stays quick"
        ),
        pytest.param([2.4, 3.8, 7.6, 14.0], 2, id="two rows gain, four do not"),
        pytest.param([10.0, 18.5], 1, id="a tenth a doubling is the least gain"),
        pytest.param([0.020, 0.040, 0.080], 4, id="what a run costs besides its rows counts, too"),
        pytest.param([4.0, 6.0, 9.0, 15.0], 4, id="no run is expected to take longer than 10 ms"),
        pytest.param([50.0, 51.0], 1, id="single rows may"),
    ],
)
def test_batches_grow_while_it_pays(milliseconds: list[float], best: int) -> None:
    assert costs(*(each / 1000 for each in milliseconds)).of(KEY).best == best


def test_rows_cost_what_their_runs_cost() -> None:
    table = costs(1.0e-3, 1.2e-3, 2.0e-3, 3.0e-3, 5.8e-3)
    assert table.of(KEY).best == 8
    assert table.of(KEY).expected(1) == pytest.approx(1.0e-3)
    assert table.of(KEY).expected(13) == pytest.approx(3.0e-3 + 2.0e-3 + 1.0e-3)
    assert table.of(KEY).expected(0) == 0


def test_runs_move_the_average() -> None:
    table = costs(1.0)
    for _ in range(200):
        table.of(KEY).observe(1, wall=2.0, cpu=2.0)
    assert table.of(KEY).expected(1) == pytest.approx(2.0, rel=0.01)


def test_a_shape_not_seen_yet_costs_what_the_warm_up_did() -> None:
    table = costs(1.0)
    other = (("m", "run"), ((9,),))
    table.of(KEY).observe(1, wall=5.0, cpu=5.0)
    assert table.of(other).expected(1) == 1.0
    assert table.of((("m", "unknown"), None)).expected(1) == 0


def test_what_is_quick_stays_so_until_more_than_one_in_a_hundred_is_not() -> None:
    table = costs(QUICK_SECONDS / 2)
    assert table.of(KEY).quick
    for every, quick in ((200, True), (20, False), (1000, True)):
        for run in range(4000):
            cpu = 2 * MISS_SECONDS if run % every == 0 else QUICK_SECONDS / 2
            table.of(KEY).observe(1, wall=QUICK_SECONDS / 2, cpu=cpu)
        assert table.of(KEY).quick is quick


def test_what_has_become_slow_is_not_quick() -> None:
    table = costs(QUICK_SECONDS / 2)
    for _ in range(100):
        table.of(KEY).observe(1, wall=QUICK_SECONDS * 2, cpu=QUICK_SECONDS * 2)
    assert not table.of(KEY).quick


def test_a_shape_not_seen_yet_is_not_quick_until_it_has_run_for_a_while() -> None:
    table = costs(QUICK_SECONDS / 2)
    longer = table.of((("m", "run"), ((100_000,),)))
    assert not longer.quick
    for _ in range(64):
        longer.observe(1, wall=QUICK_SECONDS / 2, cpu=QUICK_SECONDS / 2)
    assert longer.quick


def observe(table: Costs, seconds: float, runs: int) -> int:
    """Runs of as many rows as is best each time, that cost 10 µs a row besides; which that is."""
    for _ in range(runs):
        cost = table.of(KEY)
        taken = seconds + cost.best * 10e-6
        cost.observe(cost.best, wall=taken, cpu=taken)
    return table.of(KEY).best


@pytest.mark.parametrize(
    "warmed_up",
    [
        pytest.param([1.2e-3, 2.6e-3], id="a row was slow, and two gained nothing"),
        pytest.param([3e-3, 20e-3], id="two rows took too long, and four were not tried"),
        pytest.param([30e-3], id="a row took too long, and two were not tried"),
        pytest.param([30e-6, 32e-6, 2e-3, 4e-3, 8e-3, 16e-3], id="four rows were slow"),
    ],
)
def test_a_disturbance_at_the_warm_up_is_forgotten(warmed_up: list[float]) -> None:
    table = costs(*warmed_up)
    assert table.of(KEY).best < 32
    for _ in range(40):
        observe(table, 30e-6, 640)
        table.of(KEY).observe(1, wall=40e-6, cpu=40e-6)  # now and then one comes alone
    cost = table.of(KEY)
    assert (cost.best, cost.quick) == (32, True)


def test_large_batches_on_a_thread_do_not_keep_a_class_from_being_quick_again() -> None:
    table = costs(*[rows * 1e-4 + 3e-4 for rows in (1, 2, 4, 8, 16, 32)])
    assert table.of(KEY).best == 32
    for _ in range(4000):
        table.of(KEY).observe(32, wall=3.5e-3, cpu=3.5e-3)
    for _ in range(64):
        table.of(KEY).observe(1, wall=5e-5, cpu=5e-5)
    assert table.of(KEY).quick


def test_a_size_that_gains_nothing_is_seldom_tried() -> None:
    table = costs(3e-3, 6e-3)
    tried = 0
    for _ in range(6400):
        rows = table.of(KEY).best
        tried += rows > 1
        table.of(KEY).observe(rows, wall=rows * 3e-3, cpu=rows * 3e-3)
    assert 0 < tried < 6400 / 3


@pytest.mark.parametrize(
    ("seconds", "keeps"),
    [
        pytest.param([1.0, 1.1, 0.9, 1.9, 0.6], True, id="as it goes up and down"),
        pytest.param([2.1], False, id="when it has doubled for good"),
        pytest.param([0.45], False, id="when it has halved for good"),
    ],
)
def test_the_size_stays_while_the_cost_moves(seconds: list[float], keeps: bool) -> None:
    cost = costs(1.0).of(KEY)
    before = cost.size(1)
    for run in range(640):
        taken = seconds[run % len(seconds)]
        cost.observe(1, wall=taken, cpu=taken)
    assert cost.expected(1) != 1.0
    assert (cost.size(1) == before) is keeps


def test_what_was_never_warmed_up_is_not_quick() -> None:
    assert not Costs(32).of(KEY).quick


def test_shapes_that_clients_think_of_are_forgotten_in_time() -> None:
    table = costs(1.0)
    table.of(KEY).observe(1, wall=9.0, cpu=9.0)
    for size in range(CLASSES):
        table.of((("m", "run"), ((size, size),))).expected(1)
    assert table.of(KEY).expected(1) == 1.0


def test_the_largest_is_a_full_batch_of_the_costliest_signature() -> None:
    table = costs(1.0, 2.0)
    assert table.largest == 32 * 1.0
    table.seed((("n", "whole"), None), {1: 3.0})  # never run but alone
    assert table.largest == 32 * 1.0
    table.seed((("n", "run"), None), {1: 3.0, 2: 6.0})
    assert table.largest == 32 * 3.0
    assert Costs(32).largest == 0
