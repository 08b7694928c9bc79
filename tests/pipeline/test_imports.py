import pytest

from pipeline.imports import sources_of


@pytest.fixture
def project(tmp_path):
    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return lambda *modules: [
            str(path.relative_to(tmp_path)) for path in sources_of(tmp_path, modules)
        ]

    return write


def test_imports_are_followed_through_packages_and_functions(project):
    found = project(
        {
            "main.py": "import json\nimport a.b\n\ndef run():\n    from a import c, name\n",
            "a/__init__.py": "",
            "a/b.py": "from other import Thing\n",
            "a/c.py": "import main\n",  # a circle ends
            "a/unused.py": "",
            "other.py": "",
        }
    )
    assert found("main") == ["a/__init__.py", "a/b.py", "a/c.py", "main.py", "other.py"]
    assert found("other") == ["other.py"]


def test_imports_for_type_checkers_do_not_count(project):
    found = project(
        {
            "main.py": "import typing as t\nif t.TYPE_CHECKING:\n  import a\nelse:\n  import b\n",
            "a.py": "",
            "b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\n",
        }
    )
    assert found("main") == ["b.py", "main.py"]


def test_data_files_of_an_imported_package_count(project):
    found = project(
        {
            "a/__init__.py": "",
            "a/part.py": "",
            "a/templates/page.html.j2": "",
            "a/notes.txt": "",
            "a/inner/__init__.py": "",
            "a/inner/style.css": "",
        }
    )
    assert found("a.part") == ["a/__init__.py", "a/part.py", "a/templates/page.html.j2"]


def test_an_edit_is_seen_in_the_same_process(project):
    found = project({"main.py": "import a\n", "a.py": "", "bb.py": ""})
    assert found("main") == ["a.py", "main.py"]
    project({"main.py": "import bb\n"})
    assert found("main") == ["bb.py", "main.py"]


def test_a_misspelt_module_is_an_error(project):
    with pytest.raises(ValueError, match=r"expected a module below .*, got 'mian'"):
        project({"main.py": ""})("mian")
