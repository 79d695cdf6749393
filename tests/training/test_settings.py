import dataclasses
import math

import pytest

from st_relbert.training import TrainingSettings


def settings(**values):
    return TrainingSettings(base_model="b", train_data="t", output="o", **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"loss": "mse"},
            "Unknown loss 'mse', expected one of 'info_nce', 'info_loob', 'triplet'",
        ),
        ({"schedule": "cosine"}, "Unknown schedule 'cosine', expected one of 'linear', 'constant'"),
        ({"choose_by": "f1"}, "Unknown choose_by 'f1', expected one of 'none', 'accuracy', 'loss'"),
        ({"pooling": "max"}, "Unknown pooling 'max'"),
        ({"reduction": "max"}, "Unknown reduction 'max'"),
        ({"relations_per_batch": 1, "parent_weight": 0.5}, "parent_weight is 0.5, expected 0 or 1 because"),
        ({"loss": "relbert_triplet", "parent_weight": 2}, "expected 0 or 1 for 'relbert_triplet'"),
        ({"loss": "relbert_triplet", "siblings_as_negatives": False}, "expected True for 'relbert_triplet'"),
        ({"relations_per_batch": 1, "siblings_as_negatives": False}, "which steps of one relation do not support"),
        (
            {"loss": "triplet", "mini_batch_size": 8},
            "mini_batch_size is 8, but the loss 'triplet' embeds a whole batch at once",
        ),
        ({"learning_rate": "1e-4"}, "setting learning_rate is '1e-4', expected float"),
        ({"loss": ["triplet"]}, "setting loss is .'triplet'., expected str"),
        ({"epochs": True}, "setting epochs is True, expected float"),
        ({"dropout": 1.0}, "dropout is 1.0, expected a number from 0 to below 1"),
        ({"dropout": -0.1}, "dropout is -0.1, expected"),
        ({"seed": 1.5}, "setting seed is 1.5, expected int"),
        ({"max_length": "long"}, "setting max_length is 'long', expected int or None"),
        ({"bf16": None}, "setting bf16 is None, expected bool"),
        ({"patience": 2}, "patience needs validation. Set choose_by"),
        ({"held_out_relations": 0.2}, "held_out_relations needs validation. Set choose_by"),
        ({"choose_by": "loss", "held_out_relations": 0.2, "validation_data": "v"}, "cannot be combined"),
    ],
)
def test_invalid_settings_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        settings(**values)


NUMBERS = [field for field in dataclasses.fields(TrainingSettings) if field.type.startswith(("int", "float"))]


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_every_number_has_to_be_in_its_range(field):
    refused = [-0.5, math.nan, math.inf, -math.inf] if "float" in field.type else [-2]
    for number in refused:
        with pytest.raises(ValueError, match=f"^{field.name} is {number}, expected a (finite )?number "):
            settings(**{field.name: number})


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("learning_rate", 0),
        ("temperature", 0),
        ("epochs", 0),
        ("max_steps", 0),
        ("save_steps", 0),
        ("patience", 0),
        ("max_length", 0),
        ("mini_batch_size", 0),
        ("pairs_per_relation", 1),
        ("size_exponent", 1.5),
        ("held_out_relations", 1),
        ("seed", 2**32),
    ],
)
def test_limits_of_the_ranges(name, number):
    with pytest.raises(ValueError, match=f"{name} is {number}, expected a number"):
        settings(**{name: number})


def test_defaults_are_valid():
    assert dataclasses.asdict(settings())["loss"] == "info_nce"
