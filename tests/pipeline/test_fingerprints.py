import dataclasses

from bonafide.version import REPOSITORY
from pipeline import fingerprints
from pipeline.config import sample
from pipeline.fingerprints import ENTRY_MODULES, Fingerprints
from pipeline.imports import sources_of


def sources(step):
    return {
        str(path.relative_to(REPOSITORY)) for path in sources_of(REPOSITORY, ENTRY_MODULES[step])
    }


def test_fingerprints_of_the_bundled_corpus():
    one, two = Fingerprints.take(sample()), Fingerprints.take(sample())
    assert one == two
    assert len({*dataclasses.astuple(one)}) == len(dataclasses.fields(one))


def test_every_step_has_its_own_fingerprint():
    fields = {field.name for field in dataclasses.fields(Fingerprints)}
    assert fields == {"corpus", "run", *(f"{step}_code" for step in ENTRY_MODULES)}


def test_the_code_of_every_component_is_in_a_fingerprint():
    folders = {path.parent.name for path in REPOSITORY.glob("components/*/component.py")}
    folders -= {"corpus_check", "warm_start"}  # never cached, and in compiled pipelines only
    assert len(folders) == 8
    covered = set().union(*map(sources, ENTRY_MODULES))
    for folder in folders:
        for path in REPOSITORY.glob(f"components/{folder}/*.py"):
            assert str(path.relative_to(REPOSITORY)) in covered, path


def test_a_step_depends_on_what_it_imports_and_on_no_later_step():
    ingestion, training = sources("ingestion"), sources("training")
    assert {"bonafide/audio/decoding.py", "bonafide/corpora/folders.py"} <= ingestion
    assert not any(name.startswith(("models/", "pipeline/")) for name in ingestion)
    assert {"bonafide/metrics/detection.py", "bonafide/trials/arrays.py"} <= training
    assert not any(name.startswith(("components/", "pipeline/")) for name in training)
    # How settings are given and explained is no reason to train again.
    for name in ("overrides", "yaml_file", "reference"):
        assert f"bonafide/settings/{name}.py" not in training
    report = sources("report")
    assert {
        "bonafide/report/templates/page.html.j2",
        "bonafide/report/templates/style.css",
    } <= report
    assert "models/training/train.py" not in report


def test_an_edit_of_an_imported_module_changes_the_fingerprint(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints, "REPOSITORY", tmp_path)
    monkeypatch.setattr(fingerprints, "ENTRY_MODULES", {"step": ("main",)})
    (tmp_path / "main.py").write_text("def run():\n    from package import part\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "part.py").write_text("x = 1\n")
    (tmp_path / "package" / "other.py").write_text("x = 1\n")
    before = fingerprints._code("step")
    (tmp_path / "package" / "other.py").write_text("x = 22\n")
    assert fingerprints._code("step") == before
    (tmp_path / "package" / "part.py").write_text("x = 22\n")
    assert fingerprints._code("step") != before
