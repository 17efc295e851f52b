import os
import signal
import subprocess
import sys
import time

from musegen.data.pool import parallel
from musegen.music.reading.sandbox import Died


def work(item: int) -> int:
    if item == -1:
        os.kill(os.getpid(), signal.SIGTERM)
    if item == -2:
        list(iter(int, 1))
    if item > 1000:
        time.sleep(item)
    return item * item


def test_results_come_in_order_whatever_the_number_of_workers() -> None:
    items = list(range(50))
    for workers in (1, 2):
        assert list(parallel(work, items, workers=workers)) == [i * i for i in items]


def test_a_worker_that_dies_or_hangs_costs_one_item() -> None:
    items = [*range(20), -1, *range(20), 2000, *range(9), -2]
    results = list(parallel(work, items, workers=2, seconds=0.3))
    died = {i: r.reason for i, r in enumerate(results) if isinstance(r, Died)}
    late = "reading it took longer than 0.3 s"
    assert died == {20: "reading it ended the process", 41: late, 51: late}
    assert [r for r in results if not isinstance(r, Died)] == [i * i for i in items if 0 <= i <= 1000]


def test_it_works_in_a_script_without_a_guard() -> None:
    script = (
        "from musegen.data.pool import parallel; print(sum(parallel(abs, list(range(-50, 0)), workers=2)))"
    )
    for arguments, text in ((["-c", script], None), (["-"], script)):
        done = subprocess.run(
            [sys.executable, *arguments], input=text, capture_output=True, text=True, check=True
        )
        assert (done.stdout, done.stderr) == ("1275\n", "")
