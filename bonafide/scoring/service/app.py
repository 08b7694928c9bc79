"""The application of a process: page and API on one engine, each on a port of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable

from bonafide.scoring.model import Model, Scorer
from bonafide.scoring.service import api, page
from bonafide.scoring.service.admission import Admission
from bonafide.scoring.service.guard import App, Guard, Policy, Receive, Scope, Send
from bonafide.scoring.service.keys import Keyring
from bonafide.scoring.service.logs import failure, log
from bonafide.scoring.service.metrics import Metrics, forget_dead_workers
from bonafide.scoring.service.models import Loaded, ModelStore
from bonafide.scoring.service.settings import LOOPBACK, Settings
from bonafide.scoring.service.site import Site
from bonafide.scoring.service.work import Desk
from bonafide.scoring.single import ScoreBatch


def create(settings: Settings, load: Callable[[Model], ScoreBatch] = Scorer) -> Application:
    """Returns the application, with its model loaded.

    Args:
        settings: Of the service.
        load: Loads a model.

    Raises:
        ModelError: There is no model, or it cannot be used.
    """
    forget_dead_workers()
    metrics = Metrics()

    def watch(found: Loaded | Exception) -> None:
        if isinstance(found, Loaded):
            metrics.version.clear()
            metrics.version.labels(found.version).set(1)
            metrics.reloads.labels("loaded").inc()
            log("model_loaded", version=found.version, sha256=found.sha256)
        else:
            metrics.reloads.labels("refused").inc()
            log("model_refused", logging.ERROR, reason=str(found), **failure(found))

    store = ModelStore(settings.model, load=load, watch=watch)
    limits = settings.limits
    site = Site(store, Desk(limits, metrics), Admission(limits), metrics, limits)
    return Application(site, settings)


class Application:
    """An ASGI application: dispatches by the port that a request came in on.

    Page and API are different origins to a browser, so what runs in one cannot read the other.

    Args:
        site: What they share.
        settings: Of the service.
    """

    def __init__(self, site: Site, settings: Settings) -> None:
        self.site, self._settings = site, settings
        self._page: App = Guard(
            page.application(site),
            Policy("page", LOOPBACK, page.HEADERS, page.error_body),
            site.limits,
            site.admission,
            Keyring(()),
            site.metrics,
        )
        self._api: App = Guard(
            api.application(site),
            Policy("api", settings.api_hosts, api.HEADERS, lambda error, id_: error.to_json(id_)),
            site.limits,
            site.admission,
            Keyring(settings.keys),
            site.metrics,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers; see ASGI."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        is_page = (scope.get("server") or ("", None))[1] == self._settings.page_port
        await (self._page if is_page else self._api)(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Starts, and at the end stops, what runs beside the requests."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self._settings.reload_seconds:
                    self.site.store.follow(self._settings.reload_seconds)
                await send({"type": "lifespan.startup.complete"})
            else:
                self.site.store.stop()
                self.site.desk.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
