//! The traits themselves and the few types they speak. They are as narrow as their use; a new need is a new method.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;

use super::{
    AlarmNews, AliasDeployments, Aliases, Buses, ByService, Error, Installations, Lead, Mappings,
    Marks, Metrics, Names, NewDeployments, OldVersions, OwnTest, Places, ProvisionedConcurrency,
    Provisioning, Pruning, Publishing, Queues, Releases, Replacing, Replaying, Replays, SetMarks,
    SetWeights, Spot, Stages, Takers, Weights,
};
use crate::{
    plan::{FunctionName, Header, ListenerRule, Member, Proxy, RecordSet},
    rollout::{Capacity, Split, TestRoute, Timestamp, Version},
};

/// A forward action on a load balancer: the place where weights stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// ARN of the rule; for a default action, of the listener. Names the place from now on.
    pub resource: String,
    /// The load balancer's name.
    pub load_balancer: String,
    pub split: Split,
    /// Group-level stickiness: clients with its cookie do not follow the weights for so long.
    pub sticky_for: Option<Duration>,
    /// Its list of actions as JSON that the AWS CLI takes; None where it has one that is not known here.
    pub written: Option<String>,
    /// What a rule has beside them, as JSON that the AWS CLI takes. None for a listener, and where a rule rewrites what it
    /// passes on.
    pub rule: Option<String>,
}

/// A target group as preflight wants to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    pub name: Member,
    pub arn: String,
    /// How long a deregistered target may finish its requests.
    pub deregistration_delay: Duration,
    /// Names of the load balancers that it stands behind; AWS allows one.
    pub load_balancers: Vec<String>,
    /// What its targets are spoken to by, such as `HTTP` or `TCP`; a function has none.
    pub protocol: Option<String>,
    /// A function is in none.
    pub vpc: Option<String>,
}

/// The state of one registered target, as `DescribeTargetHealth` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `instance-id:port` or `ip:port`.
    pub target: String,
    pub state: HealthState,
    /// AWS's reason code, such as `Target.ResponseCodeMismatch`; empty when healthy.
    pub reason: String,
}

impl Health {
    /// Whether nobody checks it because its group's health checks are switched off, as a function's are unless told
    /// otherwise.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>
    pub fn is_never_checked(&self) -> bool {
        self.state == HealthState::Unavailable && self.reason == "Target.HealthCheckDisabled"
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    Healthy,
    Initial,
    Unhealthy,
    /// Its group receives no traffic from any load balancer, so nobody checks it.
    Unused,
    Draining,
    Unavailable,
}

impl fmt::Display for HealthState {
    /// As AWS writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healthy => "healthy",
            Self::Initial => "initial",
            Self::Unhealthy => "unhealthy",
            Self::Unused => "unused",
            Self::Draining => "draining",
            Self::Unavailable => "unavailable",
        })
    }
}

#[async_trait]
pub trait LoadBalancers: Send + Sync {
    /// Finds the forward action a plan names. `Absent` when there is none, `Rejected` when it does not forward.
    async fn find(&self, at: &ListenerRule) -> Result<Forward, Error>;

    /// Reads the forward action at a rule's or listener's ARN.
    async fn forward(&self, resource: &str) -> Result<Forward, Error>;

    async fn target_group(&self, name: &Member) -> Result<TargetGroup, Error>;

    async fn health(&self, group: &Member) -> Result<Vec<Health>, Error>;

    /// Whether a rule on the listener of a rule's or listener's ARN leads requests with this header to this group alone.
    async fn test_route(
        &self,
        resource: &str,
        header: &Header,
        group: &Member,
    ) -> Result<TestRoute, Error>;

    /// The rule that [`SetTestRoutes::add`] would make, as the AWS CLI takes it (`aws elbv2 create-rule --cli-input-json`);
    /// `None` when something of it cannot be told. The error is what it, or AWS, would refuse with.
    async fn draw_test_route(
        &self,
        resource: &str,
        header: &Header,
        group: &Member,
    ) -> Result<Option<String>, Error>;

