"""Options of the commands that use a Kubeflow Pipelines server."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any

from pipeline.session import FAILED, INTERRUPTED, PUSHED, REFUSED

WRONG_COMMAND, TIME_OVER = 2, 4
EXPERIMENT = "Default"  # KFP's default experiment
LIST, PAUSE, RESUME, DELETE = "list", "pause", "resume", "delete"
MOST_CONCURRENT = 10  # the backend's limit
EXIT_CODES = f"""exit codes with --wait:
  {PUSHED}    the run succeeded and pushed its model
  {FAILED}    the run failed or was canceled, or the server could not be reached
  {WRONG_COMMAND}    the command line or the pipeline file is invalid; nothing was sent
  {REFUSED}    the gate refused the model; nothing was pushed
  {TIME_OVER}    --timeout expired; the run continues
  {INTERRUPTED}  interrupted; the run continues"""
SERVER = """the server:
  --host or KFP_HOST            URL of the server; behind a Kubeflow dashboard https://.../pipeline
  --namespace or KFP_NAMESPACE  for multi-user installations (in a pod, default: the pod's)
  KFP_TOKEN                     a bearer token, or
  KFP_TOKEN_FILE                a file with a token (in a pod, default: the mounted token)
  SSL_CERT_FILE                 certificates of a private certificate authority"""


def add_commands(subparsers: Any) -> None:
    """Adds the commands to the result of `add_subparsers(dest="command")`."""
    submit = _command(subparsers, "submit", "run a compiled pipeline once", EXIT_CODES)
    _add_pipeline(submit)
    submit.add_argument(
        "--run-name", metavar="N", default="", help="default: the pipeline's name and the time"
    )
    _add_waiting(submit)

    schedule = _command(subparsers, "schedule", "run a compiled pipeline periodically", "")
    _add_pipeline(schedule)
    schedule.add_argument("--name", metavar="N", required=True, help="name of the schedule")
    schedule.add_argument(
        "--cron",
        metavar="FIELDS",
        required=True,
        help='cron expression: "0 3 * * 1" is Mondays at 3:00; six fields start with seconds. In '
        "UTC, unless the cluster sets CRON_SCHEDULE_TIMEZONE",
    )
    schedule.add_argument(
        "--max-concurrency",
        metavar="N",
        type=_concurrency,
        default=1,
        help=f"maximum number of concurrent runs, 1 to {MOST_CONCURRENT} (default 1)",
    )
    schedule.add_argument(
        "--catchup",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="after a pause, also start the runs that were missed",
    )
    schedule.add_argument(
        "--disabled", action="store_true", help="create it paused; `schedules resume` starts it"
    )

    schedules = _command(subparsers, "schedules", "list, pause, resume or delete schedules", "")
    schedules.add_argument(
        "action",
        nargs="?",
        choices=(LIST, PAUSE, RESUME, DELETE),
        default=LIST,
        help="default: list. Runs of a paused schedule continue; deleting a schedule cancels its "
        "unfinished runs",
    )
    schedules.add_argument(
        "schedule_id", nargs="?", metavar="SCHEDULE_ID", default="", help="id from `schedules list`"
    )
    schedules.add_argument(
        "--experiment", metavar="E", default="", help="list: only this experiment"
    )
    schedules.add_argument(
        "--limit",
        metavar="N",
        type=_positive_integer,
        default=20,
        help="list: maximum number (default 20)",
    )

    listing = _command(subparsers, "runs", "list the newest runs", "")
    listing.add_argument("--experiment", metavar="E", default="", help="only this experiment")
    listing.add_argument(
        "--limit",
        metavar="N",
        type=_positive_integer,
        default=20,
        help="maximum number (default 20)",
    )

    status = _command(subparsers, "status", "show a run and its tasks", EXIT_CODES)
    status.add_argument("run_id", metavar="RUN_ID", help="id from `submit` or `runs`")
    status.add_argument(
        "--logs",
        metavar="TASK",
        default="",
        help="print the logs of all attempts of this task instead of the status. They are read "
        "from the pipeline root with the credentials of this process (AWS_..., for minio:// "
        "AWS_ENDPOINT_URL, or Google's)",
    )
    status.add_argument(
        "--pipeline-root",
        metavar="URI",
        default="",
        help="with --logs, if neither the run nor its pipeline defines it",
    )
    _add_waiting(status)


def _command(subparsers: Any, name: str, summary: str, epilog: str) -> argparse.ArgumentParser:
    result = subparsers.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog="\n\n".join(filter(None, [SERVER, epilog])),
    )
    result.add_argument("--host", metavar="URL", default="", help="the API server (or KFP_HOST)")
    result.add_argument(
        "--namespace", metavar="NS", default="", help="namespace on a multi-user installation"
    )
    return result


def _add_pipeline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pipeline", metavar="PIPELINE.yaml", type=pathlib.Path, help="the compiled pipeline"
    )
    parser.add_argument(
        "--experiment",
        metavar="E",
        default=EXPERIMENT,
        help=f"name of the experiment; created if it does not exist (default {EXPERIMENT})",
    )
    parser.add_argument(
        "--param",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="value of a pipeline parameter, lists and structs as JSON; can be repeated",
    )
    parser.add_argument(
        "--pipeline-root",
        metavar="URI",
        default="",
        help="location of the artifacts (default: that of the pipeline file)",
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="run every task, without cached results"
    )


def _add_waiting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait", action="store_true", help="wait for the run to end; the exit code is its result"
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_positive_number,
        help="with --wait: stop waiting after this time; the run continues",
    )


def _positive_number(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def _positive_integer(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return value


def _concurrency(text: str) -> int:
    value = _positive_integer(text)
    if value > MOST_CONCURRENT:
        raise argparse.ArgumentTypeError(
            f"expected at most {MOST_CONCURRENT} (KFP's limit), got {text}"
        )
    return value
