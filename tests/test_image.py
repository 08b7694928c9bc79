"""The Dockerfile agrees with the project that it packs. No container engine is needed."""

import ast
import pathlib
import re
import shlex
import tomllib

import pytest
from packaging.specifiers import SpecifierSet

from bonafide.scoring import serve

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROJECT_FILE = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PROJECT_FILE["project"]
CODE = "/opt/bonafide"
# The extras of each target.
EXTRAS = {
    "cpu": ["pipeline"],
    "gpu": ["pipeline", "gpu"],
    "beam-worker": ["pipeline", "beam-worker"],
    "score": ["service", "stores"],
}
TARGETS = tuple(EXTRAS)
# Where Kubeflow's launcher mounts volumes in every pod, and what it puts itself into.
LAUNCHER = ("/gcs", "/s3", "/minio", "/.local", "/.cache", "/.config", "/kfp-launcher")
# Of the OCI's image specification.
LABELS = {"title", "description", "licenses", "base.name", "version", "revision", "created"}


def read_stages(text):
    """Every stage by name, as (what it is from, its instructions as pairs of name and rest)."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    stages, name = {}, None
    for instruction in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, rest = instruction.split(maxsplit=1)
        if word == "FROM":
            origin, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()
            stages[name] = (origin, [])
        else:
            stages.setdefault(name, ("", []))[1].append((word, rest))
    return stages


STAGES = read_stages((ROOT / "Dockerfile").read_text())


def history(target):
    """The instructions of a target and of the stages it is from, in order."""
    origin, own = STAGES[target]
    return (history(origin) if origin in STAGES else []) + own


def pairs(target, instruction):
    """Names and values of all ENV or LABEL of a target; the later one counts."""
    lines = [shlex.split(rest) for word, rest in history(target) if word == instruction]
    return dict(part.split("=", 1) for line in lines for part in line)


def arguments(stage):
    """Names and defaults of the build arguments that a stage declares itself."""
    declared = (rest for word, rest in STAGES[stage][1] if word == "ARG")
    return {name: value for name, _, value in (part.partition("=") for part in declared)}


def copied(stage):
    """Pairs of source in the checkout and destination, of a stage itself."""
    result = []
    for word, rest in STAGES[stage][1]:
        if word == "COPY" and "--from" not in rest:
            *sources, destination = rest.split()
            result += [(source, destination) for source in sources]
    return result


def is_ignored(path):
    """Whether the builder never sees a path: the last line that matches it or a folder above."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        expression = re.escape(line.lstrip("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(f"{expression}(/.*)?", path):
            ignored = not line.startswith("!")
    return ignored


SOURCES = [source for source, _ in copied("code")]
CONTENTS = sorted(
    file.relative_to(ROOT).as_posix()
    for source in SOURCES
    for file in ([ROOT / source] if (ROOT / source).is_file() else (ROOT / source).rglob("*"))
    if file.is_file() and not file.name.endswith(".pyc")
)


