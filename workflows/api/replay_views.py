"""Replays in the API: of parked runs at once, and of many in the background, which can be watched, paused and cancelled."""

from collections.abc import Mapping
from typing import Any, Literal

from django.db.models import QuerySet
from pydantic import AwareDatetime, Field
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.base import CalledView, found_or_404
from wegnology.applications.models import Role
from wegnology.lib.rest.answers import DONE, ID_PATTERN, Answer, Success, iso, with_links
from wegnology.lib.rest.errors import Conflict, Invalid
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection, collection_model
from wegnology.lib.schema import Schema
from workflows.models import ParkedRun, ReplayJob, ReplayState
from workflows.parked import MOST_IDS, Chosen
from workflows.replay import send_back
from workflows.replay_jobs import LEAST_RATE, MOST_JOBS, MOST_RATE, USUAL_RATE, JobRefused, begin, change

Version = Literal["develop"] | None
_VERSION: Any = Field(None, description="`develop` for the develop version; null for the one that triggers fire.")
LISTING = Listing(
    "ReplayJobs",
    sort={"creationDate": "created_at", "id": "pk"},
    filters={"state": "state"},
    default="creationDate",
    direction="desc",
)


class ReplayOnePost(Schema):
    """How a parked run runs again."""

    version: Version = _VERSION


class ReplayPost(ReplayOnePost):
    """Which parked runs run again, and how. What is given narrows."""

    ids: list[str] = Field([], max_length=MOST_IDS, description="These.")
    integration_id: str = Field("", max_length=24)
    flow_id: str = Field("", max_length=24)
    reason: str = Field("", max_length=64)
    text: str = Field("", max_length=255, description="A part of the error's name or text, or the id of an event.")
    before: AwareDatetime | None = Field(None, description="Parked before this time. By itself it means all until then.")

    def chosen(self) -> Chosen:
        """Return what is meant; raises `Invalid` when nothing says which."""
        before = self.before.isoformat() if self.before else ""
        chosen = Chosen(self.reason, self.flow_id, self.integration_id, self.text, before, tuple(self.ids))
        if chosen == Chosen():
            raise Invalid({"": "Say which: ids, integrationId, flowId, reason, text or before."})
        return chosen


class ReplayJobPost(ReplayPost):
    """A replay in the background."""

    rate: float = Field(USUAL_RATE, ge=LEAST_RATE, le=MOST_RATE, description="Runs a second.")


class ReplayJobPatch(Schema):
    """Pause it, go on with it, or cancel it."""

    state: Literal["running", "paused", "cancelled"]


class Replayed(Success):
    """How many are on their way. Those for which an inbox has no room stay parked."""

    replayed: int
    left: int = Field(description="How many of those that were meant are still parked.")


class ReplayJobAnswer(Answer):
    """A replay of many parked runs. What was parked after it began is not its own."""

    id: str = Field(pattern=ID_PATTERN)
    replay_job_id: str = Field(pattern=ID_PATTERN)
    application_id: str = Field(pattern=ID_PATTERN)
    creation_date: str
    last_updated: str
    state: Literal["running", "paused", "done", "cancelled"]
    version: Version
    rate: float
    total: int = Field(description="How many runs were meant when it began.")
    done: int = Field(description="How many of them are on their way again.")
    refused: int = Field(description="How many cannot be replayed as they are and stay parked.")
    note: str = Field(description="Why it waits, or why the last one was refused.")
    asker: str = Field(description="Who began it.")
    ids: int = Field(description="How many runs were named by id; 0 when it was all that fits the rest.")
    integration_id: str
    flow_id: str
    reason: str
    text: str
    before: str


ReplayJobCollection = collection_model("ReplayJobCollection", ReplayJobAnswer, applicationId=(str, ...))


