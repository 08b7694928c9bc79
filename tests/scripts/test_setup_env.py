"""The set-up scripts in a copy of the tree, with a PATH of fake tools: nothing is downloaded."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPIED = ["scripts/setup_env.sh", "scripts/newer_glibc.sh", "uv.lock", "pyproject.toml"]
REAL_TOOLS = """bash cat chmod cp cut dirname du env flock grep head mkdir mktemp paste realpath rm
sed sha256sum sort tr"""
PYTHON = """case "$*" in
  *Python.h*) exit "${FAKE_NO_HEADERS:-0}" ;;
  *sys.executable*) echo "MICROSECONDS $0" ;;
esac"""
# `uv venv` makes an environment whose Python works until a file `broken` lies beside it.
UV = """case "$1" in
  --version) echo "uv VERSION (a fake)"; exit ;;
  venv)
    for venv; do :; done
    mkdir -p "$venv/bin"
    printf '#!%s\\n[ ! -e "${0%%/*}/broken" ]\\n' "$BASH" >"$venv/bin/python"
    chmod +x "$venv/bin/python"
    ;;
esac
echo "$0 $1" >>uv.log
echo "$*" >>uv.args
exit "${FAKE_UV_FAILS:-0}"
"""


class Machine:
    """A copy of the tree and a folder of tools that is the whole PATH."""

    def __init__(self, folder):
        self.tree, self.tools, self.temporary = folder / "tree", folder / "tools", folder / "tmp"
        for name in COPIED:
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.tree / name)
        self.tools.mkdir()
        self.temporary.mkdir()
        for tool in REAL_TOOLS.split():
            (self.tools / tool).symlink_to(shutil.which(tool))
        self.fake("uname", '[ "$1" = -s ] && echo Linux || echo x86_64')
        self.fake("getconf", "echo glibc 2.41")
        self.fake("g++", "")
        self.fake_python("python3.12")
        self.fake("uv", UV.replace("VERSION", "0.9.0"))

    def fake(self, name, body, folder=None):
        path = (folder or self.tools) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{shutil.which('bash')}\n{body}\n")
        path.chmod(0o755)
        return path

    def fake_python(self, name, microseconds=9000, folder=None):
        return self.fake(name, PYTHON.replace("MICROSECONDS", str(microseconds)), folder)

    def run(self, *command, path=None, **variables):
        return subprocess.run(
            ["bash", *command],
            cwd=self.tree,
            env={"PATH": path or str(self.tools), "TMPDIR": str(self.temporary), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def set_up(self, **options):
        return self.run("scripts/setup_env.sh", **options)

    def uv_calls(self):
        log = self.tree / "uv.log"
        calls = log.read_text().split("\n")[:-1] if log.exists() else []
        log.unlink(missing_ok=True)
        return [pathlib.Path(call).name for call in calls]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def assert_refused(machine, result, *messages):
    assert result.returncode == 1, result.stderr
    assert result.stderr.startswith("error: ")
    for message in messages:
        assert message in result.stderr
    assert "What to do: " in result.stderr
    assert not (machine.tree / ".venv").exists()


@pytest.mark.parametrize(
    ("system", "processor"), [("Linux", "aarch64"), ("Darwin", "x86_64"), ("Darwin", "arm64")]
)
def test_other_systems_are_refused_before_anything_is_made(machine, system, processor):
    machine.fake("uname", f'[ "$1" = -s ] && echo {system} || echo {processor}')
    for absent in ("sha256sum", "flock", "paste"):
        (machine.tools / absent).unlink()
    before = sorted(machine.tree.rglob("*"))
    result = machine.set_up()
    assert_refused(machine, result, f"{system} on {processor}", "x86-64 Linux with glibc 2.38")
    assert "python:3.11-slim-trixie" in result.stderr
    assert sorted(machine.tree.rglob("*")) == before


def test_another_c_library_is_refused(machine):
    machine.fake("getconf", 'echo "getconf: GNU_LIBC_VERSION: unknown variable" >&2; exit 1')
    assert_refused(machine, machine.set_up(), "the wheels need glibc", "python:3.11-slim-trixie")


def test_no_python(machine):
    (machine.tools / "python3.12").unlink()
    assert_refused(machine, machine.set_up(), "no Python 3.11, 3.12 or 3.13", "PYTHON=")


@pytest.mark.parametrize(
    ("name", "microseconds", "chosen"),
    [("python3.12", 6000, True), ("python3.12", 8000, False), ("python3.13", 6000, False)],
)
def test_of_builds_of_a_version_the_one_that_is_quicker_by_far(
    machine, tmp_path, name, microseconds, chosen
):
    other = machine.fake_python(name, microseconds, tmp_path / "other")
    path = f"{machine.tools}:{other.parent}"
    result = machine.set_up(path=path)
    assert result.returncode == 0, result.stderr
    expected = other if chosen else machine.tools / "python3.12"
    assert f"Making .venv with {expected}\n" in result.stdout
    # What it was made from stays, whatever is quicker later.
    machine.fake_python("python3.12", 100)
    with (machine.tree / "uv.lock").open("a") as lock:
        lock.write("# changed\n")
    again = machine.set_up(path=path)
    assert again.returncode == 0, again.stderr
    assert "Making" not in again.stdout


def test_a_quicker_python_without_headers_is_not_taken(machine, tmp_path):
    other = machine.fake(
        "python3.12",
        PYTHON.replace("MICROSECONDS", "10").replace("${FAKE_NO_HEADERS:-0}", "1"),
        tmp_path / "other",
    )
    result = machine.set_up(path=f"{machine.tools}:{other.parent}")
    assert result.returncode == 0, result.stderr
    assert f"Making .venv with {machine.tools / 'python3.12'}\n" in result.stdout


def test_no_compiler(machine):
    (machine.tools / "g++").unlink()
    assert_refused(machine, machine.set_up(), "g++ is required", "apt install g++")


def test_python_without_headers(machine):
    result = machine.set_up(FAKE_NO_HEADERS="1")
    assert_refused(machine, result, "Python.h", str(machine.tools / "python3.12"), "python3-dev")


def test_a_finished_environment_is_left_alone_in_silence(machine):
    first = machine.set_up()
    assert first.returncode == 0, first.stderr
    assert "Environment ready" in first.stdout
    assert machine.uv_calls() == ["uv venv", "uv sync"]
    second = machine.set_up()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert machine.uv_calls() == []


def test_a_changed_lock_updates_the_environment_in_place(machine):
    machine.set_up()
    machine.uv_calls()
    with (machine.tree / "uv.lock").open("a") as lock:
        lock.write("\n")
    assert machine.set_up().returncode == 0
    assert machine.uv_calls() == ["uv sync"]


def test_cuda_is_installed_on_request_and_the_choice_stays(machine):
    for gpu, wanted in (("0", False), ("1", True), ("0", False)):
        assert machine.set_up(GPU=gpu).returncode == 0
        last = (machine.tree / "uv.args").read_text().splitlines()[-1]
        assert last.startswith("sync --frozen")
        assert ("--extra gpu" in last) == wanted
        assert machine.set_up().stdout == ""  # and then it is ready, without being told again


def test_a_choice_that_is_none_is_refused(machine):
    assert_refused(machine, machine.set_up(GPU="yes"), "GPU is 'yes'", "1 (with CUDA")


def test_a_broken_environment_is_made_anew(machine):
    machine.set_up()
    machine.uv_calls()
    broken = machine.tree / ".venv/bin/broken"
    broken.touch()
    result = machine.set_up()
    assert result.returncode == 0, result.stderr
    assert "incomplete, broken" in result.stdout
    assert machine.uv_calls() == ["uv venv", "uv sync"]
    assert not broken.exists()


def test_an_interrupted_set_up_is_made_anew(machine):
    assert machine.set_up().returncode == 0
    (machine.tree / "pyproject.toml").write_text("changed")
    assert machine.set_up(FAKE_UV_FAILS="3").returncode == 3
    machine.uv_calls()
    assert machine.set_up().returncode == 0
    assert machine.uv_calls() == ["uv venv", "uv sync"]


def test_an_activated_environment_is_not_its_own_base(machine):
    own = machine.tree / ".venv/bin"
    machine.fake("python3.11", PYTHON, folder=own)
    result = machine.set_up(path=f"{own}:{machine.tools}", VIRTUAL_ENV=str(own.parent))
    assert result.returncode == 0, result.stderr
    assert f"Making .venv with {machine.tools / 'python3.12'}" in result.stdout


def test_an_old_uv_is_not_used(machine):
    machine.fake("uv", UV.replace("VERSION", "0.8.24"))
    machine.fake("uv", UV.replace("VERSION", "0.13.9"), folder=machine.tree / ".uv/bin")
    assert machine.set_up().returncode == 0
    assert (machine.tree / "uv.log").read_text() == ".uv/bin/uv venv\n.uv/bin/uv sync\n"


class TestNewerGlibc:
    """Only what needs no network: the refusals."""

    @pytest.fixture(autouse=True)
    def _old_host(self, machine):
        machine.fake("getconf", "echo glibc 2.36")

    def refuse(self, machine, *messages, **variables):
        result = machine.run("scripts/newer_glibc.sh", "python3.12", ".venv", **variables)
        assert_refused(machine, result, "glibc 2.36", "No environment was made", *messages)
        assert list(machine.temporary.iterdir()) == []

    def test_without_apt(self, machine):
        self.refuse(machine, "only be installed automatically with apt")

    def test_on_an_unknown_distribution(self, machine, tmp_path):
        machine.fake("apt-get", "exit 1")
        machine.fake("dpkg-deb", "exit 1")
        (tmp_path / "os-release").write_text("NAME=Sarge\nID=sarge\n")
        self.refuse(machine, "for 'sarge'", OS_RELEASE=str(tmp_path / "os-release"))
        self.refuse(machine, "for ''", OS_RELEASE=str(tmp_path / "absent"))

    def test_its_refusal_ends_the_set_up(self, machine):
        assert_refused(machine, machine.set_up(), "only be installed automatically with apt")
