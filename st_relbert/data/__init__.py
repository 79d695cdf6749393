"""Load and combine relation sets, make and load analogy questions, and check for test leakage."""

from st_relbert.data.combine import PairExclusion, RelationBuild, combine_relations, with_mismatches
from st_relbert.data.leakage import LeakageReport, find_leakage, find_leakages
from st_relbert.data.make_questions import make_questions
from st_relbert.data.question_files import OpenQuestion, load_open_questions
from st_relbert.data.questions import AnalogyQuestion, MappingProblem, load_questions
from st_relbert.data.relation_set import RelationSet, load_relations

__all__ = [
    "AnalogyQuestion",
    "LeakageReport",
    "MappingProblem",
    "OpenQuestion",
    "PairExclusion",
    "RelationBuild",
    "RelationSet",
    "combine_relations",
    "find_leakage",
    "find_leakages",
    "load_open_questions",
    "load_questions",
    "load_relations",
    "make_questions",
    "with_mismatches",
]
