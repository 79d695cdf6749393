import itertools
import math
from collections import Counter

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from st_relbert.data import RelationSet, load_relations
from st_relbert.training import RelationBatchSampler, group_relations


def dataset_of(sizes, negatives=0, shared=0):
    """Relations of the given sizes; the first ``shared`` pairs are the same in all of them."""
    records = [
        {
            "relation_type": str(index),
            "positives": [[f"h{'' if row < shared else index}-{row}", "t"] for row in range(size)],
            "negatives": [[f"n{index}-{row}", "t"] for row in range(negatives)],
        }
        for index, size in enumerate(sizes)
    ]
    return RelationSet.from_records(records).dataset()


def anchors(dataset, batch):
    """How many pairs of each relation a batch contains."""
    return Counter(dataset[row]["label"] for row in batch if dataset[row]["label"] >= 0)


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=8).filter(lambda sizes: max(sizes) > 1),
    negatives=st.integers(0, 3),
    relations_per_batch=st.integers(2, 10),
    pairs_per_relation=st.integers(2, 5),
    negatives_per_relation=st.integers(0, 3),
    augment=st.booleans(),
    shared=st.integers(0, 2),
)
def test_every_batch_is_usable_and_every_positive_is_used(
    sizes, negatives, relations_per_batch, pairs_per_relation, negatives_per_relation, augment, shared
):
    dataset = dataset_of(sizes, negatives, shared)
    sampler = RelationBatchSampler(
        dataset,
        relations_per_batch=relations_per_batch,
        pairs_per_relation=pairs_per_relation,
        negatives_per_relation=negatives_per_relation,
        augment_negatives=augment,
    )
    batches = list(sampler)
    assert len(batches) == len(sampler)
    used = {row for batch in batches for row in batch}
    assert {row for row, label in enumerate(dataset["label"]) if label >= 0} <= used
    for batch in batches:
        assert len(batch) == len(set(batch))
        counts = anchors(dataset, batch)
        assert max(counts.values()) >= 2
        assert len(counts) >= 2 or any(dataset[row]["label"] < 0 for row in batch)


def test_batches_have_the_requested_size():
    dataset = dataset_of([12] * 10, negatives=5)
    sampler = RelationBatchSampler(dataset, relations_per_batch=5, pairs_per_relation=4, negatives_per_relation=2)
    assert len(sampler) == 6  # 10 relations in 3 groups each, 5 groups a batch
    for batch in sampler:
        assert sorted(anchors(dataset, batch).values()) == [4] * 5
        assert len(batch) == 5 * (4 + 2)


@pytest.mark.parametrize(
    ("exponent", "expected"),
    [(1.0, {0: 40, 1: 4, 2: 4, 3: 4}), (0.5, {0: 12, 1: 4, 2: 4, 3: 4}), (0.0, {0: 4, 1: 4, 2: 4, 3: 4})],
)
def test_the_size_exponent_weighs_relations(exponent, expected):
    """Relations of 40, 4, 4 and 4 pairs: 10 groups and 1, 1, 1."""
    dataset = dataset_of([40, 4, 4, 4])
    sampler = RelationBatchSampler(dataset, relations_per_batch=4, pairs_per_relation=4, size_exponent=exponent)
    batches = list(sampler)
    assert len(batches) == len(sampler) == expected[0] // 4
    # When only the large relation has pairs left, other relations are drawn again to fill the batch.
    used = {row for batch in batches for row in batch}
    assert Counter(dataset[row]["label"] for row in used) == expected
    sampler.set_epoch(1)
    assert (exponent == 1.0) == ({row for batch in sampler for row in batch} == used)


WEIGHTS = [2.0, 0.5, 1.5, *[1.0] * 8]  # 12 in all, of 11 relations


