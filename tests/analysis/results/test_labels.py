"""A pretrained arm's label names where its weights come from, where the study says so."""

from __future__ import annotations

import dataclasses

import pytest

from analysis import schema
from analysis.results import labels
from analysis.results.study_runs import StudyRuns


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"source": "imagenet", "kind": "imagenet"}, "ResNet18, pretrained (ImageNet)"),
        ({"source": "s.safetensors", "kind": "synthetic"}, "ResNet18, pretrained (synthetic)"),
        ({"source": "mine.pth", "kind": "file"}, "ResNet18, pretrained (own file)"),
        ({"source": "mine.pth"}, "ResNet18, pretrained"),
        ({"source": "mine.pth", "kind": "unheard of"}, "ResNet18, pretrained"),
    ],
)
def test_the_source_of_weights_stands_in_the_label(four: StudyRuns, weights: dict[str, str], expected: str) -> None:
    study = dataclasses.replace(four, study={"weights": {"resnet18": weights}})
    assert labels.arm_label(study, "resnet18-pretrained") == expected
    assert labels.arm_label(study, "resnet18-scratch") == "ResNet18, from scratch"
    assert labels.arm_label(study, "resnet50-pretrained") == "ResNet50, pretrained"


def test_all_four_have_a_label_in_their_order(four: StudyRuns) -> None:
    assert labels.arm_labels(dataclasses.replace(four, study={})) == schema.ARM_LABELS


def test_the_other_rule_is_the_other_one() -> None:
    assert labels.other_rule("median") == "most_probable"
    assert labels.other_rule("most_probable") == "median"
