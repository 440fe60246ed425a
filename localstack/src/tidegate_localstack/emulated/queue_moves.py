"""Tasks that move messages from a dead-letter queue back to where they came from, or elsewhere.

LocalStack's move a message as it is. On AWS it arrives as a new one: it has another identifier, has
been sent just now and received never, or else it would be among the dead letters again at once.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

import logging
import time
from typing import Any

from localstack.services.sqs.models import FifoQueue, MessageMoveTaskStatus, SqsMessage
from localstack.services.sqs.provider import MessageMoveTaskManager
from localstack.services.sqs.utils import generate_message_id

LOG = logging.getLogger(__name__)

FASTEST = 500
"""Messages a second, at most."""
HIDDEN_SECONDS = 30
"""How long a message is hidden that is being moved; far longer than that takes."""
OF_BEFORE = {
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "DeadLetterQueueSourceArn",
    "SequenceNumber",
}
"""Attributes that say what happened to a message before it was moved."""


class UnknownSourceError(Exception):
    """A message was sent to the dead-letter queue itself."""


class Moves(MessageMoveTaskManager):
    """All tasks that move messages, a thread for each while it runs."""

    def _run(self, move_task: Any) -> None:
        try:
            while not move_task.cancel_event.is_set() and self._move_one(move_task):
                move_task.approximate_number_of_messages_moved += 1
                rate = move_task.max_number_of_messages_per_second or FASTEST
                move_task.cancel_event.wait(1 / rate)
        except Exception as error:
            self._fail_task(move_task, error)
            if isinstance(error, UnknownSourceError):
                move_task.failure_reason = "CouldNotDetermineMessageSource"
            return
        is_cancelled = move_task.cancel_event.is_set()
        move_task.status = (
            MessageMoveTaskStatus.CANCELLED if is_cancelled else MessageMoveTaskStatus.COMPLETED
        )

    def _move_one(self, move_task: Any) -> bool:
        """Move the next message; there may be none."""
        source = self._get_queue_by_arn(move_task.source_arn)
        received = source.receive(num_messages=1, visibility_timeout=HIDDEN_SECONDS)
        if not received.successful:
            return False
        (message,), (handle,) = received.successful, received.receipt_handles
        try:
            self._put(message, move_task.destination_arn)
        except Exception:
            source.update_visibility_timeout(handle, 0)
            raise
        source.remove(handle)
        return True

    def _put(self, message: SqsMessage, destination: str | None) -> None:
        where = destination or message.dead_letter_queue_source_arn
        if not where:
            raise UnknownSourceError
        queue = self._get_queue_by_arn(where)
        told, group = moved(message.message), message.message_group_id
        if isinstance(queue, FifoQueue):
            # Under its old identifier it would pass for a message that is there already.
            queue.put(told, message_group_id=group, message_deduplication_id=told["MessageId"])
        else:
            queue.put(told, message_group_id=group)


def moved(message: Any) -> Any:
    """A message as it arrives where it is moved to."""
    before = message.get("Attributes") or {}
    attributes = {name: value for name, value in before.items() if name not in OF_BEFORE}
    attributes["SentTimestamp"] = str(int(time.time() * 1000))
    return {**message, "MessageId": generate_message_id(), "Attributes": attributes}