@pytest.mark.parametrize(
    ("size", "arguments"),
    [
        (4, {"relations_per_batch": 3}),
        (40, {"relations_per_batch": 3, "size_exponent": 0.0}),
        (8, {"relations_per_batch": 3}),
        (40, {"relations_per_batch": 3, "size_exponent": 0.5}),
        (4, {"relations_per_batch": 1, "negatives_per_relation": 1}),
    ],
)
def test_relations_are_drawn_in_proportion_to_their_weights(size, arguments):
    dataset = dataset_of([size] * 11, negatives=1)
    sampler = RelationBatchSampler(dataset, pairs_per_relation=4, weights=WEIGHTS, **arguments)
    groups = {4: 1, 8: 2, 40: 1 if arguments.get("size_exponent") == 0 else 3}[size]
    assert len(sampler) == 12 * groups // arguments["relations_per_batch"]
    labels = dataset["label"][:]
    drawn = []
    for epoch in range(200):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        drawn.append(Counter(label for batch in batches for label in {labels[row] for row in batch} if label >= 0))
    for label, weight in enumerate(WEIGHTS):
        counts = {epoch[label] for epoch in drawn}
        assert counts == {math.floor(weight * groups), math.ceil(weight * groups)}, label
        mean = sum(epoch[label] for epoch in drawn) / len(drawn)
        # Five standard deviations of 200 draws with probability one half.
        assert abs(mean - weight * groups) < 0.18, label
    used = {row for batch in batches for row in batch if labels[row] == 0}
    assert len(used) == min(size, 4 * 2 * groups)  # different pairs each time, while any are left


def test_relations_that_ran_out_are_drawn_again_by_weight():
    """A large relation fills many batches, for which the other relations are drawn again."""
    dataset = dataset_of([400, 4, 4, 4, 4])
    sampler = RelationBatchSampler(dataset, relations_per_batch=2, pairs_per_relation=4, weights=[1, 3, 1, 1, 1])
    drawn = Counter(label for batch in sampler for label in anchors(dataset, batch))
    assert len(sampler) == drawn[0] == 100 and sum(drawn.values()) == 200
    assert 35 < drawn[1] < 65 and all(8 < drawn[label] < 27 for label in (2, 3, 4))  # half and a sixth of 100


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=6).filter(lambda sizes: max(sizes) > 1),
    relations_per_batch=st.integers(2, 7),
    exponent=st.sampled_from([0.0, 0.5, 1.0]),
    data=st.data(),
)
def test_every_batch_is_usable_with_weights(sizes, relations_per_batch, exponent, data):
    weights = data.draw(st.lists(st.floats(1e-6, 4), min_size=len(sizes), max_size=len(sizes)))
    dataset = dataset_of(sizes)
    arguments = {"relations_per_batch": relations_per_batch, "pairs_per_relation": 3, "size_exponent": exponent}
    sampler, same = (RelationBatchSampler(dataset, weights=weights, **arguments) for _ in range(2))
    batches = list(sampler)
    assert len(batches) == len(sampler) >= 1 and batches == list(same)
    for batch in batches:
        counts = anchors(dataset, batch)
        assert len(batch) == len(set(batch)) and max(counts.values()) >= 2 and len(counts) >= 2
    alike = RelationBatchSampler(dataset, weights=[1] * len(sizes), **arguments)
    assert list(alike) == list(RelationBatchSampler(dataset, **arguments))


def test_one_relation_per_step_equals_the_relbert_library():
    """As in the relbert library: up to 10 positives of one relation, negatives from its own and all other positives."""
    dataset = dataset_of([8, 8, 8], negatives=3)
    sampler = RelationBatchSampler(
        dataset, relations_per_batch=1, pairs_per_relation=10, negatives_per_relation=400, augment_negatives=True
    )
    assert len(sampler) == len(RelationBatchSampler(dataset, relations_per_batch=1, negatives_per_relation=1)) == 3
    seen = []
    for batch in sampler:
        relation = dataset[batch[0]]["label"]  # the loss's anchors="first" looks here
        seen.append(relation)
        assert [dataset[row]["label"] for row in batch[:8]] == [relation] * 8
        rest = Counter(dataset[row]["label"] for row in batch[8:])
        assert rest == {-1 - relation: 3} | {other: 8 for other in range(3) if other != relation}
        own = {dataset[row]["pair"][0] for row in batch if dataset[row]["label"] < 0}
        assert own == {f"n{relation}-{row}" for row in range(3)}
    assert sorted(seen) == [0, 1, 2]


def test_a_shuffled_dataset_gives_batches_of_the_same_structure():
    dataset = dataset_of([8, 8, 8], negatives=3).shuffle(seed=0)
    sampler = RelationBatchSampler(dataset, relations_per_batch=1, pairs_per_relation=8, negatives_per_relation=100)
    for batch in sampler:
        relation = dataset[batch[0]]["label"]
        assert Counter(dataset[row]["label"] for row in batch) == {relation: 8, -1 - relation: 3}


