"""What Route 53 allows in a record set, and how it words what it does not.

The words are those of AWS's own errors. Some of it is checked in a single record set, the rest once
the whole batch is applied: record sets that share a name and type must go together.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from localstack.aws.api import CommonServiceException

from tidegate_localstack.emulated.handlers import refuse

POLICIES = ("Weight", "Region", "Failover", "GeoLocation", "MultiValueAnswer")
"""The members that say how a set of records is chosen from, of which a record has one at most."""

Key = tuple[str, str, str | None]
"""Name, type and set identifier: what tells a record set from the others of its zone."""

MAX_LABEL = 63


def full_name(name: str) -> str:
    """As Route 53 keeps names: in small letters, with the dot at the end."""
    return name.lower().rstrip(".") + "."


def key(record: Mapping[str, Any]) -> Key:
    """What tells a record set from others."""
    return (full_name(record["Name"]), record["Type"], record.get("SetIdentifier"))


def named(of: Key) -> str:
    """How errors about the contents of a zone name a record set."""
    name, kind, identifier = of
    which = f", set identifier='{identifier}'" if identifier else ""
    return f"[name='{name}', type='{kind}'{which}]"


def malformed(change: Mapping[str, Any]) -> CommonServiceException | None:
    """What is wrong with the shape of a change, whatever the zone holds."""
    record = change["ResourceRecordSet"]
    identifier = record.get("SetIdentifier")
    where = (
        f"in Change with [Action={change['Action']}, Name={record['Name']}, "
        f"Type={record['Type']}, SetIdentifier={identifier or 'null'}]"
    )
    contents = [bool(record.get("AliasTarget")), _has_records(record)]
    policies = [name for name in POLICIES if record.get(name) is not None]
    problem = None
    if sum(contents) != 1:
        count = "none" if not any(contents) else "more than one"
        problem = (
            "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
            f"TrafficPolicyInstanceId], but found {count} {where}"
        )
    elif policies and not identifier:
        problem = f"Missing field 'SetIdentifier' {where}"
    elif identifier and len(policies) != 1:
        count = "none" if not policies else "more than one"
        problem = (
            f"Expected exactly one of [{', '.join(POLICIES)}, CidrRoutingConfig, or "
            f"GeoProximityLocation], but found {count} {where}"
        )
    return refuse("InvalidInput", f"Invalid request: {problem}") if problem else None


def _has_records(record: Mapping[str, Any]) -> bool:
    return record.get("TTL") is not None and bool(record.get("ResourceRecords"))


def bad_values(record: Mapping[str, Any]) -> list[str]:
    """What is wrong with the values of a record set, one sentence for each."""
    found = []
    for entry in record.get("ResourceRecords") or []:
        problem = _bad_value(record["Type"], entry["Value"])
        if problem:
            found.append(
                f"Invalid Resource Record: 'FATAL problem: {problem} encountered with "
                f"'{entry['Value']}''"
            )
    return found


def _bad_value(kind: str, value: str) -> str | None:
    match kind:
        case "A" if not _is_address(value, 4):
            return "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
        case "AAAA" if not _is_address(value, 6):
            return "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
        case "CNAME" | "NS" | "PTR":
            return _bad_name(value)
        case "TXT" | "SPF" if not (len(value) > 1 and value[0] == value[-1] == '"'):
            return "InvalidCharacterString (Value should be enclosed in quotation marks)"
        case "MX" if len(value.split()) != 2:
            return "MXRRDATANotTwoFields (MX record doesn't have 2 fields)"
        case _:
            return None


def _is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def _bad_name(text: str) -> str | None:
    labels = text.removesuffix(".").split(".")
    if not all(labels):
        return "DomainLabelEmpty (Domain label is empty)"
    if any(len(label) > MAX_LABEL for label in labels):
        return "DomainLabelTooLong (Domain label is too long)"
    if any(not " " < letter < "\x7f" for letter in text):
        return "UnsupportedCharacter (Value contains unsupported characters)"
    return None


def misfits(records: Iterable[Mapping[str, Any]], touched: Iterable[Key], zone: str) -> list[str]:
    """Why the record sets of some names and types do not go together, as they stand in the end."""
    sets: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    kinds: dict[str, set[str]] = defaultdict(set)
    for record in records:
        name, kind, _ = key(record)
        sets[(name, kind)].append(record)
        kinds[name].add(kind)
    found = []
    for name, kind, identifier in touched:
        together = sets[(name, kind)]
        which = f"RRSet with DNS name {name}, type {kind}, SetIdentifier {identifier or 'null'}"
        policies = {policy(record) for record in together}
        ttls = {record.get("TTL") for record in together if not record.get("AliasTarget")}
        if len(policies) > 1:
            found.append(
                f"{which} cannot be created as other RRSets exist with the same name and type."
            )
        elif policies == {"Weight"} and len(ttls) > 1:
            found.append(f"{which} cannot be created as weighted sets must contain the same TTL.")
        if kind == "CNAME" and name == full_name(zone):
            found.append(f"RRSet of type CNAME with DNS name {name} is not permitted at apex")
        elif "CNAME" in kinds[name] and len(kinds[name]) > 1:
            found.append(
                f"RRSet of type {kind} with DNS name {name} is not permitted because a "
                "conflicting RRSet with the same DNS name already exists"
            )
    return found


def policy(record: Mapping[str, Any]) -> str:
    """By which member a set of records is chosen from; empty for a simple record."""
    return next((name for name in POLICIES if record.get(name) is not None), "")
