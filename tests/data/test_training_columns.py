"""The columns of a training set are checked before the first batch, in sentence-transformers' own trainer."""

import pandas as pd
import polars
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses

from st_relbert import RelBERT
from st_relbert.losses import InfoNCELoss
from st_relbert.model_card import RelBERTModelCardData

PAIRS = [["Tokyo", "Japan"], ["Paris", "France"], ["finger", "hand"], ["leaf", "tree"]] * 4
LABELS = [0, 0, 1, 1] * 4
LABELLED = {"pair": PAIRS, "label": LABELS}
TWO = {"anchor": PAIRS, "positive": PAIRS[::-1]}


@pytest.fixture(scope="module", params=[RelBERT, SentenceTransformer])
def model(request, encoders, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(folder)
    plain = {"model_card_data": RelBERTModelCardData()} if request.param is SentenceTransformer else {}
    return request.param(folder, **plain)


@pytest.fixture
def trainer_of(model, tmp_path):
    def make(dataset, loss=None, **kwargs):
        args = SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path), max_steps=1, report_to="none", disable_tqdm=True, use_cpu=True, save_strategy="no"
        )
        if isinstance(dataset, dict) and isinstance(next(iter(dataset.values())), list):
            dataset = Dataset.from_dict(dataset)
        return SentenceTransformerTrainer(model=model, args=args, train_dataset=dataset, loss=loss, **kwargs)

    return make


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({**LABELLED, "note": ["x"] * 16}, r"note \(text\); expected pairs .*select_columns\(\['pair', 'label'\]\)"),
        ({**LABELLED, "id": LABELS}, r"id \(whole numbers\); expected pairs .*select_columns\(\['pair', 'label'\]\)"),
        ({**LABELLED, "other": PAIRS}, r"other \(pairs\); InfoNCELoss expects one column of pairs"),
        ({"pair": PAIRS, "lable": LABELS}, r"lable \(whole numbers\); expected .*rename_column"),
        ({"pair": PAIRS}, r"pair \(pairs\); InfoNCELoss expects .*numbers in 'label'"),
        ({"label": LABELS}, r"label \(whole numbers\); expected a column of pairs, each a list of two words"),
        ({"pair": ["a b"] * 16, "label": LABELS}, r"pair \(text\), .*; expected a column of pairs"),
        ({"pair": [[1, 2]] * 16, "label": LABELS}, r"pair \(lists of int64\), .*; expected a column of pairs"),
        ({"pair": [{"a": "b"}] * 16, "label": LABELS}, r"pair \(records\), .*; expected a column of pairs"),
        ({"pair": PAIRS, "label": ["x"] * 16}, r"label \(text\); InfoNCELoss expects"),
        ({"pair": PAIRS, "label": [0.5] * 16}, r"label \(float64\); InfoNCELoss expects"),
        ({"head": ["a"] * 16, "tail": ["b"] * 16, "label": LABELS}, r"a pair in one column\. .*remove_columns"),
        ({"head": ["a"] * 16, "tail": ["b"] * 16, "relation": ["c"] * 16}, r"a pair in one column\. .*data triples"),
    ],
)
def test_other_columns_are_a_one_line_error(model, trainer_of, columns, message):
    with pytest.raises(ValueError, match=f"The train dataset has the columns .*{message}"):
        trainer_of(columns, InfoNCELoss(model))


def test_a_forgotten_loss_is_reported(trainer_of):
    with pytest.raises(ValueError, match=r"' CoSENTLoss, .*loss= is left out.*InfoNCELoss\(model\)"):
        trainer_of(LABELLED)


@pytest.mark.parametrize("name", ["MultipleNegativesRankingLoss", "CosineSimilarityLoss", "ContrastiveLoss"])
def test_losses_for_two_columns_are_refused_for_labelled_pairs(model, trainer_of, name):
    loss = getattr(losses, name)(model)
    for each in (loss, losses.MatryoshkaLoss(model, loss, matryoshka_dims=[16])):
        with pytest.raises(ValueError, match="compares two columns of pairs"):
            trainer_of(LABELLED, each)


def test_each_of_several_sets_is_checked(model, trainer_of):
    two, ours = losses.MultipleNegativesRankingLoss(model), InfoNCELoss(model)
    sets = {"a": Dataset.from_dict(TWO), "b": Dataset.from_dict(LABELLED)}
    trainer_of(dict(sets), {"a": two, "b": ours}).train()
    with pytest.raises(ValueError, match=r"The train \('b'\) dataset has .*compares two columns"):
        trainer_of(dict(sets), two)
    with pytest.raises(ValueError, match=r"The train \('a'\) dataset has .*InfoNCELoss expects one column"):
        trainer_of(dict(sets), ours)


def test_validation_data_are_checked(model, trainer_of):
    wrong = Dataset.from_dict({**LABELLED, "note": ["x"] * 16})
    with pytest.raises(ValueError, match="The eval dataset has the columns .*note"):
        trainer_of(LABELLED, InfoNCELoss(model), eval_dataset=wrong)


def test_readable_data_can_be_trained_on(model, trainer_of):
    classes = Features({"pair": List(Value("string")), "label": ClassLabel(names=["capital", "part"])})
    frame = pd.DataFrame({"pair": PAIRS, "label": pd.Series(LABELS, dtype="int32")})
    words = Dataset.from_dict({"head": [pair[0] for pair in PAIRS], "tail": [pair[1] for pair in PAIRS]})
    made = words.add_column("label", LABELS).with_transform(
        lambda rows: {"pair": list(zip(rows["head"], rows["tail"], strict=True)), "label": rows["label"]}
    )
    for dataset in (
        Dataset.from_dict(LABELLED),
        Dataset.from_dict({"words": PAIRS, "labels": LABELS}),
        Dataset.from_dict(LABELLED, features=classes),
        Dataset.from_pandas(frame),
        Dataset.from_polars(polars.DataFrame(LABELLED)),
        Dataset.from_dict(LABELLED).to_iterable_dataset(),
        made,  # its transform makes the rows
    ):
        trainer_of(dataset, InfoNCELoss(model)).train()
    for loss in (losses.BatchAllTripletLoss(model), losses.MatryoshkaLoss(model, InfoNCELoss(model), [16])):
        trainer_of(LABELLED, loss).train()
    trainer_of(TWO, losses.MultipleNegativesRankingLoss(model)).train()