    /// Every forward action that gives this group a weight: rules and default actions of all listeners of the load
    /// balancer it stands behind, except a test route that [`Self::test_route`] would find.
    async fn leads(&self, group: &Member, own: Option<OwnTest<'_>>) -> Result<Vec<Lead>, Error>;
}

#[async_trait]
pub trait SetTestRoutes: Send + Sync {
    /// Adds a rule ahead of the one at `resource`, with the same conditions and the header besides, unless it is there.
    async fn add(&self, resource: &str, header: &Header, group: &Member) -> Result<(), Error>;

    /// Deletes every rule that [`LoadBalancers::test_route`] would find; none is fine too.
    async fn remove(&self, resource: &str, header: &Header, group: &Member) -> Result<(), Error>;
}

/// The weighted records of one name and type: the place where DNS weights stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// Zone, name and type. Names the place from now on.
    pub resource: String,
    /// By set identifier.
    pub split: Split,
    /// How long resolvers may keep an answer.
    pub ttl: Duration,
    /// The ids of the health checks, by set identifier, of those that have one.
    pub health_checks: BTreeMap<Member, String>,
    /// The records as JSON that the AWS CLI takes; None where they have something that is not known here.
    pub written: Option<String>,
}

/// What the checkers of a health check last saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkers {
    pub healthy: u32,
    pub all: u32,
}

#[async_trait]
pub trait Dns: Send + Sync {
    /// Finds the records a plan names. `Absent` when there are none, `Rejected` when they are not a set that weights
    /// can be moved in: of another policy, of several TTLs.
    async fn find(&self, at: &RecordSet) -> Result<Records, Error>;

    async fn records(&self, resource: &str) -> Result<Records, Error>;

    async fn checkers(&self, health_check: &str) -> Result<Checkers, Error>;

    /// The other records of the zone that answer with the same thing as this member of the records at `resource`: of
    /// another name or another type. An alias of the name itself is not one of them, nor is a record of weight 0.
    async fn leads(&self, resource: &str, member: &Member) -> Result<Vec<Lead>, Error>;
}

/// An Auto Scaling group as we use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: Member,
    pub capacity: Capacity,
    /// Instances whose lifecycle state is `InService`.
    pub in_service: u32,
    /// Names of the target groups it registers its instances with.
    pub target_groups: Vec<Member>,
    /// Suspended processes, such as `Launch`, that would keep a resize from having its effect.
    pub suspended: Vec<String>,
    /// How many of its instances run which version, as each says itself; those on their way out left out.
    pub running: BTreeMap<Version, u32>,
    /// What else sends its instances traffic, in words: `classic load balancer shop`.
    pub other_sources: Vec<String>,
}

/// What changes a group's size without being asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Automation {
    /// Names of its scaling policies, those that are disabled left out.
    pub policies: Vec<String>,
    pub schedule: Vec<Scheduled>,
}

/// A scheduled action that is still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    pub name: String,
    /// A moment, or a cron expression with its time zone.
    pub when: String,
    /// What it sets, in instances.
    pub min: Option<u32>,
    pub max: Option<u32>,
    pub desired: Option<u32>,
}

/// What a group can launch in its availability zones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// The group's own.
    pub zones: BTreeSet<String>,
    /// Those of them that offer each instance type. No type where none is named: chosen by attributes, say.
    pub of: BTreeMap<String, BTreeSet<String>>,
}

#[async_trait]
pub trait Groups: Send + Sync {
    async fn group(&self, name: &Member) -> Result<Group, Error>;

    /// Its scaling policies and scheduled actions.
    async fn automation(&self, name: &Member) -> Result<Automation, Error>;

    /// The versions it launches instances of now: of its launch template, `$Latest` and `$Default` looked up, of every
    /// template that its mixed instances policy names, or its launch configuration.
    async fn launches(&self, name: &Member) -> Result<Vec<Version>, Error>;

