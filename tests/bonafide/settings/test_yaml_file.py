import pytest

from bonafide.settings import SettingsError
from bonafide.settings.overrides import Change
from bonafide.settings.yaml_file import changes_of, read_yaml, to_yaml


@pytest.fixture
def read(tmp_path):
    def write_and_read(text):
        path = tmp_path / "run.yaml"
        path.write_text(text)
        content, places = read_yaml(path)
        short = {name: place.removeprefix(f"{path}:") for name, place in places.items()}
        return content, short

    return write_and_read


def test_scalars_are_texts_with_their_lines(read):
    content, places = read("a:\n  b: off\n  c: [1e-3, 'x']\n\nd.e: null\nf: {g: 010}\nh: ''\n")
    assert content == {
        "a": {"b": "off", "c": ["1e-3", "x"]},
        "d.e": None,
        "f": {"g": "010"},
        "h": "",
    }
    assert places == {
        **{"": "1", "a": "1", "a.b": "2", "a.c": "3", "a.c[0]": "3", "a.c[1]": "3"},
        **{"d.e": "5", "f": "6", "f.g": "6", "h": "7"},
    }


def test_an_empty_file_says_nothing(read):
    assert read("# nothing\n")[0] is None
    assert changes_of(None, {}) == []


def test_anchors_and_merges_are_followed(read):
    content, _ = read(
        "base: &b {x: 1, y: 2}\nother: &o\n  <<: *b\n  y: 3\nagain: *b\nonce more: *o\n"
    )
    assert content["other"] == content["once more"] == {"x": "1", "y": "3"}
    assert content["again"] == content["base"] == {"x": "1", "y": "2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", r"expected YAML, got .* \(.*run\.yaml:1\)"),
        ("a: 1\nb: {\n", r"run\.yaml:3"),
        ("a: 1\nb: 2\na: 3\n", r"each name once, got it again after .*:1 \(a, .*run\.yaml:3\)"),
        ("a: !!python/object:os.system x", r"plain YAML, got the tag .*python.*run\.yaml:1"),
        ("a: !mine x", "plain YAML, got the tag !mine"),
        ("a:\n  [1, 2]: x", "expected a name"),
        ("a: &a [*a]", "levels without end"),
        ("a: \x00", "expected YAML"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(read, text, message):
    with pytest.raises(SettingsError, match=message):
        read(text)


def test_aliases_of_aliases_do_not_fill_the_memory(read):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(SettingsError, match="at most 10,000 values"):
        read("\n".join(lines))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"a YAML file, got No such file .*none\.yaml"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff")
    with pytest.raises(SettingsError, match=r"UTF-8, .*binary\.yaml"):
        read_yaml(tmp_path / "binary.yaml")


def test_nested_and_dotted_names_are_the_same():
    content = {"a": {"b": "1"}, "c.d": ["2"], "e": "S"}
    places = {"a": "f:1", "a.b": "f:2", "c.d": "f:3", "e": "f:4"}
    assert changes_of(content, places) == [
        Change("a.b", "1", "f:2"),
        Change("c.d", ["2"], "f:3"),
        Change("e", "S", "f:4"),
    ]


def test_a_setting_twice_is_refused_with_both_lines(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("a.b: 1\na:\n  b: 2\n")
    with pytest.raises(SettingsError, match=r"once, got it again after .*:1 \(a\.b, .*:3\)"):
        read_yaml(path)
    path.write_text("- a\n")
    with pytest.raises(SettingsError, match=r"a mapping of settings, .*x\.yaml:1"):
        changes_of(*read_yaml(path))


def test_what_is_written_reads_back(read):
    values = {
        "text": "off",
        "empty": "",
        "odd": "a: [b] # 'c' \u00fc\n d",
        "number": 1e-6,
        "whole": 3,
        "flag": True,
        "none": None,
        "list": ("a,b", "null"),
        "numbers": (1.0, -2.5),
    }
    text = to_yaml({"one": values, "two": {"x": 1}}, {"one": "First.", "two": "Second."})
    assert text.startswith("# First.\none:\n  text: 'off'\n")
    content, _ = read(text)
    assert content == {
        "one": {
            **{"text": "off", "empty": "", "odd": values["odd"], "number": "1.0e-06"},
            **{"whole": "3", "flag": "true", "none": None, "list": ["a,b", "null"]},
            "numbers": ["1.0", "-2.5"],
        },
        "two": {"x": "1"},
    }
