"""The build of the image in a copy of the tree, with a PATH of fake engines: nothing is built."""

import pathlib
import re
import shutil
import subprocess
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
REAL_TOOLS = ["basename", "bash", "date", "dirname", "git", "sed"]
ENGINE = 'echo "$(basename "$0") $*" >>engine.log\n'
# Notes only what builds; `docker info` and `docker buildx version` are questions.
DOCKER = f'case "$*" in info | "buildx version") exit "${{FAKE_NO_DOCKER:-0}}" ;; esac\n{ENGINE}'
COMMITTED = "2026-11-25T14:34:00Z"


class Machine:
    """A copy of the tree under git and a folder of tools that is the whole PATH."""

    def __init__(self, folder):
        self.tree, self.tools = folder / "tree", folder / "tools"
        (self.tree / "scripts").mkdir(parents=True)
        for name in ("scripts/build_image.sh", "pyproject.toml"):
            shutil.copy(ROOT / name, self.tree / name)
        (self.tree / ".gitignore").write_text("engine.log\n")
        self.tools.mkdir()
        for tool in REAL_TOOLS:
            (self.tools / tool).symlink_to(shutil.which(tool))
        self.git("init", "-q")
        self.git("add", ".")
        self.git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "it")
        self.revision = self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments):
        return subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", *arguments],
            cwd=self.tree,
            env={"PATH": str(self.tools), "GIT_COMMITTER_DATE": COMMITTED},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def fake(self, name, script):
        (self.tools / name).write_text(f"#!{self.tools / 'bash'}\n{script}")
        (self.tools / name).chmod(0o755)

    def build(self, *options, **variables):
        return subprocess.run(
            ["bash", "scripts/build_image.sh", *options],
            cwd=self.tree,
            env={"PATH": str(self.tools), "TZ": "Asia/Tokyo", **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def engine_calls(self):
        log = self.tree / "engine.log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def assert_refused(machine, result, *messages):
    assert result.returncode == 1, result.stderr
    assert result.stderr.startswith("error: ")
    for message in messages:
        assert message in result.stderr
    assert "What to do: " in result.stderr
    assert machine.engine_calls() == []


def test_docker_builds_the_cpu_target_under_version_and_revision(machine):
    machine.fake("docker", DOCKER)
    machine.fake("podman", ENGINE)
    result = machine.build()
    assert result.returncode == 0, result.stderr
    name = f"bonafide:{VERSION}-{machine.revision[:12]}"
    assert result.stdout.splitlines()[-1] == f"Built {name}"
    assert machine.engine_calls() == [
        f"docker buildx build --platform linux/amd64 --target cpu --tag {name} "
        f"--build-arg VERSION={VERSION} --build-arg REVISION={machine.revision} "
        f"--build-arg CREATED={COMMITTED} --load ."
    ]


def test_docker_keeps_no_copy_of_what_it_pushes(machine):
    machine.fake("docker", DOCKER)
    assert machine.build("--push", "--sbom=true").returncode == 0
    (call,) = machine.engine_calls()
    assert call.endswith(" --push --sbom=true .")
    assert "--load" not in call


def test_the_image_is_dated_by_its_commit(machine):
    machine.fake("docker", f'{DOCKER}echo "$SOURCE_DATE_EPOCH" >>engine.log\n')
    assert machine.build().returncode == 0
    assert machine.engine_calls()[1] == machine.git("log", "-1", "--format=%ct").strip()


def test_podman_where_docker_does_not_answer(machine):
    machine.fake("docker", DOCKER)
    machine.fake("podman", ENGINE)
    result = machine.build(FAKE_NO_DOCKER="1", TARGET="gpu", IMAGE="registry.example.org/a/b")
    assert result.returncode == 0, result.stderr
    (call,) = machine.engine_calls()
    assert call.startswith("podman build --platform linux/amd64 --target gpu ")
    assert f"--tag registry.example.org/a/b:{VERSION}-{machine.revision[:12]}-gpu " in call
    assert "--load" not in call


def test_changes_that_are_not_committed_show_in_the_tag(machine):
    machine.fake("podman", ENGINE)
    (machine.tree / "models.py").touch()
    assert machine.build().returncode == 0
    assert f":{VERSION}-{machine.revision[:12]}-dirty " in machine.engine_calls()[0]


def test_a_tag_of_ones_own(machine):
    machine.fake("podman", ENGINE)
    assert machine.build(TAG="candidate", TARGET="gpu").returncode == 0
    assert " --tag bonafide:candidate " in machine.engine_calls()[0]


def test_without_git_there_is_no_revision(machine):
    machine.fake("podman", ENGINE)
    shutil.rmtree(machine.tree / ".git")
    assert machine.build().returncode == 0
    (call,) = machine.engine_calls()
    assert f" --tag bonafide:{VERSION} " in call
    assert " REVISION=unknown " in call
    assert re.search(r" CREATED=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", call)


def test_a_failed_build_is_not_called_built(machine):
    machine.fake("podman", "exit 125")
    result = machine.build()
    assert result.returncode == 125
    assert "Built" not in result.stdout


def test_no_engine(machine):
    assert_refused(machine, machine.build(), "neither docker nor podman", "apt install podman")


def test_docker_without_its_daemon(machine):
    machine.fake("docker", DOCKER)
    result = machine.build(FAKE_NO_DOCKER="1")
    assert_refused(machine, result, "daemon does not answer", "docker info")


def test_docker_without_buildx(machine):
    machine.fake("docker", f'[ "$*" != "buildx version" ] || exit 1\n{DOCKER}')
    assert_refused(machine, machine.build(), "no buildx", "docker-buildx")


def test_an_engine_that_is_not_there(machine):
    machine.fake("docker", DOCKER)
    assert_refused(machine, machine.build(ENGINE="podman"), "ENGINE is 'podman'")


def test_a_target_that_is_none(machine):
    machine.fake("docker", DOCKER)
    assert_refused(
        machine, machine.build(TARGET="tpu"), "TARGET is 'tpu'", "cpu, gpu, beam-worker or score"
    )