class ReplayOneView(CalledView):
    """/applications/{applicationId}/parkedRuns/{parkedRunId}/replay."""

    @operation(
        "Run a parked run again", scope="parkedRun.replay", role=Role.EDITOR, answer=Replayed, body=ReplayOnePost, errors=(409,)
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Put its event back. No body is needed."""
        how = self.body(ReplayOnePost) if request.data is not None else ReplayOnePost()
        rows = ParkedRun.objects.filter(application=self.application)
        found_or_404(rows, ids["parkedRunId"], "Parked run")
        return _replayed(rows.filter(pk=ids["parkedRunId"]), how.version)


class ReplayView(CalledView):
    """/applications/{applicationId}/parkedRuns/replay."""

    @operation(
        "Run parked runs again",
        scope="parkedRuns.replay",
        role=Role.EDITOR,
        answer=Replayed,
        body=ReplayPost,
        errors=(409,),
        description=f"The oldest {MOST_IDS:,} of those that are meant, at once. For more, or at a rate, begin a replay job.",
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Put their events back."""
        wanted = self.body(ReplayPost)
        return _replayed(wanted.chosen().rows([self.application.pk])[:MOST_IDS], wanted.version)


class _JobViews(CalledView):
    def job(self, ids: Mapping[str, str]) -> ReplayJob:
        """Return the job of the address."""
        return found_or_404(self.jobs(), ids["replayJobId"], "Replay job")

    def jobs(self) -> QuerySet[ReplayJob]:
        """Return the application's jobs."""
        return ReplayJob.objects.filter(application=self.application)

    def shown(self, row: ReplayJob) -> dict[str, Any]:
        """Return a job as it is answered."""
        home = f"/applications/{row.application_id}"
        chosen = Chosen.from_json(row.chosen)
        answer = {
            "id": row.pk,
            "replayJobId": row.pk,
            "applicationId": row.application_id,
            "creationDate": iso(row.created_at),
            "lastUpdated": iso(row.advanced_at),
            "version": row.version or None,
            **{name: getattr(row, name) for name in ("state", "rate", "total", "done", "refused", "note", "asker")},
            "ids": len(chosen.ids),
            "integrationId": chosen.integration_id,
            "flowId": chosen.workflow_id,
            **{name: getattr(chosen, name) for name in ("reason", "text", "before")},
        }
        links = {"self": f"{home}/replayJobs/{row.pk}", "application": home, "parkedRuns": f"{home}/parkedRuns"}
        return with_links(answer, self.flags, links, self, ("PATCH",))


class ReplayJobsView(_JobViews):
    """/applications/{applicationId}/replayJobs."""

    @operation("List replay jobs", scope="replayJobs.get", role=Role.VIEWER, answer=ReplayJobCollection, query=LISTING.query)
    def get(self, request: Request, **ids: str) -> Response:
        """Return a page of them."""
        query: Any = self.query(LISTING.query)
        page, total = LISTING.page(self.jobs(), query)
        return Response(collection([self.shown(row) for row in page], total, query, applicationId=self.application.pk))

    @operation(
        "Begin to replay parked runs in the background",
        scope="replayJobs.post",
        role=Role.EDITOR,
        answer=ReplayJobAnswer,
        status=201,
        body=ReplayJobPost,
        errors=(409,),
        description=f"The oldest first, at a rate. At most {MOST_JOBS} of an application are under way or paused.",
        examples={"what failed": {"reason": "failed", "flowId": "575ec8687ae143cd83dc4a97", "rate": 5}},
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Begin, and return the job."""
        wanted = self.body(ReplayJobPost)
        how: dict[str, Any] = {"rate": wanted.rate, "version": wanted.version or ""}
        try:
            job = begin(self.application, wanted.chosen(), **how, asker=self.caller.actor.name)
        except JobRefused as error:
            raise Conflict(f"Nothing is replayed: {error}.") from None
        return Response(self.shown(job), status=201)


class ReplayJobView(_JobViews):
    """/applications/{applicationId}/replayJobs/{replayJobId}."""

    @operation("Read a replay job", scope="replayJob.get", role=Role.VIEWER, answer=ReplayJobAnswer)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        return Response(self.shown(self.job(ids)))

    @operation(
        "Pause, go on with or cancel a replay job",
        scope="replayJob.patch",
        role=Role.EDITOR,
        answer=ReplayJobAnswer,
        body=ReplayJobPatch,
        errors=(409,),
        description="What a cancelled job has not come to stays parked.",
    )
    def patch(self, request: Request, **ids: str) -> Response:
        """Change its state."""
        job = self.job(ids)
        if not change(job, ReplayState(self.body(ReplayJobPatch).state)):
            job.refresh_from_db()
            raise Conflict(f"This replay is {job.state}. Begin another one for what is still parked.")
        job.refresh_from_db()
        return Response(self.shown(job))


def _replayed(rows: QuerySet[ParkedRun], version: Version) -> Response:
    runs = list(rows)
    result = send_back(runs, version or "")
    if runs and not result.done:
        why = next(iter(result.refused.values()), "The inbox has no room for it now.")
        raise Conflict(f"Nothing was run again. {why}")
    return Response({**DONE, "replayed": len(result.done), "left": len(runs) - len(result.done)})
