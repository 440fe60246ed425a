"""Route 53, where moto is quicker and kinder than AWS.

A change is PENDING for a while before it is INSYNC, a batch is applied whole or not at all, and an
account has five requests a second for all of Route 53. moto also deletes whatever has the same set
identifier, whatever else was said of it, lists weighted records in no order and cannot go on in
the middle of a set. So changes and lists are made here, on moto's own record sets, which is where
everything else finds them. Chosen with PROVIDER_OVERRIDE_ROUTE53=tidegate.
"""

from __future__ import annotations

import itertools
import random
import string
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext, handler
from localstack.services.route53.provider import Route53Provider
from moto.route53.models import RecordSet, route53_backends

from tidegate_localstack.emulated import engine, records
from tidegate_localstack.emulated.handlers import refuse
from tidegate_localstack.emulated.settings import SETTINGS

KEPT_CHANGES = 1000
BURST = 5.0
MAX_ITEMS = 300
NEXT = {"Name": "Name", "Type": "Type", "Identifier": "SetIdentifier"}
"""What says where a list goes on: how requests and answers call it, and record sets."""
ATTRIBUTES = {
    "Region": "region",
    "Failover": "failover",
    "GeoLocation": "geo_location",
    "MultiValueAnswer": "multi_value",
    "AliasTarget": "alias_target",
    "HealthCheckId": "health_check",
}
"""Members of a record set, and where moto keeps them."""

_Base: Any = Route53Provider
_RecordSet: Any = RecordSet  # abstract by its annotations only


class Records(_Base):
    """LocalStack's Route 53 with changes that take time and are checked."""

    def __init__(self) -> None:
        super().__init__()
        self._changes: dict[str, tuple[datetime, float]] = {}

    @handler("ChangeResourceRecordSets", expand=False)
    def change_resource_record_sets(self, context: RequestContext, request: Any) -> Any:
        """Apply a batch as a whole, or refuse it as a whole."""
        with engine.LOCK:
            zone, changes = _zone(context, request), request["ChangeBatch"]["Changes"]
            for change in changes:
                if problem := records.malformed(change):
                    raise problem
                _check_health_check(context, change["ResourceRecordSet"])
            before = {records.key(described(record)): record for record in zone.rrsets}
            after = _changed(zone, changes)
            zone.rrsets = [
                before[key] if key in before and described(before[key]) == record else _kept(record)
                for key, record in after.items()
            ]
            identifier = "C" + "".join(random.choices(string.ascii_uppercase + string.digits, k=13))
            now = datetime.now(UTC)
            self._changes[identifier] = (now, time.monotonic() + SETTINGS.insync_seconds)
            while len(self._changes) > KEPT_CHANGES:
                del self._changes[next(iter(self._changes))]
            info = {"Id": f"/change/{identifier}", "Status": "PENDING", "SubmittedAt": now}
            if comment := request["ChangeBatch"].get("Comment"):
                info["Comment"] = comment
            return {"ChangeInfo": info}

    @handler("ListResourceRecordSets", expand=False)
    def list_resource_record_sets(self, context: RequestContext, request: Any) -> Any:
        """A page of a zone, from a name, a type and a set identifier on."""
        starts = [request.get(f"StartRecord{part}") or "" for part in NEXT]
        if any(later and not earlier for earlier, later in itertools.pairwise(starts)):
            raise refuse("InvalidInput", "The input is not valid")
        size = str(request.get("MaxItems") or MAX_ITEMS)
        if not size.isdigit() or int(size) < 1:
            raise refuse("InvalidInput", f"Invalid value for MaxItems: '{size}'")
        with engine.LOCK:
            listed = sorted(map(described, _zone(context, request).rrsets), key=_place)
        if starts[0]:
            start = (_reversed(starts[0]), *starts[1:])
            listed = [record for record in listed if _place(record) >= start]
        page, rest = listed[: min(int(size), MAX_ITEMS)], listed[min(int(size), MAX_ITEMS) :]
        answer: dict[str, Any] = {
            "ResourceRecordSets": page,
            "IsTruncated": bool(rest),
            "MaxItems": str(min(int(size), MAX_ITEMS)),
        }
        if rest:
            answer |= {f"NextRecord{k}": rest[0][v] for k, v in NEXT.items() if v in rest[0]}
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


