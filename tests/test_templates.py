import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.templates import MASK, NAMED_TEMPLATES, OBJECT, SUBJECT, Template


@pytest.mark.parametrize("name", NAMED_TEMPLATES)
def test_named_templates_have_all_three_places(name):
    template = Template.named(name)
    assert all(place in template.text for place in (SUBJECT, OBJECT, MASK))


def test_named_templates_are_those_of_the_published_checkpoints(golden):
    """As in the relbert library: the text of relbert_config, blanks and apostrophes included."""
    for name in "acde":
        folders = list((golden / "checkpoints").glob(f"*-{name}-*"))
        assert folders
        for folder in folders:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            assert Template.named(name).text == config["relbert_config"]["template"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("z", "no <subj> and no <obj>.*named templates: a, b, c, d, e, short"),
        ("<subj> is a thing", "has no <obj>"),
        ("<obj> <mask>", "has no <subj>"),
        ("", "has no <subj>"),
        (None, "The template is None"),
    ],
)
def test_a_template_without_a_place_for_a_word_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Template.named(text)


def test_words_that_spell_placeholders_stay_words():
    template = Template("<subj> <obj> <mask>")
    assert template.render([("<obj>", "<mask>")], mask="M") == ["<obj> <mask> M"]


words = st.text(alphabet="ab <>objsumk", min_size=1)


@given(words, words)
def test_rendering_fills_every_slot_once(head, tail):
    template = Template("x<subj>y<obj>z<subj>")
    assert template.render([(head, tail)], mask="M") == [f"x{head}y{tail}z{head}"]


@given(words, words)
def test_the_essential_part_ends_after_head_tail_and_mask(head, tail):
    template = Template.named("a")  # in the order head, tail, head, mask, tail, all have occurred once the mask has
    prompt = template.render([(head, tail)], mask="[M]")[0]
    essential = prompt[: template.essential_length((head, tail), mask="[M]")]
    assert essential == f"Today, I finally discovered the relation between {head} and {tail} : {head} is the [M]"


def test_a_template_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="has 120,005 characters, expected at most 2,000"):
        Template("<subj>" * 20_000 + "<obj>")
