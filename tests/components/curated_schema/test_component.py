import pathlib

import pytest
import tensorflow_data_validation as tfdv
from tfx.types import standard_artifacts

from components.curated_schema.component import CuratedSchema, Executor


def run(folder, text):
    artifact = standard_artifacts.Schema()
    artifact.uri = str(folder / "schema")
    Executor().Do({}, {"schema": [artifact]}, {"schema_pbtxt": text})
    return pathlib.Path(artifact.uri)


def test_writes_what_tfx_reads(tmp_path):
    folder = run(tmp_path, 'feature { name: "label" type: INT }  # a comment')
    [file] = folder.iterdir()  # TFX takes the only file of the folder
    [feature] = tfdv.load_schema_text(str(file)).feature
    assert feature.name == "label"


def test_what_is_no_schema_is_refused_with_its_place(tmp_path):
    with pytest.raises(ValueError, match=r"schema/schema.pbtxt is not a valid schema: 2:.*colour"):
        run(tmp_path, 'feature { name: "label" }\ncolour: 3')


def test_an_edit_of_the_code_changes_the_execution_properties():
    one, two = (CuratedSchema(schema_pbtxt="", code_fingerprint=text) for text in "ab")
    assert one.exec_properties != two.exec_properties


def test_an_edit_changes_the_execution_properties():
    one, two = (CuratedSchema(schema_pbtxt=text) for text in ("feature {}", "feature {} "))
    assert one.exec_properties != two.exec_properties
