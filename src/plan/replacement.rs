//! Replacing the software of a fleet where it stands, batch by batch, instead of moving traffic to another one: an
//! instance refresh of an Auto Scaling group, or a `CodeDeploy` deployment. AWS does the work and takes its time; a plan
//! says how far it may go before the next step, and what watches over it meanwhile.

use std::{borrow::Cow, fmt, time::Duration};

use super::{
    names::{FleetName, GateName},
    units::Percent,
};

/// One stretch of a replacement. Several in a row with the same goal are one operation of AWS, stopped in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replace {
    pub fleet: FleetName,
    pub how: How,
    pub extent: Extent,
    /// How long the gates have to hold once the extent is reached.
    pub bake: Duration,
    /// Watched all the while, not only during the bake.
    pub gates: Vec<GateName>,
}

/// How far a step takes a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Until this share of the instances is replaced; then it is held.
    UpTo(Percent),
    /// Until `CodeDeploy` waits in `Ready`, before it moves traffic.
    Ready,
    Whole,
}

impl Extent {
    /// Whether a replacement that has come so far is to stop here.
    pub fn is_reached_at(self, done: Percent) -> bool {
        match self {
            Self::UpTo(share) => done >= share,
            Self::Ready | Self::Whole => false,
        }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpTo(share) => write!(f, "up to {share}"),
            Self::Ready => f.write_str("up to ready"),
            Self::Whole => f.write_str("as a whole"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    Refresh(Refresh),
    Deploy(Deploy),
}

/// An instance refresh.
/// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RefreshPreferences.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// Of the launch template the group uses; a number, because `$Latest` cannot be rolled back to.
    pub version: u32,
    /// The share of the group that stays healthy all the while.
    pub min_healthy: Percent,
    /// By how much the group may grow meanwhile.
    pub surge: Percent,
    /// How long a new instance gets before it counts; the group's own setting unless told.
    pub warm_up: Option<Duration>,
    pub standby: Standby,
    pub scale_in_protected: Protected,
    /// Leaves instances alone that run this version already.
    pub matching: Matching,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    Skip,
    Replace,
}

/// What becomes of instances on standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standby {
    /// For an hour; then the refresh fails.
    Wait,
    Ignore,
    Terminate,
}

/// What becomes of instances protected from scale-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protected {
    /// For an hour; then the refresh fails.
    Wait,
    Ignore,
    Refresh,
}

/// A `CodeDeploy` deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deploy {
    pub revision: Revision,
    /// Such as `CodeDeployDefault.OneAtATime`; the group's own setting unless told.
    pub config: Option<String>,
}

/// What `CodeDeploy` deploys.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_RevisionLocation.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    S3 {
        bucket: String,
        key: String,
        version: Option<String>,
        bundle: Bundle,
    },
    GitHub {
        repository: String,
        commit: String,
    },
    /// The text of an `AppSpec`, for ECS and Lambda.
    AppSpec(String),
}

impl fmt::Display for Revision {
    /// In a form that [`Revision::parse`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, key, version, bundle } => {
                write!(f, "s3://{bucket}/{key}?type={}", bundle.name())?;
                version.as_ref().map_or(Ok(()), |version| write!(f, "&version={version}"))
            }
            Self::GitHub { repository, commit } => write!(f, "github:{repository}@{commit}"),
            Self::AppSpec(spec) => write!(f, "app-spec:{spec}"),
        }
    }
}

/// What to call a revision of this name in a line of text. An `AppSpec` is told by what it leads to, where that is
/// found in it.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html>
pub fn title(name: &str) -> Cow<'_, str> {
    let Some(spec) = name.strip_prefix("app-spec:") else { return Cow::Borrowed(name) };
    let value = |key: &str| {
        let (_, rest) = spec.split_once(key)?;
        let rest = rest.trim_start_matches(['"', '\'', ':', ' ']);
        rest.split(['"', '\'', ',', '}', ' ', '\n']).next().filter(|value| !value.is_empty())
    };
    let told = ["TargetVersion", "TaskDefinition"].into_iter().find_map(|key| {
        let value = value(key)?;
        Some(format!("app-spec to {key} {}", value.rsplit('/').next().unwrap_or(value)))
    });
    Cow::Owned(told.unwrap_or_else(|| "app-spec".to_owned()))
}

impl Revision {
    /// The revision of this name; `None` when it is none.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(spec) = name.strip_prefix("app-spec:") {
            return Some(Self::AppSpec(spec.to_owned()));
        }
        if let Some(place) = name.strip_prefix("github:") {
            let (repository, commit) = place.rsplit_once('@')?;
            return Some(Self::GitHub { repository: repository.into(), commit: commit.into() });
        }
        let (place, query) = name.strip_prefix("s3://")?.rsplit_once("?type=")?;
        let (bucket, key) = place.split_once('/')?;
        let (bundle, version) = match query.split_once("&version=") {
            Some((bundle, version)) => (bundle, Some(version.to_owned())),
            None => (query, None),
        };
        let bundle = Bundle::parse(bundle)?;
        Some(Self::S3 { bucket: bucket.into(), key: key.into(), version, bundle })
    }
}

/// How a bundle in S3 is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bundle {
    Zip,
    Tar,
    Tgz,
    Yaml,
    Json,
}

impl Bundle {
    /// The kind of this name, in `CodeDeploy`'s spelling.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Zip, Self::Tar, Self::Tgz, Self::Yaml, Self::Json]
            .into_iter()
            .find(|bundle| bundle.name() == name)
    }

    /// As `CodeDeploy` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::Tgz => "tgz",
            Self::Yaml => "YAML",
            Self::Json => "JSON",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_revision_is_read_back_from_its_name(
            bucket in "[a-z0-9.-]{3,20}", key in "[ -~]{1,40}", version in proptest::option::of("[A-Za-z0-9._]{1,32}"),
        ) {
            let revision = Revision::S3 { bucket, key, version, bundle: Bundle::Tgz };
            prop_assert_eq!(Revision::parse(&revision.to_string()), Some(revision));
        }
    }

    #[test]
    fn commits_and_app_specs_too() {
        let commit = Revision::GitHub { repository: "a/b".into(), commit: "0123".into() };
        assert_eq!(Revision::parse(&commit.to_string()), Some(commit));
        let spec = Revision::AppSpec("version: 0.0".into());
        assert_eq!(Revision::parse(&spec.to_string()), Some(spec));
        assert_eq!(Revision::parse("ftp://x"), None);
    }

    #[test]
    fn a_line_has_no_room_for_an_app_spec() {
        let function = r#"app-spec:{"Resources": [{"f": {"Properties": {"TargetVersion": "2"}}}]}"#;
        assert_eq!(title(function), "app-spec to TargetVersion 2");
        let service = "app-spec:Resources:\n - S:\n     TaskDefinition: arn:aws:ecs:x:1:task-definition/a:7\n";
        assert_eq!(title(service), "app-spec to TaskDefinition a:7");
        assert_eq!(title("app-spec:version: 0.0"), "app-spec");
        assert_eq!(title("s3://b/k?type=zip"), "s3://b/k?type=zip");
    }
}
