import json
import re

import pytest

from st_relbert.see import render_html

NASTY = ("</script><script>alert(1)</script>", "<!-- %%DATA%% & \u2028 </title>")


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_contains_the_pairs_and_loads_nothing(make_map):
    relation_map = make_map()
    page = render_html(relation_map)
    data = data_of(page)
    assert [tuple(pair) for pair in data["pairs"]] == relation_map.pairs
    assert [data["relations"][index] for index in data["relationOf"]] == relation_map.relations
    assert data["points"] == relation_map.points.round(3).tolist()
    assert data["clouds"] and all(0 <= cloud["row"] < len(data["pairs"]) for cloud in data["clouds"])
    assert sum(group["size"] for group in data["groups"]) == len(relation_map.pairs)
    assert not re.search(r"(src|href)\s*=|@import|url\(|fetch\(|XMLHttpRequest", page)
    assert "default-src 'none'" in page
    assert set(re.findall(r"https?://[^\"' ]+", page)) <= {"http://www.w3.org/2000/svg"}


def test_words_and_titles_are_escaped(make_map):
    page = render_html(make_map(pairs=[NASTY], title=NASTY[0] + NASTY[1]))
    assert data_of(page)["pairs"][0] == list(NASTY)
    assert "alert(1)</script>" not in page
    assert page.count("<script") == page.count("</script>") == 2
    assert page.count("<title>") == page.count("</title>") == 1


def test_the_same_map_gives_the_same_page(make_map):
    assert render_html(make_map()) == render_html(make_map())


@pytest.mark.parametrize("sizes", [{"groups": 1, "size": 1}, {"groups": 3, "size": 1}, {"groups": 70, "size": 2}])
def test_unusual_sizes(make_map, sizes):
    data = data_of(render_html(make_map(**sizes)))
    assert len(data["groups"]) == sizes["groups"]
    assert (data["accuracy"] is None) == (sizes["size"] == 1)
