//! What a person may write in the steps that replace a fleet's software where it stands, and how they are written back.

use std::time::Duration;

use super::{
    form::{List, Slot, unplaced},
    names::GateName,
    record::record,
    replacement::{
        Bundle, Deploy, Extent, Matching, Protected, Refresh, Replace, Revision, Standby,
    },
    scalar::{Whole, words},
    units::Percent,
};

record! {
    /// One Auto Scaling group's instances are replaced by new ones of another launch template version, batch by batch
    /// (an instance refresh). Several such steps with rising `up-to` are one refresh, held in between.
    RefreshForm, "a refresh step" {
        /// The fleet, an `autoscaling` one with a single `group`.
        "fleet" fleet: Required String,
        /// The number of the launch template's version; the template is the one the group uses.
        "version" version: Required Whole<1, 1_000_000_000>,
        /// The share of the group that stays in service; `90%` unless told.
        "min-healthy" min_healthy: Optional Percent,
        /// By how much the group may grow meanwhile; `0%` unless told. With `min-healthy: 100%` new instances come
        /// before old ones go.
        "surge" surge: Optional Percent,
        /// How long a new instance gets before it counts; the group's own setting unless told.
        "warm-up" warm_up: Optional Duration,
        /// Instances on standby: `wait` for them (the default, an hour at most), `ignore` or `terminate` them.
        "standby" standby: Optional Standby,
        /// Instances protected from scale-in: `wait` for them (the default, an hour at most), `ignore` or `refresh` them.
        "scale-in-protected" scale_in_protected: Optional Protected,
        /// Leaves instances alone that run this version already; `true` unless told.
        "skip-matching" skip_matching: Optional bool,
        /// Stops here and holds until the next step goes on, such as `20%`; `100%` unless told.
        "up-to" up_to: Optional Percent,
        /// How long the gates have to hold after that; not at all unless told.
        "bake" bake: Optional Duration,
        /// The gates that are watched all the while, by name. One that fails or cannot tell stops the refresh where it
        /// is; more failures than it forgives end the step.
        "gates" gates: Optional List<String>,
        /// How long the step may take with its bake; two hours more than the bake unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// Deploys a revision with CodeDeploy. One that fails or is stopped deploys the earlier revision again.
    DeployForm, "a deploy step" {
        /// The fleet, a `codedeploy` one.
        "fleet" fleet: Required String,
        /// What is deployed.
        "revision" revision: Required RevisionForm,
        /// The deployment configuration, such as `CodeDeployDefault.OneAtATime`; the group's own unless told.
        "config" config: Optional String,
        /// With `ready`: stops where a blue/green deployment waits before it moves traffic; the next deploy step of the
        /// same revision goes on.
        "up-to" up_to: Optional UpToReady,
        /// How long the gates have to hold after that; not at all unless told.
        "bake" bake: Optional Duration,
        /// The gates that are watched all the while, by name.
        "gates" gates: Optional List<String>,
        /// How long the step may take with its bake; two hours more than the bake unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// What CodeDeploy deploys.
    RevisionForm, "a revision", choice "`s3`, `github` or `app-spec`" "plan::unknown-field" as RevisionChoice {
        /// A bundle in S3.
        "s3" s3: Choice as S3 BundleForm,
        /// A commit on GitHub.
        "github" github: Choice as GitHub CommitForm,
        /// The text of an `AppSpec`, for ECS and Lambda.
        "app-spec" app_spec: Choice as AppSpec String,
    }
}

record! {
    /// A bundle in S3.
    BundleForm, "a bundle in S3" {
        /// The bucket's name.
        "bucket" bucket: Required String,
        /// The object's key.
        "key" key: Required String,
        /// The object's version, where the bucket keeps versions.
        "version" version: Optional String,
        /// How it is packed: `zip` (the default), `tar`, `tgz`, `yaml` or `json`.
        "type" bundle: Optional Bundle,
    }
}

record! {
    /// A commit on GitHub.
    CommitForm, "a commit" {
        /// Such as `owner/name`.
        "repository" repository: Required String,
        /// The commit's full hash.
        "commit" commit: Required String,
    }
}

record! {
    /// Replaces one group's instances batch by batch, held at each of `checkpoints` and at the end for `bake` while the
    /// gates are watched.
    RollingForm, "a rolling strategy" {
        /// The fleet, an `autoscaling` one with a single `group`.
        "fleet" fleet: Required String,
        /// The number of the launch template's version.
        "version" version: Required Whole<1, 1_000_000_000>,
        /// The shares to stop at on the way to 100%, such as `[20%, 50%]`.
        "checkpoints" checkpoints: Optional List<Percent>,
        /// How long the gates have to hold at every checkpoint and at the end.
        "bake" bake: Required Duration,
        /// The gates that are watched all the while.
        "gates" gates: Optional List<String>,
        /// A person has to approve before it goes on to this share.
        "approve-before" approve_before: Optional Percent,
        /// The share of the group that stays in service; `90%` unless told.
        "min-healthy" min_healthy: Optional Percent,
        /// By how much the group may grow meanwhile; `0%` unless told.
        "surge" surge: Optional Percent,
        /// How long a new instance gets before it counts; the group's own setting unless told.
        "warm-up" warm_up: Optional Duration,
    }
}

/// Where a deployment may stop by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UpToReady;

words! {
    Standby, "something to do with an instance" {
        "wait" => Self::Wait, "ignore" => Self::Ignore, "terminate" => Self::Terminate,
    }
    Protected, "something to do with an instance" {
        "wait" => Self::Wait, "ignore" => Self::Ignore, "refresh" => Self::Refresh,
    }
    Bundle, "a way to pack a bundle" {
        "zip" => Self::Zip, "tar" => Self::Tar, "tgz" => Self::Tgz, "yaml" => Self::Yaml, "json" => Self::Json,
    }
    UpToReady, "a place to stop" { "ready" => Self }
}

impl RefreshForm {
    pub(super) fn of(replace: &Replace, refresh: &Refresh, timeout: Slot<Duration>) -> Self {
        Self {
            fleet: Slot::of(replace.fleet.to_string()),
            version: Slot::of(Whole(refresh.version)),
            min_healthy: Slot::of(refresh.min_healthy),
            surge: Slot::of(refresh.surge),
            warm_up: Slot::of_some(refresh.warm_up),
            standby: Slot::of(refresh.standby),
            scale_in_protected: Slot::of(refresh.scale_in_protected),
            skip_matching: Slot::of(refresh.matching == Matching::Skip),
            up_to: match replace.extent {
                Extent::UpTo(share) => Slot::of(share),
                // A refresh never waits to be ready: only deployments move traffic.
                Extent::Ready | Extent::Whole => Slot::Absent,
            },
            bake: Slot::of(replace.bake),
            gates: gate_names(&replace.gates),
            timeout,
        }
    }
}

impl DeployForm {
    pub(super) fn of(replace: &Replace, deploy: &Deploy, timeout: Slot<Duration>) -> Self {
        Self {
            fleet: Slot::of(replace.fleet.to_string()),
            revision: Slot::of(RevisionForm::of(&deploy.revision)),
            config: Slot::of_some(deploy.config.clone()),
            up_to: match replace.extent {
                Extent::Ready => Slot::of(UpToReady),
                // A deployment does not stop at a share.
                Extent::UpTo(_) | Extent::Whole => Slot::Absent,
            },
            bake: Slot::of(replace.bake),
            gates: gate_names(&replace.gates),
            timeout,
        }
    }
}

impl RevisionForm {
    fn of(revision: &Revision) -> Self {
        let mut form = Self { s3: Slot::Absent, github: Slot::Absent, app_spec: Slot::Absent };
        match revision {
            Revision::S3 { bucket, key, version, bundle } => {
                form.s3 = Slot::of(BundleForm {
                    bucket: Slot::of(bucket.clone()),
                    key: Slot::of(key.clone()),
                    version: Slot::of_some(version.clone()),
                    bundle: Slot::of(*bundle),
                });
            }
            Revision::GitHub { repository, commit } => {
                let (repository, commit) = (Slot::of(repository.clone()), Slot::of(commit.clone()));
                form.github = Slot::of(CommitForm { repository, commit });
            }
            Revision::AppSpec(spec) => form.app_spec = Slot::of(spec.clone()),
        }
        form
    }
}

/// Gates by name.
pub(super) fn gate_names(gates: &[GateName]) -> Slot<List<String>> {
    Slot::of(unplaced(gates.iter().map(ToString::to_string)))
}