    /// Asks for the version of a launch template. `Rejected`, in AWS's words, when it is not there; any other version
    /// than one of a launch template is not asked for.
    async fn check_version(&self, version: &Version) -> Result<(), Error>;

    /// Where the instance types are offered that it launches when it launches this version.
    async fn offers(&self, name: &Member, version: &Version) -> Result<Offers, Error>;
}

#[async_trait]
pub trait ResizeGroups: Send + Sync {
    /// Sets minimum, maximum and desired capacity in one call. Where nothing is to be left, and what runs is of another
    /// version than the group launches, it returns once AWS has told those instances to go, or after half a minute: a group
    /// that is wanted larger again before keeps them.
    async fn resize(&self, name: &Member, to: Capacity) -> Result<(), Error>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmValue {
    Ok,
    Alarm,
    InsufficientData,
}

impl AlarmValue {
    /// As CloudWatch writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// When an answer was given, by the clock of whoever gave it (`Date`, in whole seconds) and by this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub there: Timestamp,
    pub here: Timestamp,
}

/// An alarm, metric or composite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub name: String,
    pub value: AlarmValue,
    /// When the value last changed (`StateTransitionedTimestamp`).
    pub since: Option<Timestamp>,
    /// CloudWatch's own words for the state.
    pub reason: String,
    /// `EvaluationState` other than none: `PARTIAL_DATA`, `EVALUATION_ERROR`, … The value is then not to be trusted.
    pub evaluation: Option<String>,
    pub actions_enabled: bool,
    /// Target group dimension values of its metric (`targetgroup/name/id`), where it has any.
    pub target_groups: Vec<String>,
    /// Load balancer dimension values of its metric (`app/name/id`), where it has any.
    pub load_balancers: Vec<String>,
    /// How long it takes to react at the least: period times the datapoints it takes to alarm. Not known of a composite
    /// alarm.
    pub reacts_in: Option<Duration>,
    /// AWS's id of the request that told this.
    pub request: Option<String>,
    pub told: Option<Told>,
}

/// One change of an alarm's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub at: Timestamp,
    pub to: AlarmValue,
    pub reason: String,
}

#[async_trait]
pub trait Alarms: Send + Sync {
    /// All that exist among `names`, metric and composite alike, in one `DescribeAlarms` per 100 names. Missing ones are
    /// simply absent from the answer.
    async fn alarms(&self, names: &[String]) -> Result<Vec<Alarm>, Error>;

    /// The changes of one alarm's value since a moment, oldest first (`DescribeAlarmHistory`).
    async fn history(&self, name: &str, since: Timestamp) -> Result<Vec<Transition>, Error>;
}

/// Whose credentials these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: String,
    pub arn: String,
    pub told: Option<Told>,
}

#[async_trait]
pub trait Identity: Send + Sync {
    async fn caller(&self) -> Result<Caller, Error>;
}

/// What came of one HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Status(u16),
    /// Connection refused, time-out, TLS or protocol trouble: the words for it.
    None(String),
}

#[async_trait]
pub trait Http: Send + Sync {
    /// Headers by lower-case name.
    async fn get(
        &self,
        url: &str,
        headers: &BTreeMap<String, String>,
        timeout: Duration,
        proxy: Proxy,
    ) -> Answer;

    /// The proxy through which a request to this URL goes where it may, without user and password.
    fn proxy_to(&self, _url: &str) -> Option<String> {
        None
    }
}

/// What came of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ran {
    Exited {
        code: i32,
        /// The beginning of what it wrote.
        stdout: String,
        stderr: String,
    },
    /// By a signal.
    Killed,
    /// And was killed.
    TimedOut,
    /// The words for why.
    NotStarted(String),
}

/// Commands of a plan's own. They are meant to look and not to touch, which nobody can enforce.
#[async_trait]
pub trait Commands: Send + Sync {
    /// The program and its arguments; no shell looks at them.
    async fn run(&self, argv: &[String], timeout: Duration) -> Ran;
}