@settings(deadline=None, max_examples=30)
@given(processes=st.integers(2, 4), shared=st.integers(0, 2), seed=st.integers(0, 3))
def test_processes_share_the_batches_of_a_single_process(processes, shared, seed):
    dataset = dataset_of([5, 7, 9], negatives=2, shared=shared)
    arguments = {"seed": seed, "relations_per_batch": 2, "pairs_per_relation": 3, "negatives_per_relation": 1}
    alone, sampler = (RelationBatchSampler(dataset, **arguments) for _ in range(2))
    sampler.processes = processes
    shares = list(sampler)
    assert len(shares) == len(sampler) == processes * len(alone)
    for step, batch in enumerate(alone):
        dealt = shares[step * processes : (step + 1) * processes]
        assert [row for share in dealt for row in share] == batch  # none is lost or repeated
        assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


def test_a_pair_is_a_negative_at_most_once_per_step():
    """Parents contain the pairs of their relations once more."""
    records = [
        {"relation_type": name, "positives": [[f"{name}{row}", "t"] for row in range(4)]}
        for name in ("a/x", "a/y", "b/z")
    ]
    relations = RelationSet.from_records(records).with_parents()
    dataset = relations.dataset()
    sampler = RelationBatchSampler(
        dataset, relations_per_batch=1, pairs_per_relation=10, negatives_per_relation=400, augment_negatives=True
    )
    assert len(sampler) == 5
    for batch in sampler:
        pairs = [tuple(dataset[row]["pair"]) for row in batch]
        assert len(set(pairs)) == len(pairs) == 12
        name = relations.names[dataset[batch[0]]["label"]]
        assert {pair[0][: len(name)] for pair in pairs[: 8 if name == "a/" else 4]} == {name}


def test_the_number_of_negatives_is_a_maximum():
    dataset = dataset_of([8, 8, 8], negatives=3)
    sampler = RelationBatchSampler(
        dataset, relations_per_batch=1, pairs_per_relation=8, negatives_per_relation=5, augment_negatives=True
    )
    assert {len(batch) for batch in sampler} == {8 + 5}


def test_a_batch_includes_the_other_labels_of_its_pairs():
    dataset = dataset_of([2, 2], shared=1)
    rows = {tuple(pair): [] for pair in dataset["pair"]}
    for row, pair in enumerate(dataset["pair"]):
        rows[tuple(pair)].append(row)
    shared = next(rows_of_pair for rows_of_pair in rows.values() if len(rows_of_pair) == 2)
    for batch in RelationBatchSampler(dataset, relations_per_batch=2, pairs_per_relation=2):
        assert set(shared) <= set(batch)


def test_seed_and_epoch_determine_the_batches():
    dataset = dataset_of([6] * 6)
    sampler, same = (RelationBatchSampler(dataset, seed=1, relations_per_batch=2) for _ in range(2))
    assert list(sampler) == list(sampler) == list(same)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(RelationBatchSampler(dataset, seed=2, relations_per_batch=2)) != first


def test_batches_of_the_starter_relations():
    sampler = RelationBatchSampler(load_relations("starter"), relations_per_batch=32, pairs_per_relation=4)
    assert len(sampler) == 8  # 61 relations of 14 pairs, in 4 groups each


@pytest.mark.parametrize(
    ("sizes", "arguments", "message"),
    [
        ([3, 3], {"relations_per_batch": 0}, "relations_per_batch is 0, expected a whole number of at least 1"),
        ([3, 3], {"pairs_per_relation": 1}, "pairs_per_relation is 1, expected a whole number of at least 2"),
        ([3, 3], {"negatives_per_relation": -1}, "negatives_per_relation is -1, expected a whole number of at least 0"),
        ([3, 3], {"relations_per_batch": 2.5}, "relations_per_batch is 2.5, expected a whole number of at least 1"),
        ([3, 3], {"pairs_per_relation": None}, "pairs_per_relation is None, expected a whole number of at least 2"),
        ([3, 3], {"negatives_per_relation": True}, "negatives_per_relation is True, expected a whole number"),
        ([3, 3], {"size_exponent": 1.5}, "size_exponent is 1.5, expected a number from 0 to 1"),
        ([3, 3], {"size_exponent": float("nan")}, "size_exponent is nan"),
        (
            [3, 3],
            {"weights": [1]},
            "Got 1 weight, but the dataset has the label 1. Pass a weight for each",
        ),
        ([3, 3], {"weights": [1, 0]}, "weight of the relation 1 is 0, expected a number above 0 and at most 1,000"),
        ([3, 3], {"weights": [float("nan"), 1]}, "weight of the relation 0 is nan"),
        ([1, 1], {}, "No relation has two positive pairs"),
        ([3, 3], {"relations_per_batch": 1}, "every relation needs negatives"),
        ([3, 3], {"relations_per_batch": 1, "negatives_per_relation": 4}, "2 of 2 have none of their own"),
    ],
)
def test_impossible_settings_are_refused(sizes, arguments, message):
    with pytest.raises(ValueError, match=message):
        RelationBatchSampler(dataset_of(sizes), **arguments)


