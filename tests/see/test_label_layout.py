import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.see.labels import Box, densest_place, find_clouds, place_labels

BOUNDS = Box(50, 50, 100, 100)
PLACES = st.tuples(st.floats(0, 100), st.floats(0, 100))
SIZES = st.tuples(st.floats(1, 30), st.floats(1, 10))


NO_POINTS = np.zeros((0, 2))


@given(st.lists(st.tuples(PLACES, SIZES), max_size=25), st.lists(PLACES, max_size=60))
def test_labels_stay_inside_and_cover_neither_labels_nor_points(labels, points):
    among = np.array(points or NO_POINTS)
    boxes = place_labels([place for place, _ in labels], [size for _, size in labels], BOUNDS, among)
    placed = [box for box in boxes if box is not None]
    assert len(boxes) == len(labels)
    for number, box in enumerate(placed):
        assert box.within(BOUNDS)
        assert not any(box.overlaps(other) for other in placed[:number])
        for x, y in points:
            assert abs(x - box.x) * 2 >= box.width or abs(y - box.y) * 2 >= box.height


def test_the_first_label_is_at_its_anchor_and_the_next_one_moves():
    first, second = place_labels([(50, 50), (50, 50)], [(20, 5), (20, 5)], BOUNDS, NO_POINTS)
    assert (first.x, first.y) == (50, 50)
    assert (second.x, second.y) != (50, 50) and abs(second.x - 50) <= 20 and abs(second.y - 50) <= 15
    (beside,) = place_labels([(50, 50)], [(20, 5)], BOUNDS, np.array([(50.0, 50.0)]))
    assert (beside.x, beside.y) != (50, 50)


def test_a_label_without_room_is_left_out():
    assert place_labels([(50, 50)], [(200, 5)], BOUNDS, NO_POINTS) == [None]


def test_each_cluster_is_a_cloud_labelled_with_its_relation_and_an_example(make_map):
    relation_map = make_map(groups=4)
    clouds = find_clouds(relation_map)
    assert len(clouds) == len(relation_map.clusters) >= 4
    for cloud, cluster in zip(clouds, relation_map.clusters, strict=True):
        assert cloud.name == cluster.relation == relation_map.relations[cloud.row] and cloud.row in cluster.rows


def test_without_clusters_the_groups_are_the_clouds(make_map):
    assert [cloud.name for cloud in find_clouds(make_map(groups=3, size=1))] == [
        "relation 0",
        "relation 1",
        "relation 2",
    ]


def test_the_densest_place_is_among_points_of_the_group():
    rng = np.random.default_rng(0)
    points = np.vstack([rng.normal((0, 0), 0.1, (12, 2)), rng.normal((10, 0), 2, (20, 2))])
    x, y = densest_place(points)
    assert abs(x) < 0.5 and abs(y) < 0.5
    assert densest_place(np.array([[3.0, 4.0]])) == (3.0, 4.0)
