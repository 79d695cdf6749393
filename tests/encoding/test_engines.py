"""The engines give the same rows and vectors, whatever happens to a worker."""

import os
import threading
import time
from functools import partial

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet
import pytest

from st_relbert.encoding import Workers, encode_files, engines
from tests.encoding.writing import cut_short

PAIRS = [(f"word {number}", "x" * (number % 5 + 1)) for number in range(60)]


@pytest.fixture
def pairs(tmp_path):
    for name, rows in (("a", PAIRS[:20]), ("b", PAIRS[20:])):
        table = pa.table({"head": [head for head, _ in rows], "tail": [tail for _, tail in rows]})
        pa.parquet.write_table(table, tmp_path / f"{name}.parquet")
    return str(tmp_path / "*.parquet")


def assert_all_there(model, output):
    table = pa.parquet.read_table(output)
    assert list(zip(table["head"].to_pylist(), table["tail"].to_pylist(), strict=True)) == PAIRS
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), model.encode(PAIRS), atol=1e-6)


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


@pytest.mark.slow
def test_a_pool_of_processes(model, pairs, tmp_path):
    output = str(tmp_path / "out")
    settings = {"engine": "processes", "workers": Workers(2), "block_rows": 7}
    assert encode_files(model, pairs, output, show_progress_bar=False, **settings) == 60
    assert_all_there(model, output)


class SlowEncode(partial):
    """Gives the test time to kill a worker. It runs in a worker's own process, which the test cannot patch."""

    def __call__(self, pairs):
        time.sleep(0.5)
        return super().__call__(pairs)


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_a_ray_cluster_resumes_a_single_process_and_survives_a_killed_worker(model, pairs, tmp_path, monkeypatch):
    path, output = pairs, tmp_path / "out"
    cut_short(model, path, str(output), after=3, block_rows=7)
    assert len(os.listdir(output)) == 7  # three blocks with their records, and the digest of the input
    before, killed = _times(output), []
    monkeypatch.setattr(engines, "partial", SlowEncode)

    def kill():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(_times(output)) < 5:
            time.sleep(0.05)
        worker = next(process for process in psutil.process_iter() if "MapWorker" in "".join(process.cmdline()))
        worker.kill()
        killed.append(len(_times(output)))

    thread = threading.Thread(target=kill)
    thread.start()
    settings = {"engine": "ray", "workers": Workers(2), "block_rows": 7}
    assert encode_files(model, path, str(output), show_progress_bar=False, **settings) == 60
    thread.join()
    assert killed and killed[0] < 9  # while work was left
    assert_all_there(model, str(output))
    assert len(before) == 3 and before.items() <= _times(output).items()


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_more_workers_than_the_cluster_has_room_for(model, pairs, tmp_path):
    with pytest.raises(ValueError, match="The cluster has 2 CPUs and 0 GPUs, expected 1 and 0 for each of 3 workers"):
        encode_files(model, pairs, str(tmp_path / "out"), engine="ray", workers=Workers(3), show_progress_bar=False)


def _times(folder):
    """When each block was written."""
    names = [name for name in os.listdir(folder) if name.endswith(".parquet")]
    return {name: os.stat(os.path.join(folder, name)).st_mtime_ns for name in names}


def test_a_gpu_for_each_process(model, pairs, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(ValueError, match="There are 3 workers, expected at most one per GPU .2."):
        encode_files(model, pairs, str(tmp_path / "out"), engine="processes", workers=Workers(3))
    devices = []
    monkeypatch.setattr(model, "start_multi_process_pool", lambda names: devices.append(names) or {"processes": []})
    monkeypatch.setattr(model, "stop_multi_process_pool", lambda pool: None)
    monkeypatch.setattr(model, "encode", lambda batch, **kwargs: np.zeros((len(batch), 16), np.float32))
    encode_files(model, pairs, str(tmp_path / "out"), engine="processes", show_progress_bar=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    encode_files(model, pairs, str(tmp_path / "on"), engine="processes", workers=Workers(3), show_progress_bar=False)
    assert devices == [["cuda:0", "cuda:1"], ["cpu"] * 3]
