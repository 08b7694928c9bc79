import pytest
from small_corpora import LAYOUTS, DictFiles

from bonafide import corpora
from bonafide.corpora import mixture

TWO = {"/data/LA": LAYOUTS["asvspoof2019-la"], "gs://b/wild": LAYOUTS["in-the-wild"]}


def read(root, others=TWO):
    return corpora.reader("mixture")(DictFiles({}, root, others=others), corpus_name="ignored")


def test_utterances_of_each_corpus_are_told_apart():
    corpus = read("la=/data/LA; wild=gs://b/wild@in-the-wild?split=eval")
    alone = corpora.reader("asvspoof2019-la")(DictFiles(TWO["/data/LA"]), corpus_name="la")
    of = {name: [row for row in corpus.utterances if row.corpus == name] for name in ("la", "wild")}
    assert len(of["la"]) == len(alone.utterances)
    assert len(of["la"]) + len(of["wild"]) == len(corpus.utterances)
    for row, expected in zip(of["la"], alone.utterances, strict=True):
        assert row.utterance_id == f"la.{expected.utterance_id}"
        assert row.speaker_id == f"la.{expected.speaker_id}"
        assert row.system_id == ("-" if expected.system_id == "-" else f"la.{expected.system_id}")
        assert (row.key, row.split) == (expected.key, expected.split)
    assert {row.split for row in of["wild"]} == {"eval"}
    assert {row.path for row in corpus.utterances} >= set(corpus.audio) - {None}
    assert all(row.path.startswith("/") for row in corpus.utterances)
    assert len({row.utterance_id for row in corpus.utterances}) == len(corpus.utterances)
    assert any(note.startswith("la: the layout is asvspoof2019-la") for note in corpus.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got no corpus"),
        ("/data/LA", "expected NAME=ROOT.*, got '/data/LA'"),
        ("la=", "expected NAME=ROOT.*, got 'la='"),
        ("la=/a;la=/b", "expected unique names, got la twice"),
        ("la=/data/LA?sub=x", "la: expected a setting .*got 'sub' .*Did you mean 'subset'"),
        (
            "la=/data/LA?subset=hidden",
            "la: .* layout asvspoof2019-la .*, got subset",
        ),
        ("la=/data/LA@cinema", "la: expected a corpus layout, got 'cinema'"),
        ("wild=gs://b/wild@asvspoof5", "wild: "),
    ],
)
def test_what_is_wrong_is_said_of_which_corpus(text, message):
    with pytest.raises(corpora.CorpusError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("text", "root", "layout"),
    [
        ("a=/x", "/x", "auto"),
        ("a=s3://k@b/x", "s3://k@b/x", "auto"),
        ("a=/x@y/z@folders", "/x@y/z", "folders"),
        ("a=/x=y", "/x=y", "auto"),
    ],
)
def test_an_at_sign_may_be_of_the_path(text, root, layout):
    [member] = mixture.parse(text)
    assert (member.name, member.root, member.layout) == ("a", root, layout)
    assert mixture.parse(member.text()) == (member,)


@pytest.mark.parametrize(
    ("text", "rest", "values"),
    [
        ("a=/x;b=/y@folders?split=eval", "a=/x;b=/y@folders?split=eval", {}),
        ("a=/x?weight=3", "a=/x", {"a": "3"}),
        ("a=/x?split=eval,weight=3,split_seed=2", "a=/x?split=eval,split_seed=2", {"a": "3"}),
        ("a=/weight=1?weight=3; b=/y? weight = x", "a=/weight=1; b=/y", {"a": "3", "b": "x"}),
        ("a=/x?weight;b=/y?weight=", "a=/x?weight;b=/y", {"b": ""}),
    ],
)
def test_an_option_for_others_is_taken_out(text, rest, values):
    assert mixture.take_out(text, "weight") == (rest, values)


def test_an_option_for_others_is_there_once():
    with pytest.raises(corpora.CorpusError, match="b: expected weight once, got it twice"):
        mixture.take_out("a=/x?weight=1;b=/y?weight=1,weight=1", "weight")


def test_a_member_and_a_path():
    assert mixture.is_member("la=/data/LA")
    for path in ("/data/LA", "gs://bucket/x=y", "", "=x", "a b=/x", "./x=y"):
        assert not mixture.is_member(path)