@pytest.mark.parametrize("name", ["words", "pair_ids", "a b"])
def test_the_column_of_pairs_may_have_any_name(name):
    dataset = dataset_of([4, 4], negatives=1)
    plain, renamed = (
        list(RelationBatchSampler(data, relations_per_batch=2, negatives_per_relation=1))
        for data in (dataset, dataset.rename_column("pair", name))
    )
    assert plain == renamed


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"pair": [["a", "b"]] * 2}, "has the columns pair, expected one column of pairs, .* and one of labels"),
        ({"pair": [["a", "b"]] * 2, "label": [0, 0], "x": "ab"}, "columns pair, label, x, expected .*select_columns"),
        ({"label": [0, 0]}, "has the columns label, expected"),
        ({"pair": [["a", "b"]] * 2, "label": ["y", "y"]}, "'label' contains 'y', expected integer labels"),
        ({"pair": ["ab", "cd"], "label": [0, 0]}, "row of 'pair' 0 is the string 'ab'"),
    ],
)
def test_datasets_without_pairs_and_labels_are_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        RelationBatchSampler(Dataset.from_dict({name: list(values) for name, values in columns.items()}))


@settings(deadline=None, max_examples=20)
@given(buffer_size=st.integers(20, 60), size=st.integers(1, 5), seed=st.integers(0, 2))
def test_a_stream_is_grouped_and_keeps_its_rows(buffer_size, size, seed):
    dataset = dataset_of([7, 1, 9, 12], negatives=2).shuffle(seed=seed)
    stream = group_relations(dataset.to_iterable_dataset(), pairs_per_relation=size, buffer_size=buffer_size, seed=seed)
    rows = [(tuple(row["pair"]), row["label"]) for row in stream]
    expected = [(tuple(row["pair"]), row["label"]) for row in dataset]
    assert sorted(rows) == sorted(expected)
    assert stream.features == dataset.features
    lengths = [len(list(run)) for _, run in itertools.groupby(label for _, label in rows[:buffer_size])]
    if size > 1:
        assert max(lengths) > 1


@pytest.mark.parametrize(
    ("labels", "arguments", "message"),
    [
        ([0, 0, 1], {"pairs_per_relation": 0}, "pairs_per_relation is 0, expected a positive whole number"),
        ([0, 0, 1], {"buffer_size": -1}, "buffer_size is -1, expected a positive whole number"),
        ([0, None, 1], {}, "The column 'label' contains None, expected integer labels"),
        (["a", "a", "b"], {}, "The column 'label' contains 'a', expected integer labels"),
    ],
)
def test_streams_that_cannot_be_grouped_are_refused(labels, arguments, message):
    stream = Dataset.from_dict({"pair": [["a", "b"]] * 3, "label": labels}).to_iterable_dataset()
    with pytest.raises(ValueError, match=message):
        list(group_relations(stream, **arguments))
    with pytest.raises(ValueError, match="has the columns pair, relation, expected one called 'label'"):
        group_relations(stream.rename_column("label", "relation"))


def test_weights_may_be_an_array():
    dataset = dataset_of([4, 4, 4])
    given, same = (
        RelationBatchSampler(dataset, relations_per_batch=2, weights=w) for w in (np.arange(1, 4), [1, 2, 3])
    )
    assert list(given) == list(same)


def test_a_grouped_stream_gives_usable_batches():
    stream = group_relations(dataset_of([16] * 8).to_iterable_dataset(), pairs_per_relation=4)
    for batch in stream.batch(16):
        assert len(set(batch["label"])) > 1 and set(Counter(batch["label"]).values()) <= {4, 8, 12}
