import pytest

from st_relbert.encoding import Workers


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


@pytest.mark.parametrize("numbers", [{"count": 0}, {"cpus": 0}, {"gpus": -1}])
def test_invalid_numbers_are_refused(numbers):
    with pytest.raises(ValueError, match="expected"):
        Workers(**numbers)
