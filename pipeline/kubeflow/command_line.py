"""The command line of the commands that speak to a Kubeflow Pipelines server."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any

from pipeline.session import FAILED, INTERRUPTED, PUSHED, REFUSED

WRONG_COMMAND, TIME_OVER = 2, 4
EXPERIMENT = "Default"  # where KFP itself puts a run without one
LIST, PAUSE, RESUME, DELETE = "list", "pause", "resume", "delete"
MOST_CONCURRENT = 10  # the backend refuses more
EXIT_CODES = f"""exit codes with --wait:
  {PUSHED}    the run succeeded and pushed its model
  {FAILED}    the run failed or was canceled, or the server could not be asked
  {WRONG_COMMAND}    the command line or the pipeline file is wrong, nothing was sent
  {REFUSED}    the gate refused the model, nothing was pushed
  {TIME_OVER}    --timeout is over; the run goes on
  {INTERRUPTED}  interrupted; the run goes on"""
SERVER = """the server:
  --host or KFP_HOST            its URL; behind a Kubeflow dashboard https://.../pipeline
  --namespace or KFP_NAMESPACE  on a multi-user installation; in a pod, the pod's by default
  KFP_TOKEN                     a bearer token, or
  KFP_TOKEN_FILE                a file that holds one; in a pod, the mounted token by default
  SSL_CERT_FILE                 certificates of your own authority"""


def add_commands(subparsers: Any) -> None:
    """Adds the commands to the subparsers of a command line (`add_subparsers(dest="command")`)."""
    submit = _command(subparsers, "submit", "run a compiled pipeline once", EXIT_CODES)
    _add_pipeline(submit)
    submit.add_argument(
        "--run-name", metavar="N", default="", help="default: the pipeline's name and the time"
    )
    _add_waiting(submit)

    schedule = _command(subparsers, "schedule", "run a compiled pipeline again and again", "")
    _add_pipeline(schedule)
    schedule.add_argument("--name", metavar="N", required=True, help="name of the schedule")
    schedule.add_argument(
        "--cron",
        metavar="FIELDS",
        required=True,
        help='when: "0 3 * * 1" is Mondays at 3:00; six fields start with seconds. In UTC, unless '
        "the cluster sets CRON_SCHEDULE_TIMEZONE",
    )
    schedule.add_argument(
        "--max-concurrency",
        metavar="N",
        type=_concurrency,
        default=1,
        help=f"runs of it at the same time, 1 to {MOST_CONCURRENT} (default 1)",
    )
    schedule.add_argument(
        "--catchup",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="after a pause, run also for the times that were missed",
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
        help="default: list. Runs of a paused schedule continue; deleting a schedule ends those "
        "that are not done",
    )
    schedules.add_argument(
        "schedule_id", nargs="?", metavar="SCHEDULE_ID", default="", help="as the list prints it"
    )
    schedules.add_argument("--experiment", metavar="E", default="", help="list: of this experiment")
    schedules.add_argument(
        "--limit", metavar="N", type=_positive_integer, default=20, help="list: how many"
    )

    listing = _command(subparsers, "runs", "list the newest runs", "")
    listing.add_argument("--experiment", metavar="E", default="", help="only of this experiment")
    listing.add_argument(
        "--limit", metavar="N", type=_positive_integer, default=20, help="how many (default 20)"
    )

    status = _command(subparsers, "status", "show a run and its tasks", EXIT_CODES)
    status.add_argument("run_id", metavar="RUN_ID", help="as `submit` and `runs` print it")
    status.add_argument(
        "--logs",
        metavar="TASK",
        default="",
        help="print the logs of this task, of all its tries, in place of the status: read from the "
        "pipeline root, with the credentials of this process (AWS_..., for minio:// "
        "AWS_ENDPOINT_URL, or Google's)",
    )
    status.add_argument(
        "--pipeline-root",
        metavar="URI",
        default="",
        help="with --logs, where neither the run nor its pipeline names it",
    )
    _add_waiting(status)


def _command(subparsers: Any, name: str, summary: str, epilog: str) -> argparse.ArgumentParser:
    result = subparsers.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog="\n\n".join(filter(None, [SERVER, epilog])),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument("--host", metavar="URL", default="", help="the API server (or KFP_HOST)")
    result.add_argument(
        "--namespace", metavar="NS", default="", help="of a multi-user installation"
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
        help=f"created if there is none of that name (default {EXPERIMENT})",
    )
    parser.add_argument(
        "--param",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a parameter of the pipeline, lists and structs as JSON; may be given several times",
    )
    parser.add_argument(
        "--pipeline-root",
        metavar="URI",
        default="",
        help="where artifacts go (default: as the pipeline file says)",
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="run every task, also those run before"
    )


def _add_waiting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait", action="store_true", help="follow the run to its end; the exit code says how"
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_positive_number,
        help="with --wait: stop waiting after this time; the run goes on",
    )


def _positive_number(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _positive_integer(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _concurrency(text: str) -> int:
    value = _positive_integer(text)
    if value > MOST_CONCURRENT:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST_CONCURRENT}, KFP's limit")
    return value
