"""SQS: LocalStack's own, with metrics as they come and messages that move as on AWS."""

from __future__ import annotations

from typing import Any

from localstack import config
from localstack.aws.api import RequestContext
from localstack.aws.api.sqs import UnsupportedOperation
from localstack.services.sqs.exceptions import InvalidParameterValueException
from localstack.services.sqs.models import MessageMoveTaskStatus
from localstack.services.sqs.provider import SqsProvider
from localstack.services.sqs.utils import decode_move_task_handle

from tidegate_localstack.emulated.queue_metrics import Counts
from tidegate_localstack.emulated.queue_moves import FASTEST, Moves

MOST_TASKS = 10
"""How many tasks are listed at most."""


class Queues(SqsProvider):
    """LocalStack's provider, corrected."""

    def __init__(self) -> None:
        # Its own metrics come once a minute, each a request to itself.
        config.SQS_DISABLE_CLOUDWATCH_METRICS = True
        super().__init__()
        counts: Any = Counts()
        self._cloudwatch_dispatcher = counts
        self._message_move_task_manager = Moves()

    def start_message_move_task(
        self,
        context: RequestContext,
        source_arn: str,
        destination_arn: str | None = None,
        max_number_of_messages_per_second: int | None = None,
        **rest: Any,
    ) -> Any:
        """Begin to move messages, not faster than they may be moved."""
        rate: Any = max_number_of_messages_per_second
        where: Any = destination_arn
        if rate is not None and not 1 <= rate <= FASTEST:
            raise InvalidParameterValueException(
                f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must "
                f"be between 1 and {FASTEST}, if provided."
            )
        return super().start_message_move_task(context, source_arn, where, rate, **rest)

    def list_message_move_tasks(
        self, context: RequestContext, source_arn: str, max_results: int | None = None, **rest: Any
    ) -> Any:
        """The latest tasks of a queue; of one that has nothing more to move, no handle is told."""
        most: Any = max_results
        if most is not None and not 1 <= most <= MOST_TASKS:
            raise InvalidParameterValueException(
                f"Value {most} for parameter MaxResults is invalid. Reason: Must be between "
                f"1 and {MOST_TASKS}, if provided."
            )
        return super().list_message_move_tasks(context, source_arn, most, **rest)

    def cancel_message_move_task(
        self, context: RequestContext, task_handle: str, **rest: Any
    ) -> Any:
        """End a task that runs; what it has moved stays moved."""
        task = self._task(context, task_handle)
        if task is not None and task.status != MessageMoveTaskStatus.RUNNING:
            raise UnsupportedOperation("Only active tasks can be cancelled.")
        return super().cancel_message_move_task(context, task_handle, **rest)

    def _task(self, context: RequestContext, handle: str) -> Any:
        try:
            identifier, _ = decode_move_task_handle(handle)
        except ValueError:
            return None
        return self.get_store(context.account_id, context.region).move_tasks.get(identifier)
