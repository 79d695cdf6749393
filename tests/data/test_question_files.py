import pytest

from st_relbert.cli import main
from st_relbert.data import RelationSet, load_open_questions, load_questions
from st_relbert.data.leakage import benchmark_pairs
from st_relbert.data.question_files import OpenQuestion, is_question_text

GOOGLE = """: capital-common-countries
Athens Greece Baghdad Iraq
Athens Greece Bangkok Thailand
Baghdad Iraq Athens Greece
: family
boy girl brother sister
brother sister king queen
"""
SAT = """# SAT Package
# a contact

190 FROM REAL SATs
lull trust v:n
balk fortitude v:n
betray loyalty v:n
cajole compliance v:n
hinder destination v:n
soothe passion v:n
d

190 FROM REAL SATs
ostrich bird n:n
lion cat n:n
goose flock n:n
ewe sheep n:n
cub bear n:n
primate monkey n:n
a
"""
MSR = "good better rough JJ_JJR rougher\nbetter good rougher JJR_JJ rough\n"


@pytest.fixture
def bats(tmp_path):
    folder = tmp_path / "BATS_3.0"
    for parent, name, text in (
        ("3_Encyclopedic_semantics", "E01 [country - capital]", "athens\tgreece\nbaghdad\tiraq\nrome\titaly/europe\n"),
        ("4_Lexicographic_semantics", "L01 [hypernyms - animals]", "dog\tanimal/canine\ncat\tanimal/feline\n"),
    ):
        (folder / parent).mkdir(parents=True)
        (folder / parent / f"{name}.txt").write_text(text)
    return folder


def write(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("name", ["questions-words.txt", "QUESTIONS.TXT"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_google(tmp_path, name, encoding):
    path = write(tmp_path / name, GOOGLE, encoding)
    questions = load_open_questions(path)
    assert len(questions) == 5
    assert questions[1] == OpenQuestion(("Athens", "Greece"), "Bangkok", ("Thailand",), "capital-common-countries")
    relations = RelationSet.load(path)
    assert relations.positives["family"] == [("boy", "girl"), ("brother", "sister"), ("king", "queen")]
    assert len(relations.positives["capital-common-countries"]) == 3
    assert ("Athens", "Greece") in benchmark_pairs([path])[str(path)]


def test_questions_with_choices(tmp_path):
    path = write(tmp_path / "questions-words.txt", GOOGLE)
    questions = load_questions(path)
    right = {pair for pairs in RelationSet.load(path).positives.values() for pair in pairs}
    assert len(questions) == 5 and questions == load_questions(path)
    for question, made in zip(load_open_questions(path), questions, strict=True):
        answer = made["choice"][made["answer"]]
        assert answer == (question.head, question.answers[0]) and made["prefix"] == question.relation
        wrong = [pair for pair in made["choice"] if pair != answer]
        assert 2 <= len(wrong) <= 3 and len(set(made["choice"])) == len(made["choice"])
        own = RelationSet.load(path).positives[question.relation]
        assert not set(wrong) & set(own) and any(pair in right or set(pair) & set(answer) for pair in wrong)


def test_bats(bats):
    questions = load_open_questions(bats)
    capitals = [question for question in questions if question.relation.startswith("Encyclopedic")]
    assert len(questions) == 3 * 2 + 2 and len(capitals) == 6
    assert OpenQuestion(("athens", "greece"), "rome", ("italy", "europe"), capitals[0].relation) in capitals
    relations = RelationSet.load(bats)
    assert relations.names == ["Encyclopedic_semantics/E01 [country - capital]",
                               "Lexicographic_semantics/L01 [hypernyms - animals]"]  # fmt: skip
    assert relations.positives[relations.names[1]] == [("dog", "animal"), ("cat", "animal")]
    made = load_questions(bats)
    assert len(made) == 5
    # None of several right answers is a wrong choice.
    assert not any(("rome", "europe") in question["choice"] for question in made)
    (file,) = bats.glob("4*/*.txt")
    assert [question.answers for question in load_open_questions(file)] == [("animal", "feline"), ("animal", "canine")]


@pytest.mark.parametrize("in_two_files", [False, True])
def test_msr(tmp_path, in_two_files):
    path = tmp_path / ("word_relationship.questions" if in_two_files else "msr.txt")
    write(path, "good better rough\nbetter good rougher\n" if in_two_files else MSR)
    write(tmp_path / "word_relationship.answers", "JJ_JJR rougher\nJJR_JJ rough\n")
    assert load_open_questions(path) == [
        OpenQuestion(("good", "better"), "rough", ("rougher",), "JJ_JJR"),
        OpenQuestion(("better", "good"), "rougher", ("rough",), "JJR_JJ"),
    ]
    assert RelationSet.load(path).names == ["JJ_JJR", "JJR_JJ"]


def test_sat(tmp_path):
    path = write(tmp_path / "SAT-package-V3.txt", SAT)
    first, second = load_questions(path)
    assert first["stem"] == ("lull", "trust") and first["choice"][3] == ("hinder", "destination")
    assert (first["answer"], second["answer"], len(first["choice"])) == (3, 0, 5)
    assert second["prefix"] == "190 FROM REAL SATs" and ("primate", "monkey") in benchmark_pairs([path])[str(path)]
    with pytest.raises(ValueError, match="contains no open questions"):
        load_open_questions(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("q.txt", ": a\nx y z\n", "line 2 has 3 words, expected four"),
        ("q.txt", f"{MSR}a b c\n", "line 3 has 3 words"),
        ("q.txt", f"{SAT}\nlull trust v:n\n", "ends in the middle of a question"),
        ("q.txt", f"{SAT}\nlull trust v:n\na\n", "the answer 'a' to a question with 0 choices"),
        ("q.txt", f"{SAT}\nlull trust v:n\nx y n:n\ne\n", "the answer 'e' to a question with 1 choice"),
        ("q.txt", f"{SAT}\nlull trust v:n\nwhat is this\n", "expected 'word word n:n' or"),
        ("E01 [x - y].txt", "athens greece italy\n", "line 1 is 'athens greece italy', expected a word, a tab"),
        ("E01 [x - y].txt", "\n", "contains no pairs"),
        (
            "a.questions",
            "good better rough JJ_JJR rougher\n",
            "There is no file .*a.answers', expected the answers to 'a.questions'",
        ),
    ],
)
def test_a_malformed_line_is_named(tmp_path, name, text, message):
    path = write(tmp_path / name, text)
    assert is_question_text(path)
    with pytest.raises(ValueError, match=message) as error:
        load_questions(path)
    assert "\n" not in str(error.value)


def test_other_files_are_refused(tmp_path):
    assert not is_question_text(write(tmp_path / "pairs.txt", "head\ttail\trelation\nTokyo\tJapan\tcapital\n"))
    assert not is_question_text(tmp_path) and not is_question_text("relations")
    assert RelationSet.load(write(tmp_path / "p.txt", "head\ttail\trelation\na\tb\tx\nc\td\ty\n")).names == ["x", "y"]


def test_the_command_line_takes_them(tmp_path, bats, capsys):
    google = write(tmp_path / "questions-words.txt", GOOGLE)
    output = str(tmp_path / "out.jsonl")
    assert main(["data", "combine", str(bats), "--exclude", str(google), "--output", output]) == 0
    assert main(["leakage", "--train", str(bats), "--test", str(google)]) == 0
    assert "capital-common" not in capsys.readouterr().err
