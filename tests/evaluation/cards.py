"""Results to write into a card, and a card like those of the published models."""

from huggingface_hub import ModelCard

from st_relbert.evaluation import EvaluationResult
from st_relbert.evaluation.card import as_eval_result


def result_of(task, dataset, count, intervals=None, **metrics):
    return EvaluationResult(task=task, dataset=dataset, metrics=metrics, count=count, intervals=intervals or {})


RESULTS = [
    result_of("mapping", "relation_mapping", 20, {"accuracy": (0.75, 0.93)}, accuracy=0.852261904),
    result_of("analogy", "sat_full", 374, {"accuracy": (0.396, 0.497)}, accuracy=0.446524064171123),
    result_of("analogy", "u2", 228, {"accuracy": (0.307, 0.434)}, accuracy=0.36842105),
    result_of("classification", "K&H+N", 14377, {"f1_micro": (0.93, 0.95)}, f1_micro=0.94, f1_macro=0.85),
    result_of(
        "similarity",
        "semeval2012",
        69,
        {"maxdiff_accuracy": (0.41, 0.45), "spearman": (-0.1, 0.06)},
        maxdiff_accuracy=0.43,
        spearman=-0.02,
    ),
]
SHOWN = [as_eval_result(row) for result in RESULTS for row in result.rows()]
# In the form of relbert/relbert-bert-base-nce-semeval2012: no config, and EVALution's data set is called BLESS.
PUBLISHED = """---
license: mit
model-index:
- name: owner/published
  results:
  - task:
      name: Analogy Questions (U2)
      type: multiple-choice-qa
    dataset:
      name: U2
      args: relbert/analogy_questions
      type: analogy-questions
    metrics:
    - name: Accuracy
      type: accuracy
      value: 0.1
  - task:
      name: Analogy Questions (U4)
      type: multiple-choice-qa
    dataset:
      name: U4
      args: relbert/analogy_questions
      type: analogy-questions
    metrics:
    - name: Accuracy
      type: accuracy
      value: 0.2
  - task:
      name: Lexical Relation Classification (EVALution)
      type: classification
    dataset:
      name: BLESS
      args: relbert/lexical_relation_classification
      type: relation-classification
    metrics:
    - name: F1
      type: f1
      value: 0.3
    source:
      name: somewhere
      url: https://example.org
---
# A published model

### Training hyperparameters

 - model: bert-base-cased
"""


def read(folder):
    with open(folder / "README.md", encoding="utf-8", newline="") as file:
        return file.read()


def head(folder):
    return ModelCard.load(folder / "README.md").data.to_dict()
