import sys
from dataclasses import replace

import numpy as np
import pytest

from st_relbert.environment import MissingExtraError

pytest.importorskip("matplotlib")
from matplotlib.backends.backend_agg import FigureCanvasAgg

from st_relbert.see import picture


def label_boxes(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    return [text.get_bbox_patch().get_window_extent(canvas.get_renderer()) for text in texts], figure.axes[0]


def test_group_names_are_on_the_map_and_do_not_overlap(make_map):
    relation_map = make_map(groups=12, size=6, noise=0.4)  # close together
    boxes, axes = label_boxes(picture.draw_map(relation_map))
    assert len(boxes) >= 10
    area = axes.get_window_extent()
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert area.x0 - 1 <= box.x0 and box.x1 <= area.x1 + 1 and area.y0 - 1 <= box.y0 and box.y1 <= area.y1 + 1


def test_names_of_distant_groups_are_all_shown(make_map):
    relation_map = make_map(groups=6)
    boxes, _ = label_boxes(picture.draw_map(relation_map))
    assert len(boxes) == 6


def test_the_legend_names_all_groups(make_map):
    """Those of WordNet's graphs begin with "_", which hides a label in matplotlib."""
    plain = make_map(groups=4)
    names = dict(zip(plain.group_sizes, ["_hypernym", "$x$", "a", "_"], strict=True))
    groups = [names[group] for group in plain.groups]
    figure = picture.draw_map(replace(plain, groups=groups, relations=groups, clusters=[]))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(names.values())


def test_the_heat_map_shows_the_shares(make_map):
    relation_map = make_map(noise=0.6)
    figure = picture.draw_confusion(relation_map)
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(np.asarray(shown), relation_map.confusion.shares)


@pytest.mark.parametrize("sizes", [{"groups": 1, "size": 1}, {"groups": 90, "size": 1}, {"groups": 2, "size": 3}])
def test_pictures_of_unusual_sizes_are_written(make_map, tmp_path, sizes):
    relation_map = make_map(pairs=[("$x$", "\\frac")], title="$100 and _ & ^", **sizes)
    for number, draw in enumerate((picture.draw_map, picture.draw_confusion)):
        path = tmp_path / f"{number}.png"
        picture.save_picture(draw(relation_map), path)
        assert path.read_bytes().startswith(b"\x89PNG")
        again = tmp_path / "again.png"
        picture.save_picture(draw(relation_map), again)
        assert again.read_bytes() == path.read_bytes()


def test_global_state_is_not_changed(make_map, monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)  # because other libraries load it
    picture.draw_map(make_map())
    assert "matplotlib.pyplot" not in sys.modules


def test_the_error_without_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'st-relbert\[plot\]'"):
        picture.check_matplotlib()
