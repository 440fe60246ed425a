//! What a person may write as a step: one thing that is done, tagged by its verb (`shift: {…}`), so that every part of
//! it has a place in the file. Steps that replace software have a file of their own. And how a step is written back.

use std::time::Duration;

use super::{
    form::{List, Short, Slot, unplaced},
    gate_form::HealthyForm,
    model::{Approvers, Header, Size, Step, Until, Verb},
    names::Side,
    on_failure::OnFailure,
    record::record,
    replacement::How,
    replacement_form::{DeployForm, RefreshForm, gate_names},
    replay::{PastMoment, Replay},
    scalar::{Literal, Whole},
    units::Percent,
};

record! {
    /// One thing that is done.
    StepForm, "a step", choice "verb" "plan::unknown-verb" as StepChoice in lines {
        /// Changes the size of one side of a fleet.
        "scale" scale: Choice as Scale ScaleForm,
        /// Waits until something is so.
        "wait" wait: Choice as Wait WaitForm,
        /// Reads a gate until it passes: its name, or `{ gate, timeout }`.
        "probe" probe: Choice as Probe Short<String, ProbeForm>,
        /// Moves traffic between the sides of a route.
        "shift" shift: Choice as Shift ShiftForm,
        /// Publishes a version of a function, or makes a deployment of an API, which becomes its route's candidate: the route's name, or `{ route, … }`.
        "publish" publish: Choice as Publish Short<String, PublishForm>,
        /// Deletes older published versions of a function.
        "prune" prune: Choice as Prune PruneForm,
        /// Has archived events sent to the candidate once more.
        "replay" replay: Choice as Replay ReplayForm,
        /// Sends requests with a header to the candidate, so that it can be probed through the load balancer.
        "test-route" test_route: Choice as TestRoute TestRouteForm,
        /// Ends a test route: the route's name, or `{ route, timeout }`.
        "remove-test-route" remove_test_route: Choice as RemoveTestRoute Short<String, RemoveTestRouteForm>,
        /// Replaces a group's instances by those of another launch template version.
        "refresh" refresh: Choice as Refresh RefreshForm,
        /// Deploys a revision with CodeDeploy.
        "deploy" deploy: Choice as Deploy DeployForm,
        /// Waits for a person to approve.
        "approve" approve: Choice as Approve ApproveForm,
        /// Rests for a time (`pause: 5m`), or with `pause: {}` until somebody resumes.
        "pause" pause: Choice as Pause Short<Duration, PauseForm>,
    }
}