/// What came of one invocation of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoked {
    /// AWS's id of the request, by which its log can be found.
    pub request: Option<String>,
    /// `Handled` or `Unhandled` when the function failed; the payload then tells how.
    pub error: Option<String>,
    /// The beginning of what it answered.
    pub payload: String,
    /// From asking to the answer.
    pub took: Duration,
}

impl Invoked {
    /// So much of an answer is kept, in bytes: more than a reading could need.
    pub const MOST: usize = 64 * 1_024;
}

/// Lambda functions of a plan's own. Like commands they are meant to look and not to touch.
#[async_trait]
pub trait Functions: Send + Sync {
    /// Whether it exists and may be invoked; it is not.
    async fn may_invoke(&self, function: &FunctionName) -> Result<(), Error>;

    /// Invokes it with a payload of JSON and waits for its answer, so long at most.
    async fn invoke(
        &self,
        function: &FunctionName,
        payload: &str,
        timeout: Duration,
    ) -> Result<Invoked, Error>;
}

/// All that can be read.
#[derive(Clone)]
pub struct Reads {
    pub weights: ByService<dyn Weights>,
    pub load_balancers: Arc<dyn LoadBalancers>,
    pub dns: Arc<dyn Dns>,
    pub aliases: Arc<dyn Aliases>,
    pub alias_deployments: Arc<dyn AliasDeployments>,
    pub releases: Arc<dyn Releases>,
    pub old_versions: Arc<dyn OldVersions>,
    pub provisioned: Arc<dyn ProvisionedConcurrency>,
    pub stages: Arc<dyn Stages>,
    pub buses: Arc<dyn Buses>,
    pub takers: Arc<dyn Takers>,
    pub replays: Arc<dyn Replays>,
    pub mappings: Arc<dyn Mappings>,
    pub groups: Arc<dyn Groups>,
    /// Auto Scaling groups whose instances are replaced.
    pub refreshes: Arc<dyn Installations>,
    /// Deployment groups of `CodeDeploy`, each named `application/group`.
    pub deployments: Arc<dyn Installations>,
    pub alarms: Arc<dyn Alarms>,
    pub queues: Arc<dyn Queues>,
    pub metrics: Arc<dyn Metrics>,
    pub identity: Arc<dyn Identity>,
    pub names: Arc<dyn Names>,
    pub http: Arc<dyn Http>,
    pub commands: Arc<dyn Commands>,
    pub functions: Arc<dyn Functions>,
    pub marks: Arc<dyn Marks>,
    /// The region the clients are bound to.
    pub region: String,
    /// The role that they have assumed.
    pub role: Option<String>,
}

impl Reads {
    /// Where it is read, as far as the clients know.
    pub fn spot(&self) -> Spot {
        Spot { region: self.region.clone(), role: self.role.clone() }
    }
}

/// How long calls may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A late answer is worth less than another try.
    Forward,
    /// A late answer is better than none.
    Back,
}

impl Places<Cloud> {
    /// What can be read of each.
    pub fn reads(&self) -> Places<Reads> {
        self.map(|cloud| cloud.reads.clone())
    }
}

/// All that can be read, and the few things that can be changed.
#[derive(Clone)]
pub struct Cloud {
    pub reads: Reads,
    pub weights: ByService<dyn SetWeights>,
    pub test_routes: Arc<dyn SetTestRoutes>,
    pub sizes: Arc<dyn ResizeGroups>,
    pub refreshing: Arc<dyn Replacing>,
    pub deploying: Arc<dyn Replacing>,
    pub publishing: Arc<dyn Publishing>,
    /// Of APIs.
    pub new_deployments: Arc<dyn NewDeployments>,
    pub pruning: Arc<dyn Pruning>,
    pub provisioning: Arc<dyn Provisioning>,
    pub replaying: Arc<dyn Replaying>,
    pub marking: Arc<dyn SetMarks>,
    /// Whoever hears a message takes it away from the others.
    pub news: Arc<dyn AlarmNews>,
}
