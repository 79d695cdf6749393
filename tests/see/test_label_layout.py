import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.see.picture import Box, densest_place, place_labels

BOUNDS = Box(50, 50, 100, 100)
PLACES = st.tuples(st.floats(0, 100), st.floats(0, 100))
SIZES = st.tuples(st.floats(1, 30), st.floats(1, 10))


@given(st.lists(st.tuples(PLACES, SIZES), max_size=25))
def test_no_label_overlaps_another_or_sticks_out(labels):
    boxes = place_labels([place for place, _ in labels], [size for _, size in labels], BOUNDS)
    placed = [box for box in boxes if box is not None]
    assert len(boxes) == len(labels)
    for number, box in enumerate(placed):
        assert box.within(BOUNDS)
        assert not any(box.overlaps(other) for other in placed[:number])


def test_a_label_with_room_stands_at_its_place_and_the_next_one_moves():
    first, second = place_labels([(50, 50), (50, 50)], [(20, 5), (20, 5)], BOUNDS)
    assert (first.x, first.y) == (50, 50)
    assert (second.x, second.y) != (50, 50) and abs(second.x - 50) <= 20 and abs(second.y - 50) <= 15


def test_a_label_without_room_is_left_out():
    assert place_labels([(50, 50)], [(200, 5)], BOUNDS) == [None]


def test_the_densest_place_is_among_points_of_the_group():
    rng = np.random.default_rng(0)
    points = np.vstack([rng.normal((0, 0), 0.1, (12, 2)), rng.normal((10, 0), 2, (20, 2))])
    x, y = densest_place(points)
    assert abs(x) < 0.5 and abs(y) < 0.5
    assert densest_place(np.array([[3.0, 4.0]])) == (3.0, 4.0)
