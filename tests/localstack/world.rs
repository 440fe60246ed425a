//! A world of its own for each test (load balancer, groups, alarms under a prefix), and the binary to run in it.
//!
//! All that these tests ask of a world goes through this one type, a few lines a question; hence its length.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_elasticloadbalancingv2::types::{ForwardActionConfig, TargetGroupStickinessConfig};
use serde_json::json;
use tidegate::{
    aws::{Settings, connect},
    cloud::{AlarmValue, Calls, Cloud, Owned, Patience},
    plan::{ListenerRule, Member},
    rollout::{Capacity, RouteService, Split, Timestamp},
};

use crate::rest::Rest;

pub(crate) struct World {
    pub(crate) prefix: String,
    pub(crate) journal: tempfile::TempDir,
    /// What the seed told of it; nothing of a world that was there already.
    pub(crate) seeded: serde_json::Value,
    cloud: Cloud,
    runtime: tokio::runtime::Runtime,
    settings: aws_config::SdkConfig,
    /// Of who seeded it; it does its work when it is dropped.
    _rest: Option<Rest>,
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn tide_aws(args: &[&str]) -> Output {
    let state = std::env::var("TIDE_AWS_STATE")
        .expect("LocalStack is needed: run these tests through `make localstack`");
    let mut command = Command::new(repository().join("localstack/tide-aws"));
    command.args(args).args(["--state-dir", &state]).output().unwrap()
}

impl World {
    /// Seeds the world `prefix`, with a canary's load balancer and groups.
    pub(crate) fn new(prefix: &str) -> Self {
        Self::of_kind("alb", prefix)
    }

    /// Seeds a world of another kind.
    pub(crate) fn of_kind(kind: &str, prefix: &str) -> Self {
        let world = Self::again(prefix);
        let told = world.post("seed", json!({ "kind": kind, "prefix": prefix }).to_string());
        let seeded = serde_json::from_str(&told)
            .unwrap_or_else(|_| panic!("the world {prefix} could not be seeded: {told}"));
        Self { seeded, _rest: Some(Rest(prefix.to_owned())), ..world }
    }

    /// A world that is there already, seen from a journal of its own.
    pub(crate) fn again(prefix: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let settings = runtime.block_on(aws_config::from_env().load());
        let cloud = runtime
            .block_on(connect(&Settings::default(), &Calls::default(), Patience::Forward))
            .unwrap();
        let journal = tempfile::tempdir().unwrap();
        let seeded = serde_json::Value::Null;
        Self { prefix: prefix.to_owned(), journal, seeded, cloud, runtime, settings, _rest: None }
    }

    /// The same world, with a journal in which nothing stands yet.
    pub(crate) fn with_new_journal(self) -> Self {
        Self { journal: tempfile::tempdir().unwrap(), ..self }
    }

