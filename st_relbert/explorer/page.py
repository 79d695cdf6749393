"""The explorer's page."""

from __future__ import annotations

from typing import Any

from st_relbert.explorer.markup import answer, header
from st_relbert.explorer.views import Explorer, Question
from st_relbert.extras import import_extra

TITLES = ("Similar pairs", "Completion", "Relation guess")


def build_page(explorer: Explorer) -> Any:
    """The page, a ``gr.Blocks``, with the first of the explorer's examples filled in and answered.

    Nothing that is typed is kept or sent elsewhere: Gradio's analytics are off.

    Args:
        explorer: What answers.

    Raises:
        MissingExtraError: If Gradio is not installed.
    """
    gr = import_extra("gradio", "app")
    first = explorer.examples[0] if explorer.examples else Question("", "")

    def ask(head: str, tail: str, word: str, relation: str, other_words: bool) -> tuple[str, ...]:
        return _answers(explorer, Question(head, tail, word, relation, other_words))

    index = explorer.index
    with gr.Blocks(title="Relation explorer", analytics_enabled=False) as page:
        gr.HTML(header(str(index.path), len(index), len(explorer.relations), explorer.word_count))
        with gr.Row():
            head = gr.Textbox(first.head, label="Head", max_lines=1, min_width=130)
            tail = gr.Textbox(first.tail, label="Tail", max_lines=1, min_width=130)
            word = gr.Textbox(first.word, label="Word to complete (may be empty)", max_lines=1, min_width=240)
        search = gr.Button("Search", variant="primary")
        with gr.Accordion("Which similar pairs", open=False), gr.Row():
            with gr.Column(min_width=240):
                relation = _relation_choice(gr, explorer.relations)
            with gr.Column(min_width=240):
                words = [("any", False), ("other than typed", True)]
                other_words = gr.Radio(words, value=False, label="Words")
        inputs, outputs = [head, tail, word, relation, other_words], []
        if explorer.examples:
            labels = [f"{each.head} : {each.tail}" for each in explorer.examples]
            examples = gr.Examples([list(each[:3]) for each in explorer.examples], inputs[:3], example_labels=labels)
        with gr.Row():
            for html in _answers(explorer, first):
                with gr.Column(min_width=320):
                    outputs.append(gr.HTML(html))
        triggers = [search.click, head.submit, tail.submit, word.submit, relation.input, other_words.input]
        gr.on(triggers, ask, inputs, outputs, api_name="ask")
        if explorer.examples:
            examples.load_input_event.then(ask, inputs, outputs, api_name=False)
    return page


def _answers(explorer: Explorer, question: Question) -> tuple[str, ...]:
    views = (explorer.neighbours(question), explorer.completions(question), explorer.labels(question))
    return tuple(answer(title, view) for title, view in zip(TITLES, views, strict=True))


def _relation_choice(gr: Any, relations: list[str]) -> Any:
    choices = [("any", ""), *((name, name) for name in relations)]
    return gr.Dropdown(choices, value="", label="Relation", visible=bool(relations))
