import pytest
import yaml
from kfp.client.client import _extract_pipeline_yaml, _override_caching_options

from pipeline.kubeflow.errors import UsageError
from pipeline.kubeflow.pipeline_file import read_pipeline_file


@pytest.fixture
def compiled(pipeline_path):
    return read_pipeline_file(pipeline_path)


def without(pipeline_path, tmp_path, *keys, documents=1):
    """A copy of the pipeline with something taken out."""
    spec, platforms = yaml.safe_load_all(pipeline_path.read_text())
    place = spec
    for key in keys[:-1]:
        place = place[key]
    del place[keys[-1]]
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump_all([spec, platforms][:documents]))
    return path


def test_the_body_is_packed_as_the_sdk_packs_it(pipeline_path, compiled):
    theirs = _extract_pipeline_yaml(str(pipeline_path))
    assert compiled.body(cache=True) == theirs.to_dict()
    assert set(compiled.body(cache=True)) == {"pipeline_spec", "platform_spec"}
    _override_caching_options(theirs.pipeline_spec, False)
    assert compiled.body(cache=False) == theirs.to_dict()
    assert compiled.name == "bonafide-sample"
    # It was a copy that was changed.
    tasks = compiled.spec["root"]["dag"]["tasks"]
    assert tasks["ModelPusher"]["cachingOptions"] == {"enableCache": True}


def test_without_platforms_the_body_is_the_pipeline_alone(pipeline_path, tmp_path):
    path = without(pipeline_path, tmp_path, "sdkVersion")
    body = read_pipeline_file(path).body(cache=True)
    assert body == _extract_pipeline_yaml(str(path)).to_dict()
    assert "root" in body


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("corpus_root=/data/a=b", "corpus_root", "/data/a=b"),
        ("corpus_root=", "corpus_root", ""),
        ("epochs=7", "epochs", 7),
        ("learning_rate=1e-3", "learning_rate", 0.001),
        ("warm=TRUE", "warm", True),
        ("warm=false", "warm", False),
        ('attacks=["A07", 1]', "attacks", ["A07", 1]),
        ('gate={"max_eer": 0.1}', "gate", {"max_eer": 0.1}),
    ],
)
def test_parameters_have_the_type_that_the_pipeline_says(compiled, text, name, value):
    read = compiled.parameters([text])
    assert read == {name: value}
    assert type(read[name]) is type(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("epochs", "--param: expected NAME=VALUE, got epochs"),
        ("epoch=1", r"a parameter of .*, got 'epoch' \(--param\)\. Did you mean 'epochs'"),
        ("zzz=1", r"a parameter of .*, got 'zzz' .*Known: attacks, corpus_root, epochs"),
        ("epochs=1.5", r"a whole number .*, got '1\.5' \(--param epochs\)"),
        ("epochs=9007199254740993", r"a whole number from -9,007,199,254,740,992 to 2\*\*53"),
        ("learning_rate=fast", r"expected a number, got 'fast' \(--param learning_rate\)"),
        ("learning_rate=nan", "expected a finite number, got 'nan'"),
        ("warm=1", "expected true or false, got '1'"),
        ('attacks={"a": 1}', r"expected JSON such as \["),
        ("attacks=[NaN]", "expected JSON such as"),
        ("attacks=A07", "expected JSON such as"),
        ("gate=[]", "expected JSON such as {"),
        ("corpus_root={{workflow.name}}", "expected a text without {{, got '{{workflow.name}}'"),
        ('gate={"a": "{{x}}"}', "--param gate: expected a text without {{"),
    ],
)
def test_what_is_not_a_parameter_is_refused(compiled, text, reason):
    with pytest.raises(UsageError, match=reason):
        compiled.parameters([text])


def test_a_parameter_twice_is_refused(compiled):
    with pytest.raises(UsageError, match="epochs is given twice"):
        compiled.parameters(["epochs=1", "epochs=2"])


def test_a_parameter_without_default_must_be_given(pipeline_path, tmp_path):
    keys = ("root", "inputDefinitions", "parameters", "epochs", "defaultValue")
    compiled = read_pipeline_file(without(pipeline_path, tmp_path, *keys))
    with pytest.raises(UsageError, match=r"no default for epochs: give --param epochs=\.\.\."):
        compiled.parameters([])
    assert compiled.parameters(["epochs=3"]) == {"epochs": 3}


def test_a_pipeline_without_parameters_says_so(pipeline_path, tmp_path):
    compiled = read_pipeline_file(without(pipeline_path, tmp_path, "root", "inputDefinitions"))
    assert compiled.parameters([]) == {}
    with pytest.raises(UsageError, match="has no parameters"):
        compiled.parameters(["epochs=3"])


def test_the_pipeline_root_is_the_options_or_the_files(pipeline_path, compiled, tmp_path):
    compiled.check_root("")
    bare = read_pipeline_file(without(pipeline_path, tmp_path, "defaultPipelineRoot"))
    bare.check_root("gs://bucket/root")
    with pytest.raises(UsageError, match=r"missing pipeline root: .*add --pipeline-root URI"):
        bare.check_root("")
    with pytest.raises(UsageError, match="--pipeline-root: expected a text without"):
        compiled.check_root("s3://bucket/{{workflow.name}}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "cannot read .*: No such file"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"", "is not a compiled pipeline: compile one first"),
        (b"just text", "is not a compiled pipeline: compile one first"),
        (b"root:\n  dag: [\n", ":3 is not YAML"),
        (b"pipelineInfo: {name: x}\nrooot: {}\n", "not a compiled pipeline of this KFP: .*rooot"),
        (b"pipelineInfo: {name: x}\n", "it has no name or no tasks"),
    ],
)
def test_what_is_no_compiled_pipeline_is_refused(tmp_path, text, reason):
    path = tmp_path / "p.yaml"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(UsageError, match=reason):
        read_pipeline_file(path)


def test_an_unknown_platform_field_is_refused(pipeline_path, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(pipeline_path.read_text().replace("\nplatforms:", "\nplatformz:"))
    with pytest.raises(UsageError, match="platformz"):
        read_pipeline_file(path)