def first_party_imports(module):
    """Top-level modules of this repository that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
    return {name for name in names if (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()}


def test_what_the_pipeline_imports_is_in_the_image():
    wanted, queue = set(), ["pipeline/pipeline.py"]
    while queue:
        for name in first_party_imports(queue.pop()) - wanted:
            wanted.add(name)
            single = ROOT / f"{name}.py"
            found = [single] if single.is_file() else (ROOT / name).rglob("*.py")
            queue += [file.relative_to(ROOT).as_posix() for file in found]
    assert {"bonafide", "components", "models", "pipeline"} <= wanted
    assert wanted <= {source.removesuffix(".py") for source in SOURCES}


def test_no_module_of_the_image_imports_what_is_not_there():
    there = {source.removesuffix(".py") for source in SOURCES}
    modules = [name for name in CONTENTS if name.endswith(".py")]
    assert len(modules) > 100
    assert {name: lacks for name in modules if (lacks := first_party_imports(name) - there)} == {}


def test_files_that_the_code_reads_are_in_the_image():
    reads = set()
    for module in CONTENTS:
        if module.endswith(".py"):
            text = (ROOT / module).read_text()
            for parts in re.findall(r'REPOSITORY((?: / "[^"]+")+)', text):
                reads.add("/".join(re.findall(r'"([^"]+)"', parts)))
    assert {"pyproject.toml", "samples", "schema/schema.pbtxt"} <= reads
    # evaluate.py asks git for the revision where there is a checkout.
    missing = {name for name in reads - {".git"} if not {name, *_folders(name)} & set(SOURCES)}
    assert not missing


def _folders(name):
    return {parent.as_posix() for parent in pathlib.PurePath(name).parents}


def test_nothing_that_is_copied_is_ignored():
    assert any(name.startswith("bonafide/report/templates/") for name in CONTENTS)
    for source, _ in copied("code") + copied("build"):
        assert (ROOT / source).exists()
    assert [name for name in [*CONTENTS, "uv.lock"] if is_ignored(name)] == []


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", ".venv/bin/python", ".env", "models/.env", "key.json", "README.md"),
        *("tests/test_image.py", "docs/image.md", "benchmarks/cost.py", "notebooks/review.ipynb"),
        *("output/sample/metadata.sqlite", "scripts/setup_env.sh", "Dockerfile"),
        *("models/__pycache__/train.cpython-311.pyc.140", "models/train.pyc"),
    ],
)
def test_everything_else_stays_out_of_the_build(path):
    assert is_ignored(path)


def test_python_is_the_same_everywhere_and_supported():
    base = arguments(None)["BASE"]
    version = re.search(r"python:(\d+\.\d+)-slim-trixie$", base).group(1)
    assert f"{version}.0" in SpecifierSet(PROJECT["requires-python"])
    assert set(re.findall(r"python(\d\.\d+)", (ROOT / "Dockerfile").read_text())) == {version}
    # The oldest that is supported, which the tests run on.
    assert PROJECT_FILE["tool"]["ruff"]["target-version"] == f"py{version.replace('.', '')}"


def test_uv_is_the_one_of_the_set_up():
    script = (ROOT / "scripts/setup_env.sh").read_text()
    pinned = re.search(r"^uv_version=(\S+)$", script, re.MULTILINE).group(1)
    assert arguments("build")["UV_VERSION"] == pinned


@pytest.mark.parametrize("target", TARGETS)
def test_packages_are_locked_and_without_those_of_development(target):
    (command,) = [rest for word, rest in STAGES[f"packages-{target}"][1] if word == "RUN"]
    assert "uv sync --locked --no-dev --no-install-project" in command
    assert re.findall(r"--extra (\S+)", command) == EXTRAS[target]
    assert set(EXTRAS[target]) <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("target", TARGETS)
def test_the_user_is_a_number_and_not_root(target):
    users = [rest for word, rest in history(target) if word == "USER"]
    user, group = users[-1].split(":")
    assert int(user) >= 10_000
    assert int(group) == 0
    (made,) = [rest for word, rest in STAGES["runtime"][1] if "useradd" in rest]
    assert f"--uid {user} --gid {group} " in made
    assert f"install -d -m 1777 {pairs(target, 'ENV')['HOME']}" in made


@pytest.mark.parametrize("target", TARGETS)
def test_labels(target):
    labels = pairs(target, "LABEL")
    assert set(labels) == {f"org.opencontainers.image.{name}" for name in LABELS}
    assert labels["org.opencontainers.image.title"] == PROJECT["name"]
    assert labels["org.opencontainers.image.licenses"] == PROJECT["license"]
    script = (ROOT / "scripts/build_image.sh").read_text()
    given = set(re.findall(r'--build-arg "([A-Z]+)=', script))
    assert given == {"VERSION", "REVISION", "CREATED"}
    assert given == set(arguments(target))
    for name in given:
        assert labels[f"org.opencontainers.image.{name.lower()}"] == f"${{{name}}}"


@pytest.mark.parametrize("target", TARGETS)
def test_modules_and_packages_are_found_from_any_folder(target):
    environment = pairs(target, "ENV")
    assert environment["PYTHONPATH"] == CODE
    assert environment["PATH"].startswith("/opt/venv/bin:")
    assert ("WORKDIR", CODE) in STAGES["code"][1]
    code = {
        "score": [f"--from=code {CODE}/bonafide {CODE}/bonafide"],
        "beam-worker": [f"--from=code {CODE} {CODE}"],
    }
    tasks = [f"--from=code /samples {CODE}/samples", f"--from=code {CODE} {CODE}"]
    boot = ["--from=boot /opt/container /opt/apache/beam/boot"]
    assert [rest for word, rest in STAGES[target][1] if word == "COPY"] == [
        *(boot if target == "beam-worker" else []),
        f"--from=packages-{target} /opt/venv /opt/venv",
        *code.get(target, tasks),
    ]


def test_workers_of_engines_start_with_boot():
    """As Beam's own images do; checked with the real boot in tests/e2e/test_engines.py."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    [beam] = [package for package in lock["package"] if package["name"] == "apache-beam"]
    assert arguments("boot")["BEAM_VERSION"] == beam["version"]
    [install] = [rest for word, rest in STAGES["boot"][1] if word == "RUN"]
    assert "sdks/v2/python/container@v${BEAM_VERSION}" in install
    assert pairs("beam-worker", "ENV")["RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT"] == "1"
    assert entry_points("beam-worker") == ['["/opt/apache/beam/boot"]']
    assert any(name.startswith("pip>") for name in PROJECT["optional-dependencies"]["beam-worker"])


def test_the_image_of_scoring_starts_the_command():
    assert entry_points("score") == ['["python", "-m", "bonafide"]']
    [check] = [rest for word, rest in history("score") if word == "HEALTHCHECK"]
    assert f"127.0.0.1:{serve.DEFAULT_API_PORT}/healthz" in check


def entry_points(target):
    return [rest for word, rest in history(target) if word == "ENTRYPOINT"]


def test_cpu_is_the_default():
    assert list(STAGES)[-1] == "cpu"


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_nothing_lies_where_kubeflow_mounts(target):
    words = " ".join(rest for _, rest in history(target))
    used = [path for path in LAUNCHER if re.search(rf"(?<![\w.*-]){re.escape(path)}\b", words)]
    assert used == []
    assert not [rest for word, rest in history(target) if word in ("ENTRYPOINT", "VOLUME")]


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_training_uses_onednn_on_every_processor(target):
    assert pairs(target, "ENV")["TF_ENABLE_ONEDNN_OPTS"] == "1"
