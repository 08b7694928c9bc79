"""Runs programs in processes that have the frameworks imported already.

Importing TFX, Beam and TensorFlow takes ten to twenty seconds, which a test pays for every program
that it starts. Here one process imports them once, and forks for each program: the program has a
process, a session, an environment, a working directory and streams of its own, and imports this
repository's modules by itself, so that edits and other checkouts are seen. TensorFlow's runtime
starts with the first operation, that is after the fork.

    with Preloaded() as preloaded:
        done = preloaded.run(["local_runner.py", "--help"], cwd=REPOSITORY)

Programs that are about starting, signals or imports are started as users do, by `subprocess`.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

MODULES = (
    "apache_beam.runners.portability.fn_api_runner",
    "keras",
    "kfp.pipeline_spec.pipeline_spec_pb2",
    "rich.progress",
    "scipy.signal",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "soundfile",
    "soxr",
    "tensorflow",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tensorflow_transform.beam",
    "tfx.components",
    "tfx.components.evaluator.executor",
    "tfx.components.statistics_gen.executor",
    "tfx.components.trainer.executor",
    "tfx.components.transform.executor",
    "tfx.orchestration.local.local_dag_runner",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_entrypoint_utils",
    "tfx.orchestration.pipeline",
)


class Process:
    """A program that was started; what tests use of `subprocess.Popen`."""

    def __init__(self, server, pid):
        self.pid = pid
        self.returncode = None
        self._server = server

    def poll(self):
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            self.returncode = self._server.ask({"poll": self.pid})["code"]
        return self.returncode

    def wait(self, timeout):
        """The exit code, once it has ended; kills it and all that it started after a time."""
        end = time.monotonic() + timeout
        pause = 0.01
        while self.poll() is None:
            if time.monotonic() > end:
                os.killpg(self.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(pause)
            pause = min(2 * pause, 0.1)
        return self.returncode


class Preloaded:
    """The process that forks. It starts with the first program, and ends with this one."""

    def __init__(self):
        self._server = None
        self._lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._server is not None:
            self._server.stdin.close()
            self._server.wait(30)

    def ask(self, request):
        """Sends a request and returns the answer."""
        with self._lock:
            if self._server is None:
                environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
                environment.pop("PYTHONDONTWRITEBYTECODE", None)
                self._server = subprocess.Popen(
                    [sys.executable, __file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment,
                )
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
            line = self._server.stdout.readline()
        assert line, "the process that has the frameworks imported has ended"
        return json.loads(line)

    def start(self, arguments, *, cwd, env=None, stdout=os.devnull, stderr=None):
        """Starts `python ARGUMENTS...`.

        Args:
            arguments: A script or `-m MODULE`, and its arguments.
            cwd: Its working directory.
            env: Its environment; this process's by default.
            stdout: The file that it writes to, a path.
            stderr: The same; None is where `stdout` goes.
        """
        request = {
            "arguments": list(map(str, arguments)),
            "cwd": str(cwd),
            "env": dict(os.environ if env is None else env),
            "stdout": str(stdout),
            "stderr": None if stderr is None else str(stderr),
        }
        return Process(self, self.ask(request)["pid"])

    def run(self, arguments, *, cwd, env=None, timeout=1800, merge=False):
        """Runs `python ARGUMENTS...` to its end, as `subprocess.run` with captured text.

        Args:
            arguments: See `start`.
            cwd: See `start`.
            env: See `start`.
            timeout: Seconds after which it is killed.
            merge: Whether errors go to standard output as well.
        """
        with tempfile.TemporaryDirectory() as folder:
            out, err = pathlib.Path(folder, "out"), pathlib.Path(folder, "err")
            process = self.start(
                arguments, cwd=cwd, env=env, stdout=out, stderr=None if merge else err
            )
            code = process.wait(timeout)
            texts = [
                path.read_text(errors="replace") if path.exists() else None for path in (out, err)
            ]
        return subprocess.CompletedProcess(list(map(str, arguments)), code, *texts)


def serve():
    """Imports, then forks on request until its standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    path = sys.path[1:]  # without the folder of this file
    for name in MODULES:
        with contextlib.suppress(ImportError):
            __import__(name)
    codes = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            pid = request["poll"]
            if pid not in codes:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    codes[pid] = os.waitstatus_to_exitcode(status)
            answer = {"code": codes.get(pid)}
        else:
            pid = os.fork()
            if pid == 0:
                answers.close()
                run_program(request, path)
            answer = {"pid": pid}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def run_program(request, path):
    """Runs a program in this process, which has just been forked, and ends it."""
    import atexit
    import runpy
    import traceback

    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(request["stdout"], flags, 0o644), 1)
    os.dup2(1 if request["stderr"] is None else os.open(request["stderr"], flags, 0o644), 2)
    program, *arguments = request["arguments"]
    more = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    code = 0
    try:
        if program == "-m":
            module, *arguments = arguments
            sys.argv = [module, *arguments]
            sys.path[:] = [request["cwd"], *more, *path]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            sys.argv = [program, *arguments]
            sys.path[:] = [str(pathlib.Path(program).resolve().parent), *more, *path]
            runpy.run_path(program, run_name="__main__")
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            code = stop.code or 0
        else:
            print(stop.code, file=sys.stderr)
            code = 1
    except BaseException:  # noqa: BLE001 (as Python itself does at the end of a program)
        traceback.print_exc()
        code = 1
    finally:
        with contextlib.suppress(BaseException):
            threading._shutdown()
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code & 0xFF)


if __name__ == "__main__":
    serve()
