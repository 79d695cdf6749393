import pytest

from st_relbert.encoding import Workers, encode_files


def test_workers_fill_a_cluster():
    assert Workers().on({"CPU": 8}) == 8
    assert Workers(cpus=4).on({"CPU": 10}) == 2
    assert Workers(cpus=1, gpus=0.5).on({"CPU": 16, "GPU": 2}) == 4
    assert Workers(3).on({"CPU": 8}) == 3


def test_too_many_workers_are_refused():
    with pytest.raises(ValueError, match="has 2 CPUs and 0 GPUs, expected 1 and 0 for each of 3 workers"):
        Workers(3).on({"CPU": 2})
    with pytest.raises(ValueError, match="expected 1 and 1 for each of 1 workers"):
        Workers(gpus=1).on({"CPU": 2})


@pytest.mark.parametrize(
    ("engine", "numbers", "message"),
    [
        ("one", {"count": 7}, "'one', so workers 7 would have no effect. Choose the engine processes or ray"),
        ("one", {"gpus": 3}, "gpus 3 would have no effect"),
        (
            "processes",
            {"count": 2, "cpus": 0.5},
            "'processes', so cpus 0.5 would have no effect. Choose the engine ray",
        ),
    ],
)
def test_numbers_that_an_engine_would_ignore_are_refused(tmp_path, engine, numbers, message):
    with pytest.raises(ValueError, match=message):
        encode_files(None, "pairs.csv", str(tmp_path / "out"), engine=engine, workers=Workers(**numbers))


@pytest.mark.parametrize(
    "numbers",
    [
        {"count": 0},
        {"cpus": 0},
        {"gpus": -1},
        {"cpus": float("nan")},
        {"gpus": float("nan")},
        {"cpus": float("inf")},
        {"gpus": float("inf")},
    ],
)
def test_invalid_numbers_are_refused(numbers):
    with pytest.raises(ValueError, match="expected"):
        Workers(**numbers)