    /// `tidegate` with this world's journal.
    pub(crate) fn tidegate(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command
            .current_dir(repository())
            // Any key will do; by its own, a fault finds the calls of this world's runs and of nobody else.
            .env("AWS_ACCESS_KEY_ID", &self.prefix)
            .env("TIDEGATE_JOURNAL", self.journal.path())
            .env("TIDEGATE_PARAM_APP", &self.prefix)
            .env("TIDEGATE_PARAM_BAKE", "8s")
            .env("TIDEGATE_PARAM_LAST_BAKE", "8s")
            .env("TIDEGATE_PARAM_KEEP", "8s")
            .env("TIDEGATE_PARAM_URL", std::env::var("AWS_ENDPOINT_URL").unwrap_or_default())
            .env("TIDEGATE_PARAM_SETTLE", "3s")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A plan of plans/, changed, in a file of this world's own.
    pub(crate) fn plan(&self, name: &str, change: impl Fn(String) -> String) -> String {
        let text = std::fs::read_to_string(repository().join("plans").join(name)).unwrap();
        let changed = change(text.clone());
        assert_ne!(changed, text, "nothing was changed in {name}");
        let path = self.journal.path().join(name);
        std::fs::write(&path, changed).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A plan that stands nowhere else, in a file of this world's own.
    pub(crate) fn own_plan(&self, text: &str) -> String {
        let path = self.journal.path().join("own.yaml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A plan of this world's own, changed further.
    pub(crate) fn plan_text(&self, path: &str, change: impl Fn(String) -> String) -> String {
        let text = std::fs::read_to_string(path).unwrap();
        let changed = change(text.clone());
        assert_ne!(changed, text, "nothing was changed in {path}");
        let path = self.journal.path().join("changed.yaml");
        std::fs::write(&path, changed).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A URL that answers 200 as long as there is a cloud.
    pub(crate) fn health_url() -> String {
        let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
        format!("{endpoint}/_localstack/health")
    }

    /// Gives the candidate's group a version of its own to launch.
    pub(crate) fn release(&self, args: &[&str]) {
        let released = tide_aws(&[&["release", "--prefix", &self.prefix], args].concat());
        let talk = String::from_utf8_lossy(&released.stderr);
        assert!(released.status.success(), "nothing released to {}: {talk}", self.prefix);
    }

    /// Lets calls of an operation by this world's runs go wrong. Answers with the fault's id.
    pub(crate) fn fault(&self, operation: &str, fault: &str) -> String {
        let client = &self.prefix;
        let body = format!(r#"{{"operation": "{operation}", "client": "{client}", {fault}}}"#);
        let told: serde_json::Value = serde_json::from_str(&self.post("faults", body)).unwrap();
        told["id"].as_str().unwrap_or_else(|| panic!("not taken: {told}")).to_owned()
    }

    /// Takes a fault away. How often it has struck.
    pub(crate) fn lift(&self, fault: &str) -> u64 {
        let told = self.control(reqwest::Method::GET, "faults", String::new());
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let mut known = told["faults"].as_array().unwrap().iter();
        let struck = known.find(|known| known["id"] == fault).unwrap()["struck"].as_u64().unwrap();
        self.control(reqwest::Method::DELETE, &format!("faults/{fault}"), String::new());
        struck
    }

    fn post(&self, path: &str, body: String) -> String {
        self.control(reqwest::Method::POST, path, body)
    }

    fn control(&self, method: reqwest::Method, path: &str, body: String) -> String {
        let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
        let url = format!("{endpoint}/_tidegate/{path}");
        self.runtime.block_on(async {
            let call = reqwest::Client::new().request(method, url).body(body);
            call.send().await.unwrap().text().await.unwrap()
        })
    }

    /// Lets the running instances of a side answer this share of requests with an error.
    pub(crate) fn misbehave(&self, colour: &str, error_rate: f64) {
        let group = self.member(colour);
        let body = format!(r#"{{"group":"{group}","version":"2","error_rate":{error_rate}}}"#);
        let changed = self.post("behaviour", body);
        assert!(changed.contains("i-"), "no instance of {group}: {changed}");
    }

    /// Every resource that a rollout may change, as AWS describes it, in one document.
    pub(crate) fn described(&self) -> String {
        let path = format!("snapshot?prefix={}", self.prefix);
        let taken = self.control(reqwest::Method::GET, &path, String::new());
        assert!(taken.starts_with('{'), "no snapshot of {}: {taken}", self.prefix);
        taken
    }

    /// What a deployment group has deployed last with success. (A blue/green deployment leaves other instances behind.)
    pub(crate) fn deployed(&self, group: &str) -> String {
        let all: serde_json::Value = serde_json::from_str(&self.described()).unwrap();
        let groups = all["deployment_groups"].as_object().unwrap();
        let mut ours = groups.iter().filter(|(name, _)| name.ends_with(group));
        ours.next().unwrap_or_else(|| panic!("no group {group} in {groups:?}")).1["revision"]
            .to_string()
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.tidegate(args).spawn().unwrap()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.tidegate(args).output().unwrap())
    }

    /// Names and texts of the latest run's events, in order.
    pub(crate) fn events(&self) -> Vec<String> {
        let Ok(runs) = std::fs::read_dir(self.journal.path().join("runs")) else {
            return Vec::new();
        };
        let mut runs: Vec<PathBuf> = runs.map(|run| run.unwrap().path()).collect();
        runs.sort();
        let Some(run) = runs.last() else { return Vec::new() };
        let Ok(events) = std::fs::read_dir(run.join("events")) else { return Vec::new() };
        let mut files: Vec<PathBuf> = events.map(|event| event.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        files.into_iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect()
    }

    /// Waits until an event with this word in it is in the journal.
    pub(crate) fn wait_for(&self, word: &str) {
        self.wait_until(word, |events| events.iter().any(|event| event.contains(word)));
    }

    pub(crate) fn wait_until(&self, what: &str, there: impl Fn(&[String]) -> bool) {
        let begun = Instant::now();
        while !there(&self.events()) {
            assert!(
                begun.elapsed() < Duration::from_mins(5),
                "{what} never happened: {:#?}",
                self.events()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Begins to deploy an `AppSpec` with CodeDeploy, as a colleague would. The deployment's id.
    pub(crate) fn begin_to_deploy(&self, spec: &str, config: &str) -> String {
        use aws_sdk_codedeploy::types::{AppSpecContent, RevisionLocation, RevisionLocationType};
        let content = AppSpecContent::builder().content(spec).build();
        let revision = RevisionLocation::builder()
            .revision_type(RevisionLocationType::AppSpecContent)
            .app_spec_content(content)
            .build();
        let call = aws_sdk_codedeploy::Client::new(&self.settings)
            .create_deployment()
            .application_name(&self.prefix)
            .deployment_group_name(&self.prefix)
            .deployment_config_name(format!("CodeDeployDefault.{config}"))
            .revision(revision);
        self.runtime.block_on(call.send()).unwrap().deployment_id.unwrap()
    }

    /// The same, and waits for its end.
    pub(crate) fn deploy_by_hand(&self, spec: &str, config: &str) {
        use aws_sdk_codedeploy::types::DeploymentStatus;
        let client = aws_sdk_codedeploy::Client::new(&self.settings);
        let id = self.begin_to_deploy(spec, config);
        let read = client.get_deployment().deployment_id(id);
        for _ in 0..300 {
            let seen = self.runtime.block_on(read.clone().send()).unwrap();
            match seen.deployment_info().and_then(|info| info.status()) {
                Some(DeploymentStatus::Succeeded) => return,
                Some(DeploymentStatus::Failed | DeploymentStatus::Stopped) => panic!("{seen:?}"),
                _ => std::thread::sleep(Duration::from_millis(200)),
            }
        }
        panic!("the deployment by hand does not end");
    }

    /// What requests to this world's load balancer have to name.
    pub(crate) fn host(&self) -> String {
        format!("{}.elb.localhost.localstack.cloud", self.prefix)
    }

    fn rule(&self) -> ListenerRule {
        ListenerRule::Named { load_balancer: self.prefix.clone(), port: 80, priority: Some(10) }
    }

    pub(crate) fn member(&self, colour: &str) -> Member {
        Member::new(format!("{}-{colour}", self.prefix))
    }

    /// Gives a side's group this size, as somebody else would, and waits until so many are in service.
    pub(crate) fn resize(&self, colour: &str, desired: u32) {
        let group = self.member(colour);
        let to = Capacity { min: 0, max: 8, desired };
        self.runtime.block_on(self.cloud.sizes.resize(&group, to)).unwrap();
        let begun = Instant::now();
        loop {
            let seen = self.runtime.block_on(self.cloud.reads.groups.group(&group)).unwrap();
            if seen.in_service == desired {
                return;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{seen:?}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    pub(crate) fn split(&self) -> Split {
        self.runtime.block_on(self.cloud.reads.load_balancers.find(&self.rule())).unwrap().split
    }

    /// Clients whose cookie names a group stay with it.
    pub(crate) fn make_sticky(&self) {
        self.rewrite_rule(|forward| {
            let sticky =
                TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(3_600);
            forward.target_group_stickiness_config = Some(sticky.build());
        });
    }

    /// The rule forwards to those that get traffic, and does not name the others.
    pub(crate) fn name_only_who_serves(&self) {
        self.rewrite_rule(|forward| {
            let groups = forward.target_groups.as_mut().unwrap();
            groups.retain(|group| group.weight() != Some(0));
        });
    }

    /// The rule takes requests for this path only, and whatever else comes is the stable side's alone.
    pub(crate) fn leave_the_rest_to_stable(&self, path: &str) {
        use aws_sdk_elasticloadbalancingv2::types::RuleCondition;
        let (client, rule) = (self.load_balancing(), self.rule_arn());
        let only = RuleCondition::builder().field("path-pattern").values(path).build();
        let change = client.modify_rule().rule_arn(rule).conditions(only).send();
        self.runtime.block_on(change).unwrap();
        self.forward_the_rest("blue");
    }

    /// The listener's default action forwards to one group alone, in the old way.
    fn forward_the_rest(&self, colour: &str) {
        use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum};
        let group = self.target_group(colour);
        let action = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group);
        let change = self.load_balancing().modify_listener().listener_arn(self.listener_arn());
        let change = change.default_actions(action.build()).send();
        self.runtime.block_on(change).unwrap();
    }

    /// The rule is gone; the listener forwards to the stable group alone, in the old way.
    pub(crate) fn detach_the_candidate(&self) {
        let delete = self.load_balancing().delete_rule().rule_arn(self.rule_arn()).send();
        self.runtime.block_on(delete).unwrap();
        self.forward_the_rest("blue");
    }

    /// One more rule, ahead of the others, that forwards requests for a path to a side.
    pub(crate) fn add_rule(&self, priority: i32, path: &str, colour: &str) -> String {
        use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, RuleCondition};
        let group = self.target_group(colour);
        let action = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group);
        let condition = RuleCondition::builder().field("path-pattern").values(path).build();
        let add = self.load_balancing().create_rule().listener_arn(self.listener_arn());
        let add = add.priority(priority).conditions(condition).actions(action.build()).send();
        let added = self.runtime.block_on(add).unwrap();
        added.rules()[0].rule_arn().unwrap().to_owned()
    }

    pub(crate) fn delete_rule(&self, arn: &str) {
        let delete = self.load_balancing().delete_rule().rule_arn(arn).send();
        self.runtime.block_on(delete).unwrap();
    }

    /// The rule signs users in before it forwards them.
    pub(crate) fn sign_users_in(&self) {
        use aws_sdk_elasticloadbalancingv2::types::{
            Action, ActionTypeEnum, AuthenticateOidcActionConfig,
        };
        let (client, rule) = (self.load_balancing(), self.rule_arn());
        let read = self.runtime.block_on(client.describe_rules().rule_arns(&rule).send()).unwrap();
        let mut forward = read.rules()[0].actions()[0].clone();
        (forward.target_group_arn, forward.order) = (None, Some(2));
        let oidc = AuthenticateOidcActionConfig::builder()
            .issuer("https://id.example.com")
            .authorization_endpoint("https://id.example.com/a")
            .token_endpoint("https://id.example.com/t")
            .user_info_endpoint("https://id.example.com/u")
            .client_id("shop")
            .client_secret("secret");
        let sign_in = Action::builder()
            .r#type(ActionTypeEnum::AuthenticateOidc)
            .order(1)
            .authenticate_oidc_config(oidc.build())
            .build();
        let change = client.modify_rule().rule_arn(rule).actions(sign_in).actions(forward).send();
        self.runtime.block_on(change).unwrap();
    }

    fn load_balancing(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        aws_sdk_elasticloadbalancingv2::Client::new(&self.settings)
    }

    pub(crate) fn rule_arn(&self) -> String {
        let at = self.rule();
        self.runtime.block_on(self.cloud.reads.load_balancers.find(&at)).unwrap().resource
    }

    fn listener_arn(&self) -> String {
        let client = self.load_balancing();
        self.runtime.block_on(async {
            let balancer = client.describe_load_balancers().names(&self.prefix).send();
            let balancer = balancer.await.unwrap().load_balancers()[0].clone();
            let listeners = client.describe_listeners();
            let arn = balancer.load_balancer_arn.unwrap();
            let listeners = listeners.load_balancer_arn(arn).send().await.unwrap();
            listeners.listeners()[0].listener_arn().unwrap().to_owned()
        })
    }

    fn target_group(&self, colour: &str) -> String {
        let name = self.member(colour);
        let found = self.cloud.reads.load_balancers.target_group(&name);
        self.runtime.block_on(found).unwrap().arn
    }

    fn rewrite_rule(&self, change: impl Fn(&mut ForwardActionConfig)) {
        let client = aws_sdk_elasticloadbalancingv2::Client::new(&self.settings);
        let at = self.rule();
        let find = self.cloud.reads.load_balancers.find(&at);
        let rule = self.runtime.block_on(find).unwrap().resource;
        let read = client.describe_rules().rule_arns(&rule).send();
        let read = self.runtime.block_on(read).unwrap();
        let mut action = read.rules()[0].actions()[0].clone();
        change(action.forward_config.as_mut().unwrap());
        // With both, AWS wants them to say the same.
        action.target_group_arn = None;
        let write = client.modify_rule().rule_arn(rule).actions(action).send();
        self.runtime.block_on(write).unwrap();
    }

    /// Lets a run's marks look as they do ten minutes after its last beat.
    pub(crate) fn age_marks(&self, run: &str) {
        self.runtime.block_on(async {
            let Cloud { reads, marking, .. } = &self.cloud;
            let rule = reads.load_balancers.find(&self.rule()).await.unwrap().resource;
            let groups = ["blue", "green"].map(|side| Owned::AutoScalingGroup(self.member(side)));
            for on in
                groups.into_iter().chain([Owned::route(RouteService::ElasticLoadBalancing, rule)])
            {
                let marks = reads.marks.marks(&on).await.unwrap();
                let mark = marks.into_iter().find(|mark| mark.run == run).unwrap();
                let aged = mark.beaten(mark.beat.before(Duration::from_mins(10)));
                marking.put(&on, &aged).await.unwrap();
            }
        });
    }

    /// Takes all marks of runs off a thing.
    pub(crate) fn unmark(&self, on: &Owned) {
        self.runtime.block_on(async {
            let Cloud { reads, marking, .. } = &self.cloud;
            for mark in reads.marks.marks(on).await.unwrap() {
                marking.remove(on, &mark.run).await.unwrap();
            }
        });
    }

    /// What a colleague does in the console.
    pub(crate) fn set_weights(&self, blue: u16, green: u16) {
        let weight = |n| tidegate::plan::units::Weight::new(n).unwrap();
        self.runtime.block_on(async {
            let forward = self.cloud.reads.load_balancers.find(&self.rule()).await.unwrap();
            let to = forward
                .split
                .with((&self.member("blue"), weight(blue)), (&self.member("green"), weight(green)));
            self.cloud
                .weights
                .load_balancers
                .set_weights(&forward.resource, &forward.split, &to)
                .await
                .unwrap();
        });
    }

    pub(crate) fn set_alarm(&self, alarm: &str, state: StateValue) {
        let client = aws_sdk_cloudwatch::Client::new(&self.settings);
        let name = format!("{}-{alarm}", self.prefix);
        let call = client
            .set_alarm_state()
            .alarm_name(name)
            .state_value(state)
            .state_reason("set by a test");
        self.runtime.block_on(call.send()).unwrap();
    }

    /// When an alarm last went to `ALARM`, by its history.
    pub(crate) fn went_off(&self, alarm: &str) -> Timestamp {
        let name = format!("{}-{alarm}", self.prefix);
        let history = self.cloud.reads.alarms.history(&name, Timestamp::default());
        let history = self.runtime.block_on(history).unwrap();
        history.iter().rfind(|change| change.to == AlarmValue::Alarm).unwrap().at
    }

    /// Deletes the queue in which news of this world's alarms arrives.
    pub(crate) fn delete_alarm_queue(&self) {
        let client = aws_sdk_sqs::Client::new(&self.settings);
        self.runtime.block_on(async {
            let url = client.get_queue_url().queue_name(format!("{}-alarms", self.prefix));
            let url = url.send().await.unwrap().queue_url.unwrap();
            client.delete_queue().queue_url(url).send().await.unwrap();
        });
    }

    /// Publishes bad figures until CloudWatch's own evaluation sets the alarm off.
    pub(crate) fn emit_errors(&self) {
        let status = tide_aws(&["emit-errors", "--prefix", &self.prefix, "--until-alarm"]).status;
        assert!(status.success(), "the alarm did not go off");
    }

    pub(crate) fn delete_alarm(&self, alarm: &str) {
        let client = aws_sdk_cloudwatch::Client::new(&self.settings);
        let call = client.delete_alarms().alarm_names(format!("{}-{alarm}", self.prefix));
        self.runtime.block_on(call.send()).unwrap();
    }

    /// Everything a run may touch, as AWS describes it.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, String> {
        let mut seen = self.groups();
        seen.insert("rule".to_owned(), self.split().to_string());
        seen
    }

    /// How large its groups are.
    pub(crate) fn groups(&self) -> BTreeMap<String, String> {
        let mut seen = BTreeMap::new();
        for colour in ["blue", "green"] {
            let name = self.member(colour);
            let group = self.runtime.block_on(self.cloud.reads.groups.group(&name)).unwrap();
            seen.insert(name.to_string(), format!("{} {:?}", group.capacity, group.suspended));
        }
        seen
    }
}

/// A process that has come to its end.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) told: String,
    pub(crate) talk: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let Output { status, stdout, stderr } = output;
        let [told, talk] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        Self { code: status.code(), told, talk }
    }

    /// It was this alarm: found in that state, or in its history when it had left it again by then.
    #[track_caller]
    pub(crate) fn tripped(&self, alarm: &str) {
        let said = ["is in", "went to"].map(|how| format!("{alarm} {how} ALARM"));
        assert!(said.iter().any(|words| self.told.contains(words)), "{}", self.told);
    }

    pub(crate) fn wait(child: Child) -> Self {
        Self::of(child.wait_with_output().unwrap())
    }

    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.told, self.talk);
        self
    }
}