def _zone(context: RequestContext, request: Any) -> Any:
    identifier = request["HostedZoneId"].rpartition("/")[2]
    zone = route53_backends[context.account_id][context.partition].zones.get(identifier)
    if zone is None:
        raise CommonServiceException(
            "NoSuchHostedZone",
            f"No hosted zone found with ID: {identifier}",
            status_code=404,
            sender_fault=True,
        )
    return zone


def _check_health_check(context: RequestContext, record: Any) -> None:
    wanted = record.get("HealthCheckId")
    known = route53_backends[context.account_id][context.partition].health_checks
    if wanted and wanted not in known:
        raise CommonServiceException(
            "NoSuchHealthCheck",
            f"No health check exists with the specified ID {wanted}",
            status_code=404,
            sender_fault=True,
        )


def _changed(zone: Any, changes: Iterable[Any]) -> dict[records.Key, dict[str, Any]]:
    """The record sets of a zone after a batch, or the error that names all that is wrong in it."""
    standing = {records.key(record): record for record in map(described, zone.rrsets)}
    problems, touched = [], []
    for change in changes:
        record = _as_kept(change["ResourceRecordSet"])
        key, action = records.key(record), change["Action"]
        if not f".{key[0]}".endswith(f".{zone.name.lower()}"):
            problems.append(f"RRSet with DNS name {key[0]} is not permitted in zone {zone.name}")
        elif action == "DELETE":
            if wrong := _not_deleted(standing, key, record):
                problems.append(f"Tried to delete resource record set {records.named(key)} {wrong}")
            standing.pop(key, None)
        else:
            if action == "CREATE" and key in standing:
                problems.append(
                    f"Tried to create resource record set {records.named(key)} "
                    "but it already exists"
                )
            problems += records.bad_values(record)
            standing[key] = record
            touched.append(key)
    problems += records.misfits(standing.values(), touched, zone.name)
    if problems:
        raise refuse("InvalidChangeBatch", f"[{', '.join(problems)}]")
    return standing


def _not_deleted(standing: dict[records.Key, Any], key: records.Key, record: Any) -> str | None:
    if key not in standing:
        return "but it was not found"
    if standing[key] != record:
        return "but the values provided do not match the current values"
    return None


def _as_kept(record: Any) -> dict[str, Any]:
    """A record set of a request, as it is listed later: without what says nothing."""
    kept = {k: v for k, v in record.items() if v not in (None, "", [], {})}
    kept["Name"] = records.full_name(kept["Name"])
    if alias := kept.get("AliasTarget"):
        kept["AliasTarget"] = {**alias, "DNSName": records.full_name(alias["DNSName"])}
    return kept


def described(record: RecordSet) -> dict[str, Any]:
    """One of moto's record sets as Route 53 lists it."""
    found: dict[str, Any] = {"Name": records.full_name(record.name), "Type": record.type_}
    if record.set_identifier:
        found["SetIdentifier"] = record.set_identifier
    for member, attribute in ATTRIBUTES.items():
        if value := getattr(record, attribute):
            found[member] = value
    if record.set_identifier and not records.policy(found):
        found["Weight"] = int(record.weight)
    if not record.alias_target:
        found["TTL"] = int(record.ttl)
        found["ResourceRecords"] = [{"Value": value} for value in record.records]
    return found


def _kept(record: dict[str, Any]) -> RecordSet:
    values = [entry["Value"] for entry in record.get("ResourceRecords", [])]
    kept: RecordSet = _RecordSet({**record, "ResourceRecords": values})
    return kept


def _reversed(name: str) -> str:
    """Route 53 lists by the labels from the end: com.example.www."""
    return ".".join(reversed(records.full_name(name).rstrip(".").split(".")))


def _place(record: dict[str, Any]) -> tuple[str, ...]:
    return (_reversed(record["Name"]), record["Type"], record.get("SetIdentifier", ""))


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
