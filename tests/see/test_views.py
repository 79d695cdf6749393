import logging
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.search import AnalogyCompleter, RelationIndex, relation_labels
from st_relbert.see.answers import as_csv
from st_relbert.see.query import ExplorerQuery
from st_relbert.see.views import AnswerTable, Explorer, relation_title
from tests.see.conftest import TAG, TEMPLATE


@pytest.fixture(scope="module")
def explorer(index):
    return Explorer(index)


def answers(explorer, question):
    return [explorer.neighbours(question), explorer.completions(question), explorer.labels(question)]


def column(view, name):
    return [row[view.columns.index(name)] for row in view.rows]


def test_neighbours_are_those_of_the_index(explorer, index):
    view = explorer.neighbours(ExplorerQuery("Berlin", "Germany"))
    hits = index.search(("Berlin", "Germany"))
    assert column(view, "pair") == [f"{hit.head} : {hit.tail}" for hit in hits] and len(hits) == 6
    assert column(view, "cosine") == [f"{hit.score:.2f}" for hit in hits]
    assert column(view, "relation") == [relation_title(hit.relation or "") for hit in hits] and "" in column(
        view, "relation"
    )
    assert view.caption == "related as Berlin is to Germany"


def test_neighbours_can_be_limited_to_a_relation_and_to_other_words(explorer):
    question = ExplorerQuery("tokyo", "Japan", relation="capital")
    assert len(explorer.neighbours(question).rows) == 3
    others = explorer.neighbours(question._replace(other_words=True))
    assert sorted(column(others, "pair")) == ["Paris : France", "Rome : Italy"]
    assert explorer.neighbours(question._replace(relation="no' such")) == AnswerTable(
        "related as tokyo is to Japan", message="Nothing found."
    )


def test_completions_are_those_of_the_completer(explorer, index):
    view = explorer.completions(ExplorerQuery("Tokyo", "Japan", "Paris"))
    expected = AnalogyCompleter.of_index(index)(("Tokyo", "Japan"), "Paris", k=8)
    assert view.rows == tuple((found.word, f"{found.score:.2f}") for found in expected) and len(view.rows) == 8
    assert view.links[0] == ExplorerQuery("Paris", expected[0].word)
    assert explorer.completions(ExplorerQuery("Tokyo", "Japan", " ")).message == (
        "Type a third word to see what completes it."
    )


def test_labels_are_those_of_the_neighbours(explorer, index):
    view = explorer.labels(ExplorerQuery("Berlin", "Germany"))
    labels = relation_labels(index, ("Berlin", "Germany"))
    assert column(view, "relation") == [relation_title(label.relation) for label in labels] and len(labels) == 2
    assert column(view, "votes") == [f"{label.score:.0%}" for label in labels]
    assert column(view, "example") == [" : ".join(label.example) for label in labels]


