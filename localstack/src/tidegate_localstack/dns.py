"""Route 53, where moto is quicker and kinder than AWS.

A change is PENDING for a while before it is INSYNC, a batch is applied whole or not at all, record
sets that share a name and type must agree on policy and TTL, and an account has five requests a
second for all of Route 53. moto also deletes every record of the zone that has the same set
identifier, whatever its name. Chosen with PROVIDER_OVERRIDE_ROUTE53=tidegate.
"""

from __future__ import annotations

import random
import string
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext, handler
from localstack.services.moto import call_moto
from localstack.services.route53.provider import Route53Provider
from moto.route53.models import route53_backends

from tidegate_localstack import engine
from tidegate_localstack.handlers import refuse
from tidegate_localstack.settings import SETTINGS

MAX_WEIGHT = 255
KEPT_CHANGES = 1000
BURST = 5.0

_Base: Any = Route53Provider


class Records(_Base):
    """LocalStack's Route 53 with changes that take time and are checked."""

    def __init__(self) -> None:
        super().__init__()
        self._changes: dict[str, tuple[datetime, float]] = {}

    @handler("ChangeResourceRecordSets", expand=False)
    def change_resource_record_sets(self, context: RequestContext, request: Any) -> Any:
        """Apply a batch as a whole, or refuse it as a whole."""
        with engine.LOCK:
            zones = route53_backends[context.account_id][context.partition].zones
            zone = zones.get(request["HostedZoneId"].rpartition("/")[2])
            changes = request["ChangeBatch"]["Changes"]
            problems = [p for change in changes if (p := _weight_problem(change))]
            if problems:
                raise refuse("InvalidChangeBatch", "; ".join(problems))
            if zone is None:
                return call_moto(context)  # which words the error
            before, journal = list(zone.rrsets), list(zone.rr_changes)
            try:
                answer = call_moto(context)
                _restore_namesakes(zone, before, changes)
                _check_sets(zone.rrsets, changes)
            except Exception:
                zone.rrsets, zone.rr_changes[:] = before, journal
                raise
            identifier = "C" + "".join(random.choices(string.ascii_uppercase + string.digits, k=13))
            now = datetime.now(UTC)
            self._changes[identifier] = (now, time.monotonic() + SETTINGS.insync_seconds)
            while len(self._changes) > KEPT_CHANGES:
                del self._changes[next(iter(self._changes))]
            answer["ChangeInfo"].update(
                Id=f"/change/{identifier}", Status="PENDING", SubmittedAt=now
            )
            return answer

    @handler("GetChange", expand=False)
    def get_change(self, context: RequestContext, request: Any) -> Any:
        """PENDING until the change has spread."""
        identifier = request["Id"].rpartition("/")[2]
        known = self._changes.get(identifier)
        if known is None:
            raise CommonServiceException(
                "NoSuchChange", f"A change with id {identifier} does not exist.", status_code=404
            )
        submitted, insync_at = known
        status = "INSYNC" if time.monotonic() >= insync_at else "PENDING"
        info = {"Id": f"/change/{identifier}", "Status": status, "SubmittedAt": submitted}
        return {"ChangeInfo": info}


def _described(record: Any) -> str:
    return f"[name='{record['Name']}', type='{record['Type']}']"


def _weight_problem(change: Any) -> str | None:
    record = change["ResourceRecordSet"]
    weight = record.get("Weight")
    if weight is not None and not 0 <= int(weight) <= MAX_WEIGHT:
        return f"Invalid weight {weight} in {_described(record)}: it must be 0 to {MAX_WEIGHT}"
    if weight is not None and not record.get("SetIdentifier"):
        return f"Missing SetIdentifier for the weighted record set {_described(record)}"
    return None


def _key(record: Any) -> tuple[str, str, str | None]:
    return (record["Name"].rstrip(".") + ".", record["Type"], record.get("SetIdentifier"))


def _restore_namesakes(zone: Any, before: list[Any], changes: Iterable[Any]) -> None:
    """Put back what moto deleted only because its set identifier is the same."""
    deleted = [_key(c["ResourceRecordSet"]) for c in changes if c["Action"] == "DELETE"]
    present = {id(record) for record in zone.rrsets}
    for record in before:
        key = (record.name, record.type_, record.set_identifier)
        same = any(key[2] == gone[2] and key != gone for gone in deleted)
        if same and key not in deleted and id(record) not in present:
            later = {(r.name, r.type_, r.set_identifier) for r in zone.rrsets}
            if key not in later:
                zone.rrsets.append(record)


def _check_sets(records: Iterable[Any], changes: Iterable[Any]) -> None:
    touched = {_key(change["ResourceRecordSet"])[:2] for change in changes}
    sets: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for record in records:
        sets[(record.name, record.type_)].append(record)
    for name, kind in touched:
        found = sets[(name, kind)]
        policies = {_policy(record) for record in found}
        if len(policies) > 1:
            raise refuse(
                "InvalidChangeBatch",
                f"RRSet of type {kind} with DNS name {name} cannot be created: it would mix the "
                f"routing policies {', '.join(sorted(policies))}",
            )
        ttls = {str(record.ttl) for record in found if not record.alias_target}
        if policies == {"weighted"} and len(ttls) > 1:
            raise refuse(
                "InvalidChangeBatch",
                f"RRSet of type {kind} with DNS name {name}: weighted sets must contain the same "
                f"TTL, not {', '.join(sorted(ttls))}",
            )


def _policy(record: Any) -> str:
    if record.set_identifier is None:
        return "simple"
    others = {"failover": record.failover, "geolocation": record.geo_location}
    others |= {"latency": record.region, "multivalue": record.multi_value}
    return next((name for name, value in others.items() if value), "weighted")


_tokens: dict[str, tuple[float, float]] = {}
"""By account: what is left of the rate, and when that was."""


def throttle(chain: Any, context: RequestContext, response: Any) -> None:
    """Refuse what comes faster than the account's rate for all of Route 53."""
    named = context.service is not None and context.service.service_name == "route53"
    if not named or context.is_internal_call or SETTINGS.route53_rate <= 0:
        return
    with engine.LOCK:
        now = time.monotonic()
        left, at = _tokens.get(context.account_id, (BURST, now))
        left = min(BURST, left + (now - at) * SETTINGS.route53_rate)
        allowed = left >= 1
        _tokens[context.account_id] = (left - 1 if allowed else left, now)
    if not allowed:
        raise refuse("Throttling", "Rate exceeded")
