import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_relbert.see import confusion
from tests.see.conftest import grouped, unit_rows


def by_loop(unit, relations):
    """The shares by definition, computed for one pair at a time."""
    names = list(dict.fromkeys(relations))
    counts = {name: dict.fromkeys(names, 0) for name in names}
    for row, own in enumerate(relations):
        cosines = {}
        for name in names:
            others = [unit[other] for other, relation in enumerate(relations) if relation == name and other != row]
            mean = np.mean(others, axis=0) if others else np.zeros(unit.shape[1])
            length = np.linalg.norm(mean)
            cosines[name] = float(unit[row] @ mean / length) if length > 1e-9 else 0.0
        counts[own][max(cosines, key=cosines.get)] += 1
    sizes = {name: relations.count(name) for name in names}
    return np.array([[counts[a][b] / sizes[a] if sizes[a] > 1 else np.nan for b in names] for a in names])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.sampled_from("abcd"), min_size=2, max_size=25))
def test_each_pair_goes_to_the_nearest_mean_of_the_others(seed, relations):
    unit = unit_rows(np.random.default_rng(seed).normal(size=(len(relations), 5)))
    result = confusion(unit, relations)
    np.testing.assert_allclose(result.shares, by_loop(unit.astype(np.float64), relations), atol=1e-9)


def test_distant_groups_are_not_confused():
    result = confusion(*grouped())
    assert result.accuracy == 1 and (result.shares == np.eye(3)).all() and result.most_confused(5) == []


def test_a_pair_is_left_out_of_its_own_prototype():
    """The two pairs of a relation have nothing in common, and each is nearer to the other relation."""
    unit = unit_rows([[1, 0.1], [-1, 0.1], [1, 0], [1, 0.05]])
    result = confusion(unit, ["apart", "apart", "close", "close"])
    assert result.shares[0].tolist() == [0.0, 1.0] or result.shares[0, 1] == 0.5
    assert result.most_confused(1)[0][:2] == ("apart", "close")


def test_relations_with_one_pair_have_no_figures():
    unit, names = grouped(groups=2)
    unit[0] *= -1  # unlike all others
    result = confusion(unit, ["single", *names[1:]])
    assert np.isnan(result.shares[0]).all() and result.accuracy == 1
    assert np.isnan(confusion(unit[:2], ["a", "b"]).accuracy)


def test_equal_prototypes_share_a_pair():
    unit = unit_rows([[1, 0]] * 4)
    np.testing.assert_allclose(confusion(unit, ["a", "a", "b", "b"]).shares, 0.5)


def test_vectors_must_have_length_1():
    with pytest.raises(ValueError, match="do not have length 1"):
        confusion(np.ones((2, 2), np.float32), ["a", "b"])
