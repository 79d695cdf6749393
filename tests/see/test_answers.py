"""The explorer's answers as HTML."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from st_relbert.see.answers import answer, further, header, word_list
from st_relbert.see.query import ExplorerQuery
from st_relbert.see.views import AnswerTable

TAGS = {"section", "h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "span", "wbr", "a", "meter"}


class Reader(HTMLParser):
    """What a browser makes of HTML: its tags, its links and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.links, self.text = set(), [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.links += [value for name, value in attributes if name == "href"]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("cell", ["known", "<1%", "25%", "-0.30", "<b>1</b>", "nan", "1.2.3", "", "%"])
@pytest.mark.parametrize("column", ["pair", "cosine", "score", "votes"])
def test_a_number_has_a_bar_and_any_other_text_is_shown(column, cell):
    html = answer("Title", AnswerTable(columns=(column,), rows=((cell,),)))
    read = Reader(html)
    assert read.text == f"Title{column}{cell}"
    assert ("meter" in read.tags) == (column != "pair" and cell in ("<1%", "25%", "-0.30"))


def test_bars_are_as_long_as_their_numbers():
    rows = tuple((cell,) for cell in ("<1%", "25%", "0.25", "-0.30", "1.00"))
    html = answer("", AnswerTable(columns=("score",), rows=rows))
    assert list(map(float, re.findall('value="(.*?)"', html))) == [0.01, 0.25, 0.25, 0, 1]


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@given(WORDS, WORDS, WORDS)
@example("</td><script>alert(1)</script>", '"><img src=x onerror="alert(1)">', "&lt;<!--")
def test_any_text_is_shown_as_it_is(first, second, third):
    """A word cannot add a tag, whatever part of the page it is in."""
    link = ExplorerQuery(first, second, third)
    columns = ("relation", "example", "votes")
    view = AnswerTable(second, columns, ((first, second, third),), third, (link,), ((first, second, third, "0.5"),))
    read = Reader(answer(first, view))
    assert read.tags <= TAGS and read.links == [link.link]
    assert read.text == f"{first}{second}{third}{''.join(columns)}{first}{second}{third}"
    read = Reader(further(link, view))
    assert read.tags <= TAGS and read.links[0] == link.link and len(read.links) == 2
    assert Reader(header(first, 1, 1, 1)).tags == {"section", "h1", "p", *(["wbr"] if set(first) & set("/_") else [])}
    words = Reader(word_list([first, second]))
    assert words.tags == {"datalist", "option"} and words.text == first + second
