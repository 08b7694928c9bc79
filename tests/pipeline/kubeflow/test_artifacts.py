import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.artifacts import ArtifactError, PodView, local_path

MODEL = "title: tfx.Model\ntype: object\n"


def artifacts(**found):
    """A map of artifact lists with one artifact each, from its JSON."""
    message = json_format.ParseDict(
        {"artifacts": {name: {"artifacts": [content]} for name, content in found.items()}},
        pipeline_spec_pb2.ExecutorInput.Inputs(),
    )
    return message.artifacts


def declared(**titles):
    return json_format.ParseDict(
        {"artifacts": {name: {"artifactType": kind} for name, kind in titles.items()}},
        pipeline_spec_pb2.ComponentInputsSpec(),
    ).artifacts


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("gs://bucket/a/b", "/gcs/bucket/a/b"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("minio://mlpipeline/v2", "/minio/mlpipeline/v2"),
        ("/data/a", "/data/a"),
    ],
)
def test_where_the_launcher_keeps_copies(uri, path):
    assert local_path(uri) == path


def test_mounts_can_be_elsewhere():
    assert local_path("s3://b/k", "/pods/1/") == "/pods/1/s3/b/k"


def test_other_schemes_are_refused():
    with pytest.raises(ArtifactError, match="oci://image: a pod can read"):
        local_path("oci://image")


@pytest.mark.parametrize("given", [{"instanceSchema": ""}, {}, {"schemaTitle": "system.Artifact"}])
def test_an_input_has_the_type_that_is_declared(given):
    found = artifacts(model={"uri": "s3://b/m", "type": given})
    PodView().enter(found, declared(model={"instanceSchema": MODEL}))
    [artifact] = found["model"].artifacts
    assert artifact.type.instance_schema == MODEL
    assert artifact.uri == "/s3/b/m"


def test_a_type_of_which_nothing_is_declared_stays():
    found = artifacts(model={"uri": "s3://b/m", "type": {"instanceSchema": MODEL}})
    PodView().enter(found, {})
    assert found["model"].artifacts[0].type.instance_schema == MODEL


def test_no_type_at_all_is_told():
    found = artifacts(model={"uri": "s3://b/m", "type": {"instanceSchema": ""}})
    with pytest.raises(ArtifactError, match="model has no type"):
        PodView().enter(found, declared(other={"instanceSchema": MODEL}))


def test_properties_are_translated_in_and_out():
    found = artifacts(
        blessing={
            "uri": "minio://b/run/blessing",
            "type": {"instanceSchema": "title: tfx.ModelBlessing\n"},
            "metadata": {"current_model": "minio://b/run/model", "blessed": 1, "note": "s3 is"},
        }
    )
    view = PodView()
    view.enter(found, {})
    [artifact] = found["blessing"].artifacts
    inside = json_format.MessageToDict(artifact.metadata)
    assert inside == {"current_model": "/minio/b/run/model", "blessed": 1.0, "note": "s3 is"}
    view.leave(found)
    outside = json_format.MessageToDict(artifact.metadata)
    assert outside == {"current_model": "minio://b/run/model", "blessed": 1.0, "note": "s3 is"}
    assert artifact.uri == "minio://b/run/blessing"


def test_only_what_came_in_goes_out_translated():
    view = PodView()
    view.enter(artifacts(model={"uri": "s3://b/m", "type": {"instanceSchema": MODEL}}), {})
    outputs = artifacts(
        a={"uri": "/s3/b/m/Format-Serving"}, b={"uri": "/s3/b/more"}, c={"uri": "/data/serving"}
    )
    view.leave(outputs)
    uris = {name: found.artifacts[0].uri for name, found in outputs.items()}
    assert uris == {"a": "s3://b/m/Format-Serving", "b": "/s3/b/more", "c": "/data/serving"}


def test_a_page_is_a_file_outside_and_its_folder_inside(tmp_path):
    view = PodView(str(tmp_path))
    kind = {"schemaTitle": "system.HTML"}
    outputs = artifacts(report={"uri": "s3://b/report", "type": kind})
    view.enter(outputs)
    [artifact] = outputs["report"].artifacts
    assert artifact.type.instance_schema.startswith("title: report_artifacts.HTML")
    folder = tmp_path / "s3" / "b" / "report"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("x")
    artifact.uri = view.page_uri(artifact.uri)
    view.leave(outputs)
    assert artifact.uri == "s3://b/report/report.html"

    inputs = artifacts(report={"uri": artifact.uri, "type": {"instanceSchema": ""}})
    PodView(str(tmp_path)).enter(inputs, declared(report=kind))
    assert inputs["report"].artifacts[0].uri == str(folder)


def test_a_page_must_be_one_file(tmp_path):
    (tmp_path / "a").write_text("")
    (tmp_path / "b").write_text("")
    with pytest.raises(ArtifactError, match="expected one page, got"):
        PodView().page_uri(str(tmp_path))