def test_labels_of_shipped_relations_are_shown_in_words(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    sound = "attribute/sound of an animal"
    rows = [("cow", "moo", sound), ("dog", "woof", sound), ("Tokyo", "Japan", "my own"), ("Rome", "Italy", "my own")]
    index.add([{"head": head, "tail": tail, "relation": relation} for head, tail, relation in rows])
    view = Explorer(index).labels(ExplorerQuery("horse", "neigh"))
    assert view.columns == ("relation", "example", "votes")
    assert {row[0] for row in view.rows} == {"neigh is the sound that a horse makes", "my own"}
    assert {row[1] for row in view.rows} <= {f"{head} : {tail}" for head, tail, _ in rows}
    near = Explorer(index).neighbours(ExplorerQuery("horse", "neigh"))
    assert ("cow : moo", "moo is the sound that a cow makes") in {row[:2] for row in near.rows}


def test_blanks_around_words_are_ignored(explorer):
    plain = ExplorerQuery("Tokyo", "Japan", "Paris")
    assert answers(explorer, ExplorerQuery(" Tokyo", "Japan\n", "\tParis ")) == answers(explorer, plain)


def test_examples_come_from_the_index(explorer):
    assert explorer.relations == ["<i>sign</i>", "capital"]
    assert set(explorer.examples) == {ExplorerQuery(TAG, TEMPLATE, "x_y"), ExplorerQuery("Tokyo", "Japan", "Paris")}
    assert all(view.rows for example in explorer.examples for view in answers(explorer, example))


@pytest.mark.parametrize("question", [("", ""), ("Tokyo", " "), ("", "Japan", "Paris")])
def test_an_incomplete_pair_asks_for_two_words(explorer, question):
    views = answers(explorer, ExplorerQuery(*question))
    assert views == [AnswerTable(message="Type two words, for example Tokyo and Japan.")] * 3


def test_malformed_words_give_one_line(explorer):
    for view in answers(explorer, ExplorerQuery("\u200b", "Japan", "Paris")):
        assert "expected a word with at least one visible character" in view.message and not view.rows
    for view in answers(explorer, ExplorerQuery("word " * 500, "Japan", "Paris")):
        assert view.message and "\n" not in view.message and len(view.message) <= 300 and not view.rows


def test_an_index_without_labels(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([("Tokyo", "Japan"), ("Paris", "France")])
    explorer = Explorer(index)
    assert explorer.examples[-2:] == [ExplorerQuery("Tokyo", "Japan"), ExplorerQuery("Paris", "France")]
    neighbours, completions, labels = answers(explorer, ExplorerQuery("Tokyo", "Japan", "Paris"))
    assert neighbours.rows[0][:2] == ("Paris : France", "") and completions.rows[0][0] == "France"
    assert labels == AnswerTable(message="No pair in the index has a label, so there is no relation to guess.")


def test_an_empty_index(model, tmp_path):
    """It does not need its model either."""
    RelationIndex.create(tmp_path / "idx", model)
    explorer = Explorer(RelationIndex.open(tmp_path / "idx"))
    assert explorer.examples == [] and explorer.relations == []
    assert {view.message for view in answers(explorer, ExplorerQuery("Tokyo", "Japan", "Paris"))} == {
        "The index is empty. Add pairs with st-relbert index add, and start again."
    }


def test_an_index_with_one_pair_has_no_neighbours(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([{"head": "Tokyo", "tail": "Japan", "relation": "capital"}])
    explorer = Explorer(index)
    assert explorer.examples == [ExplorerQuery("Tokyo", "Japan")]
    views = answers(explorer, ExplorerQuery("Tokyo", "Japan", "Japan"))
    assert [view.message for view in views[:2]] == ["Nothing found."] * 2
    assert views[2].rows == (("capital", "Tokyo : Japan", "known"),)


def test_other_failures_give_one_line_and_are_logged(explorer, monkeypatch, caplog):
    def search(*args, **kwargs):
        raise OSError("disk\nis gone")

    monkeypatch.setattr(RelationIndex, "search", search)
    with caplog.at_level(logging.ERROR):
        assert explorer.neighbours(ExplorerQuery("Tokyo", "Japan")) == AnswerTable(message="disk is gone")
    assert "Tokyo" in caplog.text and "OSError" in caplog.text


def test_an_index_without_its_model_is_an_error(encoders, tmp_path):
    from st_relbert import RelBERT

    saved = tmp_path / "model"
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(saved), create_model_card=False)
    RelationIndex.create(tmp_path / "idx", RelBERT(str(saved))).add([("Tokyo", "Japan")])
    saved.rename(tmp_path / "elsewhere")
    with pytest.raises((ValueError, OSError), match="model"):
        Explorer(RelationIndex.open(tmp_path / "idx"))


def test_several_pairs_are_averaged(explorer, index):
    question = ExplorerQuery("Tokyo", "Japan", more="Paris : France\n\n Rome,Italy ")
    hits = index.search([("Tokyo", "Japan"), ("Paris", "France"), ("Rome", "Italy")])
    view = explorer.neighbours(question)
    assert column(view, "pair") == [" : ".join(hit.pair) for hit in hits]
    assert view.caption == "related as Tokyo is to Japan, Paris is to France, Rome is to Italy"
    assert explorer.neighbours(question._replace(more="Paris")).message == (
        "A further pair is 'Paris', expected two words such as Paris : France."
    )


def test_relation_number_and_order(explorer):
    view = explorer.neighbours(ExplorerQuery(relation="capital"))
    assert view.caption == "pairs of the relation capital"
    assert sorted(column(view, "pair")) == ["Paris : France", "Rome : Italy", "Tokyo : Japan"]
    first = explorer.neighbours(ExplorerQuery(relation="capital", number=2))
    assert column(first, "pair") == ["Tokyo : Japan", "Paris : France"]  # as in the index
    by_head = explorer.neighbours(ExplorerQuery(relation="capital", number=2, sort="head"))
    assert column(by_head, "pair") == ["Paris : France", "Tokyo : Japan"]
    assert [link[:2] for link in by_head.links] == [record[:2] for record in by_head.records]
    assert "No row has the relation" in explorer.neighbours(ExplorerQuery(relation="none")).message
    question = ExplorerQuery("Berlin", "Germany", number=4)
    best = explorer.neighbours(question)
    assert len(best.rows) == 4 and best.rows == explorer.neighbours(question._replace(number=9)).rows[:4]
    by_head = column(explorer.neighbours(question._replace(sort="head")), "pair")
    assert by_head == sorted(column(best, "pair"))
    relations = column(explorer.neighbours(question._replace(number=9, sort="relation")), "relation")
    assert relations == [*["i>"] * 2, *["capital"] * 3, ""]


def test_a_click_searches_for_the_pair_and_long_words_are_cut(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    long = "w" * 150
    index.add([{"head": long, "tail": "tail", "relation": "r"}, {"head": "=a", "tail": "b;c", "relation": None}])
    view = Explorer(index).neighbours(ExplorerQuery("x", "y"))
    cut = f"{'w' * 79}… : tail"
    assert set(column(view, "pair")) == {cut, "=a : b;c"} and ExplorerQuery(long, "tail") in view.links
    rows = as_csv(view).splitlines()
    assert rows[0] == "head,tail,relation,cosine" and any(row.startswith(f"{long},tail,r,") for row in rows)
    assert as_csv(view, "\t").splitlines()[0] == "head\ttail\trelation\tcosine"


def test_saved_pairs_have_the_labels_in_the_index(model, tmp_path):
    """They do not have the page's sentences, so that a model can be trained on them."""
    index = RelationIndex.create(tmp_path / "idx", model)
    sound = "attribute/sound of an animal"
    index.add([{"head": "cow", "tail": "moo", "relation": sound}, ("oboe", "oboist")])
    explorer = Explorer(index)
    near = as_csv(explorer.neighbours(ExplorerQuery("horse", "neigh"))).splitlines()
    assert {row.rpartition(",")[0] for row in near[1:]} == {f"cow,moo,{sound}", "oboe,oboist,"}
    own = explorer.neighbours(ExplorerQuery(relation=sound))
    assert as_csv(own).splitlines() == ["head,tail,relation", f"cow,moo,{sound}"]


@pytest.mark.parametrize(
    ("relation", "title"),
    [
        ("work/profession -> workplace", "profession → workplace"),
        ("E01 [country - capital]", "E01 [country → capital]"),
        ("spatial/river_country", "river country"),
        ("mother-in-law", "mother-in-law"),
        ("/", "/"),
    ],
)
def test_titles_of_relations(relation, title):
    assert relation_title(relation) == title


QUERIES = st.builds(
    ExplorerQuery,
    *[st.text(st.characters(exclude_categories=["Cs"]))] * 5,
    other_words=st.booleans(),
    number=st.integers(1, 100),
    sort=st.sampled_from(["best", "relation", "head"]),
)


@given(QUERIES)
def test_a_question_is_an_address(question):
    parameters = dict(parse_qsl(question.link.removeprefix("?"), keep_blank_values=True))
    assert ExplorerQuery.of(parameters) == question


def test_half_a_surrogate_pair_has_an_address():
    assert ExplorerQuery("\ud800", "b").link == "?a=%3F&b=b"


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "more", "relation", "other", "n", "sort", "x"]), st.text()))
def test_any_address_is_a_question(parameters):
    question = ExplorerQuery.of(parameters)
    assert 1 <= question.number <= 100 and question.sort in ("best", "relation", "head")


@pytest.mark.parametrize("related", [None, 0.1, 0.9])
def test_a_pair_unlike_all_others_gets_a_warning(explorer, monkeypatch, related):
    """The nearest pairs are still shown, because there always are some."""
    monkeypatch.setattr(RelationIndex, "relatedness", lambda index, pair: related)
    for question in (ExplorerQuery("zzz", "qqq", "Paris"), ExplorerQuery("Tokyo", "Japan", "Paris")):
        unlike = related == 0.1 and question.head == "zzz"  # the other pair is in the index
        for view in answers(explorer, question):
            assert ("Not like anything here." in view.message) == unlike
        assert explorer.neighbours(question).rows and explorer.completions(question).rows
    assert explorer.neighbours(ExplorerQuery("zzz", "qqq", more="Paris : France")).message == ""
