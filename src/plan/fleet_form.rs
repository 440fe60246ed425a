//! What a person may write under `fleets`: what runs the software, one group per side. And how it is written back.

use super::{
    form::{List, Slot},
    model::{Fleet, FleetKind, Leftovers},
    place::Place,
    place_form::AwsForm,
    record::record,
    scalar::words,
    sides_form::SideKeys,
};

record! {
    /// What runs the software, one group per side.
    FleetForm, "a fleet", choice "kind of fleet" "plan::unknown-fleet-kind" as FleetChoice {
        /// EC2 Auto Scaling groups.
        "autoscaling" autoscaling: Choice as AutoScaling AutoScalingForm,
        /// A CodeDeploy deployment group.
        "codedeploy" codedeploy: Choice as CodeDeploy CodeDeployForm,
        /// Provisioned concurrency of a function's versions: the name of a route of kind `lambda`, whose sides they are. A
        /// side's size is the number of executions that AWS keeps ready.
        "provisioned" provisioned: Choice as Provisioned String,
        /// The route whose sides this fleet's follow, in the same order.
        "behind" behind: Optional String,
        /// Where it is, if not where its route or the rest of the plan is.
        "aws" aws: Optional AwsForm,
    }
}

record! {
    /// Auto Scaling groups: `stable` and `candidate`, a `pair` in the order of the route's, or a single `group` whose
    /// instances are replaced where they stand.
    AutoScalingForm, "an autoscaling fleet" {
        /// The group that serves today.
        "stable" stable: Optional String,
        /// The group of the new version.
        "candidate" candidate: Optional String,
        /// Two groups, in the order of the pair of the route this fleet is `behind`.
        "pair" pair: Optional List<String>,
        /// One group on its own, for `refresh` and the `rolling` strategy.
        "group" group: Optional String,
        /// What becomes of instances of the candidate's group that run another version than the group launches: `refuse` (the
        /// default), or `replace`, which scales the group to 0 first.
        "leftovers" leftovers: Optional Leftovers,
    }
}

record! {
    /// A CodeDeploy deployment group, for `deploy`.
    CodeDeployForm, "a codedeploy fleet" {
        /// The application's name.
        "application" application: Required String,
        /// The deployment group's name.
        "group" group: Required String,
    }
}

words! {
    Leftovers, "something to do with leftovers" { "refuse" => Leftovers::Refuse, "replace" => Leftovers::Replace }
}

impl FleetForm {
    pub(super) fn of(fleet: &Fleet, around: &Place) -> Self {
        let mut form = Self {
            autoscaling: Slot::Absent,
            codedeploy: Slot::Absent,
            provisioned: Slot::Absent,
            behind: Slot::of_some(fleet.behind.as_ref().map(ToString::to_string)),
            aws: AwsForm::of(&fleet.place, around),
        };
        match fleet.kind {
            FleetKind::AutoScaling => form.autoscaling = Slot::of(AutoScalingForm::of(fleet)),
            FleetKind::CodeDeploy => form.codedeploy = Slot::of(CodeDeployForm::of(fleet)),
            // Which route it is behind is all that is said of it.
            FleetKind::Lambda => std::mem::swap(&mut form.provisioned, &mut form.behind),
        }
        form
    }
}

impl AutoScalingForm {
    fn of(fleet: &Fleet) -> Self {
        let SideKeys { stable, candidate, pair, group } = SideKeys::of(&fleet.sides);
        // Not spelled out where it is as ever, so that the digests of older plans stay.
        let leftovers = match fleet.leftovers {
            Leftovers::Refuse => Slot::Absent,
            Leftovers::Replace => Slot::of(Leftovers::Replace),
        };
        Self { stable, candidate, pair, group, leftovers }
    }
}

impl CodeDeployForm {
    /// Its member is `application/group`.
    fn of(fleet: &Fleet) -> Self {
        let member = fleet.sides.members().first().map_or("", |member| member.as_str());
        let (application, group) = member.split_once('/').unwrap_or((member, ""));
        Self { application: Slot::of(application.to_owned()), group: Slot::of(group.to_owned()) }
    }
}
