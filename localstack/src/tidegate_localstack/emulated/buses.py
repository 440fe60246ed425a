"""EventBridge: LocalStack's own, with rules that can be disabled, dead letters, and replays.

Its rules go on sending when they are disabled, and it reads some patterns otherwise than AWS.
"""

from __future__ import annotations

import json
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.api.events import ResourceAlreadyExistsException, RuleState
from localstack.services.events.models import Replay, ValidationException
from localstack.services.events.provider import EventsProvider
from localstack.services.events.utils import extract_event_bus_name, is_archive_arn

from tidegate_localstack.emulated import bus_replays, event_patterns
from tidegate_localstack.emulated.bus_deliveries import Delivery, count

INTERNAL = "event-bus-name"
"""A field LocalStack adds to events, which no rule and no target is to see."""


class Buses(EventsProvider):
    """LocalStack's provider, corrected."""

    def _process_rules(
        self, rule: Any, region: str, account_id: str, event_formatted: Any, trace_header: Any
    ) -> None:
        """Bring an event to the targets of a rule, if the rule is enabled and wants it."""
        event = {name: value for name, value in event_formatted.items() if name != INTERNAL}
        pattern = json.loads(rule.event_pattern or "null")
        if rule.state == RuleState.DISABLED or not pattern:
            return
        if not event_patterns.matches(pattern, event):
            return
        targets = list(rule.targets.values())
        count(rule, {"MatchedEvents": 1.0, "TriggeredRules": 1.0})
        for target in targets:
            if is_archive_arn(target["Arn"]):
                self._put_to_archive(region, account_id, target["Id"], event_formatted)
                continue
            sender = self._target_sender_store.get(f"{rule.arn}-{target['Id']}")
            if sender is not None:
                Delivery(rule, target, sender, event, trace_header).begin()

    def test_event_pattern(
        self, context: RequestContext, event_pattern: str, event: str, **rest: Any
    ) -> Any:
        """Whether an event matches a pattern."""
        super().test_event_pattern(context, event_pattern, event, **rest)
        return {"Result": event_patterns.matches(json.loads(event_pattern), json.loads(event))}

    def start_replay(
        self,
        context: RequestContext,
        replay_name: str,
        event_source_arn: str,
        event_start_time: Any,
        event_end_time: Any,
        destination: Any,
        description: Any = None,
        **rest: Any,
    ) -> Any:
        """Replay what an archive kept between two moments."""
        region, account = context.region, context.account_id
        store = self.get_store(region, account)
        if replay_name in store.replays:
            raise ResourceAlreadyExistsException(f"Replay {replay_name} already exists.")
        self._validate_replay_time(event_start_time, event_end_time)
        archive = self._archive_service_store.get(event_source_arn)
        if archive is None or archive.archive_name not in store.archives:
            name = event_source_arn.rsplit("/", maxsplit=1)[-1]
            raise ValidationException(
                f"Parameter EventSourceArn is not valid. Reason: Archive {name} does not exist."
            )
        self._validate_replay_destination(destination, event_source_arn)
        bus = self.get_event_bus(extract_event_bus_name(destination["Arn"]), store)
        named = set(destination.get("FilterArns") or ())
        self._check_rules(bus, named)
        replay = Replay(
            replay_name,
            region,
            account,
            event_source_arn,
            destination,
            event_start_time,
            event_end_time,
            description,
        )
        store.replays[replay_name] = replay
        trace = context.trace_context["aws_trace_header"]

        def send(event: Any) -> None:
            for rule in list(bus.rules.values()):
                if not rule.schedule_expression and (not named or rule.arn in named):
                    self._process_rules(rule, region, account, event, trace)

        kept = list(archive.archive.events.values())
        events = bus_replays.between(kept, event_start_time, event_end_time)
        bus_replays.start(replay, events, send)
        return {
            "ReplayArn": replay.arn,
            "State": replay.state,
            "ReplayStartTime": replay.replay_start_time,
        }

    @staticmethod
    def _check_rules(bus: Any, named: set[str]) -> None:
        unknown = named - {rule.arn for rule in bus.rules.values()}
        if unknown:
            raise ValidationException(
                "Parameter Destination.FilterArns is not valid. Reason: Rule "
                f"{min(unknown).split('/')[-1]} does not exist."
            )

    def cancel_replay(self, context: RequestContext, replay_name: str, **rest: Any) -> Any:
        """End a replay that is not over."""
        store = self.get_store(context.region, context.account_id)
        replay = self.get_replay(replay_name, store)
        if not bus_replays.cancel(replay):
            raise CommonServiceException(
                "IllegalStatusException",
                f"Replay {replay_name} is not in a valid state for this operation.",
                status_code=400,
                sender_fault=True,
            )
        return {"ReplayArn": replay.arn, "State": replay.state}

    def list_replays(
        self,
        context: RequestContext,
        name_prefix: Any = None,
        state: Any = None,
        event_source_arn: Any = None,
        next_token: Any = None,
        limit: Any = None,
        **rest: Any,
    ) -> Any:
        """The replays there are, by one of prefix, state and archive."""
        store = self.get_store(context.region, context.account_id)
        found = {
            name: replay
            for name, replay in store.replays.items()
            if name.startswith(name_prefix or "")
            and state in (None, replay.state)
            and event_source_arn in (None, replay.event_source_arn)
        }
        listed, token = self._get_limited_dict_and_next_token(found, next_token, limit)
        told: dict[str, Any] = {"Replays": self._replay_dict_to_replay_response_list(listed)}
        return told | ({"NextToken": token} if token is not None else {})