record! {
    /// Changes the size of one side of a fleet.
    ScaleForm, "a scale step" {
        /// The fleet whose size changes, by name.
        "fleet" fleet: Required String,
        /// Which of its sides: `stable` or `candidate`.
        "side" side: Required Side,
        /// A number of instances; `{ same-as: stable }` for the size of the other side and `{ share: 50%, of: stable }`
        /// for a part of it; or `{ min: 2, max: 10, desired: 4 }`.
        "to" to: Required Short<Instances, SizeForm>,
        /// How long this may take; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

/// A number of instances.
pub(super) type Instances = Whole<0, 10_000>;

record! {
    /// A size taken from the other side, which is read when the step begins, or one with its bounds.
    SizeForm, "a size", choice "kind of size" "plan::unknown-size" as SizeChoice {
        /// A share of the size of the side in `of`, rounded up.
        "share" share: Choice as Share Percent,
        /// With `share`: the side whose size is meant.
        "of" of: Optional Side,
        /// With `desired`: the smallest size that scaling policies may choose.
        "min" min: Optional Instances,
        /// With `desired`: the largest.
        "max" max: Optional Instances,
        /// The desired capacity, between `min` and `max`.
        "desired" desired: Choice as Desired Instances,
        /// The side whose size is taken over.
        "same-as" same_as: Choice as SameAs Side,
    }
}

record! {
    /// Waits until something is so; for a rest of fixed length write `pause: 5m`.
    WaitForm, "a wait step" {
        /// What is waited for: `{ healthy: { route, side, at-least } }`.
        "until" until: Required UntilForm,
        /// The step fails if it has not come about by then; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// What a wait step waits for.
    UntilForm, "`until`", choice "condition" "plan::unknown-condition" as UntilChoice {
        /// Enough targets of a side are healthy.
        "healthy" healthy: Choice as Healthy HealthyForm,
    }
}

record! {
    /// Reads a gate until it passes.
    ProbeForm, "a probe step" {
        /// The gate that is read, by name.
        "gate" gate: Required String,
        /// The step fails if the gate has not passed by then; `1m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// Moves traffic, then holds the gates for as long as it bakes.
    ShiftForm, "a shift step" {
        /// The route whose traffic moves, by name.
        "route" route: Required String,
        /// The share of traffic the candidate gets, such as `5%`; at the finest in steps of 0.1%.
        "candidate" candidate: Required Percent,
        /// How long the gates have to hold before the next step begins; not at all unless told.
        "bake" bake: Optional Duration,
        /// The gates that have to hold, by name.
        "gates" gates: Optional List<String>,
        /// How many requests the candidate has to be sent before the bake may end, however long that takes.
        "min-requests" min_requests: Optional Whole<1, 1_000_000_000>,
        /// How long the step may take with its bake; 30 minutes more than the bake unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// Publishes a version of the code and configuration that are uploaded, and waits until AWS has made it ready. It is
    /// the route's candidate from then on. Where nothing has changed since the last version, that one is. Of an API a deployment
    /// is made, as its methods are then.
    PublishForm, "a publish step" {
        /// The route, of kind `lambda` or `api-gateway` and with `candidate: published`, by name.
        "route" route: Required String,
        /// The SHA-256 of the uploaded package, in base64 as AWS tells it: what else may have been uploaded is refused. Not for
        /// an API.
        "code-sha256" code: Optional String,
        /// How long this may take; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// Deletes published versions of a function that nothing uses, the oldest, down to so many. Neither side of a route of
    /// this plan is among them. What is deleted is not put back.
    PruneForm, "a prune step" {
        /// The route, of kind `lambda`, by name.
        "route" route: Required String,
        /// How many versions are left, beside those that are in use.
        "keep" keep: Required Whole<2, 1_000>,
        /// How long this may take; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// Has what an archive of EventBridge kept of a time that is over sent once more, to the candidate alone, and waits until
    /// that is done. The candidate handles these events a second time. Rolling back ends a replay that is under way.
    ReplayForm, "a replay step" {
        /// The route, of kind `event-bus`, by name.
        "route" route: Required String,
        /// The name of the archive, which has to be of the route's bus.
        "archive" archive: Required String,
        /// The name of a rule on that bus that leads to the candidate alone, and that only replayed events fit: with
        /// `"replay-name": [{ "exists": true }]` in its pattern.
        "rule" rule: Required String,
        /// The first moment, such as `30m ago` (before the step begins) or `2026-03-01T09:00:00Z`.
        "from" from: Required PastMoment,
        /// The last moment; when the step begins unless told.
        "to" to: Optional PastMoment,
        /// How long this may take; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// Adds a rule ahead of the route's own that sends requests with a header to the candidate, whatever the weights. A
    /// later `remove-test-route` takes it away again; rolling back does so too.
    TestRouteForm, "a test-route step" {
        /// The route whose candidate is tested, by name.
        "route" route: Required String,
        /// The header that tells test traffic from users'.
        "header" header: Required HeaderForm,
        /// How long this may take; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// Takes the rule of a `test-route` away.
    RemoveTestRouteForm, "a remove-test-route step" {
        /// The route whose test ends, by name.
        "route" route: Required String,
        /// How long this may take; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// A header of a request.
    HeaderForm, "a header" {
        /// Such as `x-canary`.
        "name" name: Required String,
        /// Such as `"1"`; a request has to have exactly this value.
        "value" value: Required Literal,
    }
}

record! {
    /// Waits for a person to approve.
    ApproveForm, "an approve step" {
        /// What the person reads.
        "message" message: Required String,
        /// Who may approve: ARNs as the Security Token Service tells them, `*` and `?` as placeholders, such as
        /// `[arn:aws:sts::111122223333:assumed-role/release/*]`; anybody unless told.
        "from" from: Optional List<String>,
        /// How many different people have to approve; 1 unless told.
        "quorum" quorum: Optional Whole<1, 100>,
        /// How long the question stands; for ever unless told.
        "expires" expires: Optional Duration,
        /// When nobody answered in time: `hold` (the default) or `roll-back`.
        "on-expiry" on_expiry: Optional OnFailure,
    }
}

record! {
    /// Rests until somebody resumes the run.
    PauseForm, "a pause" {}
}

impl StepForm {
    pub(super) fn of(step: &Step) -> Self {
        let timeout = Slot::of_some(step.timeout);
        let mut form = Self {
            scale: Slot::Absent,
            wait: Slot::Absent,
            probe: Slot::Absent,
            shift: Slot::Absent,
            publish: Slot::Absent,
            prune: Slot::Absent,
            replay: Slot::Absent,
            test_route: Slot::Absent,
            remove_test_route: Slot::Absent,
            refresh: Slot::Absent,
            deploy: Slot::Absent,
            approve: Slot::Absent,
            pause: Slot::Absent,
        };
        match &step.verb {
            Verb::Scale { fleet, side, to } => {
                let (fleet, side) = (Slot::of(fleet.to_string()), Slot::of(*side));
                form.scale = Slot::of(ScaleForm { fleet, side, to: Slot::of(size(*to)), timeout });
            }
            Verb::Wait { until } => {
                let until = Slot::of(UntilForm::of(until));
                form.wait = Slot::of(WaitForm { until, timeout });
            }
            Verb::Probe { gate } => {
                let gate = Slot::of(gate.to_string());
                form.probe = Slot::of(Short::Long(ProbeForm { gate, timeout }));
            }
            Verb::Shift { route, candidate, bake, gates, min_requests } => {
                form.shift = Slot::of(ShiftForm {
                    route: Slot::of(route.to_string()),
                    candidate: Slot::of(*candidate),
                    bake: Slot::of(*bake),
                    gates: gate_names(gates),
                    min_requests: Slot::of_some(min_requests.map(Whole)),
                    timeout,
                });
            }
            Verb::Publish { route, code } => {
                let route = Slot::of(route.to_string());
                let code = Slot::of_some(code.as_ref().map(ToString::to_string));
                form.publish = Slot::of(Short::Long(PublishForm { route, code, timeout }));
            }
            Verb::Prune { route, keep } => {
                let (route, keep) = (Slot::of(route.to_string()), Slot::of(Whole(*keep)));
                form.prune = Slot::of(PruneForm { route, keep, timeout });
            }
            Verb::Replay(Replay { route, archive, rule, from, to }) => {
                form.replay = Slot::of(ReplayForm {
                    route: Slot::of(route.to_string()),
                    archive: Slot::of(archive.clone()),
                    rule: Slot::of(rule.clone()),
                    from: Slot::of(*from),
                    to: Slot::of(*to),
                    timeout,
                });
            }
            Verb::TestRoute { route, header: Some(header) } => {
                let (route, header) =
                    (Slot::of(route.to_string()), Slot::of(HeaderForm::of(header)));
                form.test_route = Slot::of(TestRouteForm { route, header, timeout });
            }
            Verb::TestRoute { route, header: None } => {
                let route = Slot::of(route.to_string());
                form.remove_test_route =
                    Slot::of(Short::Long(RemoveTestRouteForm { route, timeout }));
            }
            Verb::Replace(replace) => match &replace.how {
                How::Refresh(refresh) => {
                    form.refresh = Slot::of(RefreshForm::of(replace, refresh, timeout));
                }
                How::Deploy(deploy) => {
                    form.deploy = Slot::of(DeployForm::of(replace, deploy, timeout));
                }
            },
            Verb::Approve {
                message,
                expires,
                on_expiry,
                approvers: Approvers { from, quorum },
            } => {
                // That anybody may, and one is enough, is not spelled out, so that the digests of older plans stay.
                let is_open = from.is_empty();
                form.approve = Slot::of(ApproveForm {
                    message: Slot::of(message.clone()),
                    from: if is_open { Slot::Absent } else { Slot::of(unplaced(from.clone())) },
                    quorum: if *quorum > 1 { Slot::of(Whole(*quorum)) } else { Slot::Absent },
                    expires: Slot::of_some(*expires),
                    // What happens then says nothing of a question that stands for ever.
                    on_expiry: Slot::of_some(expires.map(|_| *on_expiry)),
                });
            }
            Verb::Pause { duration } => {
                let rest = duration.map_or(Short::Long(PauseForm {}), Short::Short);
                form.pause = Slot::of(rest);
            }
        }
        form
    }
}

fn size(to: Size) -> Short<Instances, SizeForm> {
    let mut form = SizeForm {
        share: Slot::Absent,
        of: Slot::Absent,
        min: Slot::Absent,
        max: Slot::Absent,
        desired: Slot::Absent,
        same_as: Slot::Absent,
    };
    let instances = |number| Slot::of(Whole(number));
    match to {
        Size::Instances(number) => return Short::Short(Whole(number)),
        Size::SameAs(side) => form.same_as = Slot::of(side),
        Size::Share { share, of } => (form.share, form.of) = (Slot::of(share), Slot::of(of)),
        Size::Bounds { min, max, desired } => {
            (form.min, form.max) = (instances(min), instances(max));
            form.desired = instances(desired);
        }
    }
    Short::Long(form)
}

impl UntilForm {
    fn of(until: &Until) -> Self {
        match until {
            Until::Healthy { route, side, at_least } => {
                Self { healthy: Slot::of(HealthyForm::of(route, *side, *at_least)) }
            }
        }
    }
}

impl HeaderForm {
    fn of(Header { name, value }: &Header) -> Self {
        Self { name: Slot::of(name.clone()), value: Slot::of(Literal(value.clone())) }
    }
}
