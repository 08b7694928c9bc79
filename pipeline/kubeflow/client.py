"""Client of the Kubeflow Pipelines API (v2beta1) with timeouts and retries.

`kfp.Client` is not used: it has no timeouts, keeps urllib3's default of three retries, follows
redirects with the token, may call the server in its constructor (five tries, five seconds apart),
reads and writes `~/.config/kfp/context.json`, prints links, and requests a token from Google for
some host names. The generated `kfp_server_api` has the published messages and paths and takes a
timeout per request: requests are built from its classes and sent by it, and the body of a run is
encoded as `kfp.Client` encodes it.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pipeline.kubeflow.connection import Connection, Token
from pipeline.kubeflow.errors import ClientError, ExistsError, TemporaryError
from pipeline.kubeflow.failures import Failure, failure_of, not_json

if TYPE_CHECKING:
    import tenacity

PAGE = 100  # page size of list requests


@dataclasses.dataclass(frozen=True)
class Retries:
    """Retry policy: exponential backoff that respects Retry-After.

    Attributes:
        tries: Maximum number of attempts, including the first.
        first_seconds: Wait before the second attempt; each further wait is twice as long.
        longest_seconds: Maximum wait, even if the server requests a longer one.
    """

    tries: int = 5
    first_seconds: float = 1.0
    longest_seconds: float = 30.0

    def wait(self, failed: int, after: float | None) -> float:
        """Returns the wait after `failed` attempts in seconds; `after` is Retry-After, if given."""
        own = self.first_seconds * 2 ** (failed - 1)
        return min(max(own, after or 0.0), self.longest_seconds)


class Client:
    """Sends requests; the constructor sends none.

    Args:
        connection: Server, credentials and timeouts.
        retries: Policy for read requests, and for create requests that cannot have arrived.
        sleep: Waits for a number of seconds.
        notice: Receives a message with the reason before each retry.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        retries: Retries = Retries(),
        sleep: Callable[[float], None] = time.sleep,
        notice: Callable[[str], None] = lambda _text: None,
    ) -> None:
        import kfp_server_api
        import urllib3

        self.connection = connection
        self._retries = retries
        self._sleep = sleep
        self._notice = notice
        self._timeout = (connection.connect_seconds, connection.read_seconds)
        configuration = kfp_server_api.Configuration(host=connection.host)
        if connection.ca_file:
            configuration.ssl_ca_cert = connection.ca_file
        # No retries by urllib3, and no redirects: they would send the token to a login page.
        configuration.retries = urllib3.Retry(0, redirect=False)
        if connection.token.source:
            # The token is read for each request, because a mounted one is renewed during a run.
            configuration.api_key["authorization"] = "read when it is sent"
            configuration.api_key_prefix["authorization"] = "Bearer"
            configuration.refresh_api_key_hook = _reader(connection.token)
        self._api = kfp_server_api.ApiClient(configuration)
        self._runs = kfp_server_api.RunServiceApi(self._api)
        self._recurring = kfp_server_api.RecurringRunServiceApi(self._api)
        self._experiments = kfp_server_api.ExperimentServiceApi(self._api)

    def get_run(self, run_id: str, *, tries: int | None = None) -> Any:
        """Returns a `V2beta1Run` with its tasks.

        Raises:
            NotFoundError: There is no run with this id.
            ClientError: The request failed (true of every method here); a `TemporaryError` if it
                may succeed later.
        """
        run = self._get(self._runs.run_service_get_run, run_id, about=f"run {run_id}", tries=tries)
        if not run.run_id:
            raise ClientError(self._not_ours("a run without an id"))
        return run

    def list_runs(self, *, experiment_id: str = "", limit: int) -> list[Any]:
        """Returns the newest runs, of an experiment or of the namespace, newest first."""
        where = {"experiment_id": experiment_id} if experiment_id else self._in_namespace()
        runs: list[Any] = []
        for answer in self._pages(
            self._runs.run_service_list_runs,
            about="list of runs",
            page_size=min(limit, PAGE),
            sort_by="created_at desc",
            **where,
        ):
            runs += answer.runs or []
            if len(runs) >= limit:
                break
        return runs[:limit]

    def create_run(self, run: Any) -> Any:
        """Creates a run from a `V2beta1Run` and returns it with its id."""
        answer = self._post(self._runs.run_service_create_run, run, creating="run")
        return self._with_id("run", answer, "run_id")

    def create_recurring_run(self, recurring_run: Any) -> Any:
        """Creates a schedule from a `V2beta1RecurringRun` and returns it with its id."""
        answer = self._post(
            self._recurring.recurring_run_service_create_recurring_run,
            recurring_run,
            creating="schedule",
        )
        return self._with_id("schedule", answer, "recurring_run_id")

    def list_recurring_runs(self, *, experiment_id: str = "", limit: int) -> list[Any]:
        """Returns the newest schedules, of an experiment or of the namespace, newest first."""
        where = {"experiment_id": experiment_id} if experiment_id else self._in_namespace()
        schedules: list[Any] = []
        for answer in self._pages(
            self._recurring.recurring_run_service_list_recurring_runs,
            about="list of schedules",
            page_size=min(limit, PAGE),
            sort_by="created_at desc",
            **where,
        ):
            schedules += answer.recurring_runs or []
            if len(schedules) >= limit:
                break
        return schedules[:limit]

    def enable_recurring_run(self, identity: str, *, enabled: bool) -> None:
        """Resumes or pauses a schedule; idempotent."""
        method = (
            self._recurring.recurring_run_service_enable_recurring_run
            if enabled
            else self._recurring.recurring_run_service_disable_recurring_run
        )
        self._get(method, identity, about=f"schedule {identity}")

    def delete_recurring_run(self, identity: str) -> None:
        """Deletes a schedule, and with it its unfinished runs.

        The schedule's object owns the workflows of its runs, so Kubernetes deletes them too.
        """
        # No retry: after a lost response, the second request would fail with 404.
        self._get(
            self._recurring.recurring_run_service_delete_recurring_run,
            identity,
            about=f"schedule {identity}",
            tries=1,
        )

    def find_experiment(self, name: str) -> Any | None:
        """Returns the `V2beta1Experiment` with this name in the namespace, or None."""
        import kfp_server_api as api

        predicate = api.V2beta1Predicate(
            operation=api.V2beta1PredicateOperation.EQUALS, key="display_name", string_value=name
        )
        wanted = api.V2beta1Filter(predicates=[predicate])
        answer = self._get(
            self._experiments.experiment_service_list_experiments,
            about="list of experiments",
            filter=json.dumps(self._api.sanitize_for_serialization(wanted)),
            **self._in_namespace(),
        )
        return next(iter(answer.experiments or []), None)

    def experiment_names(self) -> list[str]:
        """Returns the names of the newest experiments of the namespace, at most one page."""
        answer = self._get(
            self._experiments.experiment_service_list_experiments,
            about="list of experiments",
            page_size=PAGE,
            sort_by="created_at desc",
            **self._in_namespace(),
        )
        return [experiment.display_name for experiment in answer.experiments or []]

    def experiment(self, name: str) -> Any:
        """Returns the `V2beta1Experiment` with this name; creates it if necessary."""
        import kfp_server_api as api

        found = self.find_experiment(name)
        if found is not None:
            return found
        body = api.V2beta1Experiment(display_name=name, namespace=self.connection.namespace or None)
        try:
            answer = self._post(
                self._experiments.experiment_service_create_experiment, body, creating="experiment"
            )
        except ExistsError:
            # It was created concurrently.
            found = self.find_experiment(name)
            if found is None:
                raise
            return found
        return self._with_id("experiment", answer, "experiment_id")

    def _with_id(self, what: str, answer: Any, name: str) -> Any:
        if not getattr(answer, name):
            text = self._not_ours(f"a new {what} without an id")
            raise ClientError(f"{text}\n{maybe_created(what, self.connection.host)}")
        return answer

    def _not_ours(self, what: str) -> str:
        return f"{self.connection.host} answered with {what}; check that --host is the API server"

    def _in_namespace(self) -> dict[str, Any]:
        return {"namespace": self.connection.namespace} if self.connection.namespace else {}

    def _pages(self, method: Callable[..., Any], **arguments: Any) -> Iterator[Any]:
        place: dict[str, Any] = {}
        while True:
            answer = self._get(method, **arguments, **place)
            yield answer
            if not answer.next_page_token:
                return
            place = {"page_token": answer.next_page_token}

    def _get(
        self,
        method: Callable[..., Any],
        *values: Any,
        about: str,
        tries: int | None = None,
        **arguments: Any,
    ) -> Any:
        """Sends an idempotent request, with retries after temporary failures."""
        answer, tried = self._send(
            lambda: self._once(method, *values, about=about, **arguments),
            lambda failure: failure.again,
            self._retries.tries if tries is None else tries,
        )
        if isinstance(answer, Failure):
            raise answer.kind(answer.message + tried)
        return answer

    def _post(self, method: Callable[..., Any], body: Any, *, creating: str) -> Any:
        """Sends a request that creates something; retries only if it cannot have arrived."""
        answer, tried = self._send(
            lambda: self._once(method, body, about=f"the new {creating}"),
            lambda failure: failure.again and not failure.sent,
            self._retries.tries,
        )
        if not isinstance(answer, Failure):
            return answer
        if answer.sent:
            raise ClientError(f"{answer.message}\n{maybe_created(creating, self.connection.host)}")
        kind = ClientError if issubclass(answer.kind, TemporaryError) else answer.kind
        raise kind(f"{answer.message}{tried}; no {creating} was created")

    def _send(
        self,
        request: Callable[[], Any | Failure],
        is_retried: Callable[[Failure], bool],
        tries: int,
    ) -> tuple[Any | Failure, str]:
        """Sends a request until it succeeds or must not be sent again.

        Returns:
            The answer or the last failure; the number of tries in words, empty for one.
        """
        import tenacity

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(tries),
            wait=lambda state: self._retries.wait(state.attempt_number, _result(state).after),
            retry=tenacity.retry_if_result(
                lambda answer: isinstance(answer, Failure) and is_retried(answer)
            ),
            sleep=self._sleep,
            before_sleep=self._announce,
            retry_error_callback=_result,
        )
        answer = retrying(request)
        tried = retrying.statistics["attempt_number"]
        return answer, f" ({tried} tries)" if tried > 1 else ""

    def _announce(self, state: tenacity.RetryCallState) -> None:
        reason = _result(state).message.partition("; ")[0]
        self._notice(f"{reason}; trying again in {state.upcoming_sleep:g} s")

    def _once(
        self, method: Callable[..., Any], *values: Any, about: str, **arguments: Any
    ) -> Any | Failure:
        """Sends one request and returns its response or its failure."""
        import urllib3.exceptions
        from kfp_server_api.exceptions import OpenApiException

        self._api.last_response = None
        try:
            answer = method(*values, _request_timeout=self._timeout, **arguments)
        except (OpenApiException, urllib3.exceptions.HTTPError) as error:
            return failure_of(error, self.connection, about=about)
        except (AttributeError, TypeError, ValueError) as error:
            # The generated client raises these on a body that does not match its message, and
            # on errors whose body is not UTF-8.
            return self._not_json() or failure_of(error, self.connection, about=about)
        return self._not_json() or answer

    def _not_json(self) -> Failure | None:
        if self._api.last_response is None:
            return None
        data = self._api.last_response.data
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        return not_json(self.connection, text)


def _result(state: tenacity.RetryCallState) -> Any:
    assert state.outcome is not None  # it is None before the first attempt only
    return state.outcome.result()


def maybe_created(what: str, host: str) -> str:
    """Returns the advice for a create request whose outcome is unknown."""
    before = {
        "run": "list the runs with `runs` before you submit again",
        "schedule": f"check {host}/#/recurringruns before you schedule again",
        "experiment": "repeat the command, which will find it",
    }
    return f"The {what} may have been created nevertheless: {before[what]}."


def _reader(token: Token) -> Callable[[Any], None]:
    def refresh(configuration: Any) -> None:
        configuration.api_key["authorization"] = token.read()

    return refresh
