import datetime

import pytest

from pipeline.kubeflow.errors import ClientError, TemporaryError
from pipeline.kubeflow.watch import TimeOverError, wait

NOW = datetime.datetime(2026, 3, 2, 12, 0, 0, tzinfo=datetime.UTC)


class Told(list):
    def __call__(self, task):
        self.append((task.name, task.state))


def follow(world, answers, told, **options):
    """Waits for a run whose state is each of the answers in turn; an exception is raised."""
    pending = list(answers)

    def get_run():
        answer = pending.pop(0) if len(pending) > 1 else pending[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return wait(
        get_run,
        told,
        timeout=options.pop("timeout", None),
        clock=world.outside.clock,
        sleep=world.sleep,
        now=lambda: NOW,
        **options,
    )


@pytest.fixture
def states(make_run, as_message):
    return [
        as_message(make_run("PENDING")),
        as_message(make_run("RUNNING", {"UtteranceGen": "RUNNING"})),
        as_message(make_run("RUNNING", {"UtteranceGen": "RUNNING"})),
        as_message(make_run("SUCCEEDED", {"UtteranceGen": "SUCCEEDED", "ModelPusher": "SKIPPED"})),
    ]


def test_each_change_of_a_task_is_told_once(world, states):
    told = Told()
    run = follow(world, states, told)
    assert run.state == "SUCCEEDED"
    assert told == [
        ("UtteranceGen", "RUNNING"),
        ("ModelPusher", "SKIPPED"),
        ("UtteranceGen", "SUCCEEDED"),
    ]
    assert world.slept == [10.0, 10.0, 10.0]


def test_a_server_that_fails_for_a_while_is_survived(world, states):
    answers = [states[1], *[TemporaryError("503")] * 20, states[-1]]
    assert follow(world, answers, Told()).state == "SUCCEEDED"


def test_a_server_that_fails_for_good_is_told(world, states):
    with pytest.raises(TemporaryError, match="gone"):
        follow(world, [states[1], TemporaryError("gone")], Told(), patience=60.0)
    assert sum(world.slept) == 70.0  # the first time that is longer ago than that


def test_other_errors_end_the_waiting_at_once(world, states):
    with pytest.raises(ClientError, match="401"):
        follow(world, [states[1], ClientError("401")], Told())
    assert world.slept == [10.0]


def test_the_time_is_kept_to_the_second(world, states):
    with pytest.raises(TimeOverError):
        follow(world, [states[1]], Told(), timeout=25.0)
    assert world.slept == [10.0, 10.0, 5.0]
