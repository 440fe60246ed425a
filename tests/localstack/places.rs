//! Two accounts and two regions: a canary whose gate's alarm lives in another account and region, which a role leads
//! into. LocalStack tells accounts apart by access keys, and what STS gives out for a role is of the role's account.

use aws_sdk_cloudwatch::{
    Client,
    config::{Credentials, Region},
    types::{ComparisonOperator, StateValue},
};

use crate::{
    load::Load,
    world::{Ended, World},
};

const ACCOUNT: &str = "444455556666";
const REGION: &str = "us-east-1";

/// Alarms over there.
struct Elsewhere {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Elsewhere {
    fn new(account: &str, region: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let keys = Credentials::new(account, "any", None, None, "test");
        let settings =
            aws_config::from_env().credentials_provider(keys).region(Region::new(region));
        let client = Client::new(&runtime.block_on(settings.load()));
        Self { client, runtime }
    }

    fn set(&self, alarm: &str, state: StateValue) {
        let call = self.client.set_alarm_state().alarm_name(alarm).state_value(state);
        self.runtime.block_on(call.state_reason("the shop's own words").send()).unwrap();
    }

    /// An alarm over a metric that nobody publishes: it is what it is set to.
    fn alarm(&self, alarm: &str, state: StateValue) {
        let call = self.client.put_metric_alarm().alarm_name(alarm).namespace("Shop");
        let call = call.metric_name("Orders").period(60).evaluation_periods(1).threshold(1.0);
        let call = call.statistic(aws_sdk_cloudwatch::types::Statistic::Sum);
        let call = call.comparison_operator(ComparisonOperator::LessThanThreshold);
        self.runtime.block_on(call.treat_missing_data("ignore").send()).unwrap();
        self.set(alarm, state);
    }
}

/// The canary, with one more gate that looks at an alarm elsewhere.
fn plan(world: &World, alarm: &str) -> String {
    let gate = format!(
        "gates:\n  orders:\n    alarms: {{ names: [{alarm}] }}\n    aws: {{ region: {REGION}, role: \
         \"arn:aws:iam::{ACCOUNT}:role/watch\" }}\n"
    );
    world.plan("canary-alb.yaml", |text| {
        text.replacen("gates:\n", &gate, 1).replace("gates: [errors]", "gates: [errors, orders]")
    })
}

#[test]
fn a_gate_in_another_account_and_region_lets_a_canary_pass_and_takes_the_next_one_back() {
    let world = World::new("places");
    world.release(&["--version", "2"]);
    let there = Elsewhere::new(ACCOUNT, REGION);
    let alarm = "places-orders";
    there.alarm(alarm, StateValue::Ok);
    // Whoever looked in the wrong account or region would be refused by these.
    Elsewhere::new("000000000000", "eu-west-1").alarm(alarm, StateValue::Alarm);
    Elsewhere::new(ACCOUNT, "eu-west-1").alarm(alarm, StateValue::Alarm);
    Elsewhere::new("000000000000", REGION).alarm(alarm, StateValue::Alarm);
    let before = world.described();
    let plan = plan(&world, alarm);

    let run = world.start(&["run", &plan]);
    world.wait_for("bake-started");
    there.set(alarm, StateValue::Alarm);
    let ended = Ended::wait(run);
    ended.expect(4);
    println!("{}", ended.told);
    assert!(ended.told.contains("gate orders: fail"), "{}", ended.told);
    assert!(ended.told.contains(ACCOUNT) && ended.told.contains(REGION), "{}", ended.told);
    assert_eq!(world.described(), before);

    there.set(alarm, StateValue::Ok);
    let load = Load::start(&world.prefix, 50);
    let ended = world.run(&["run", &plan]);
    ended.expect(0);
    let seen = load.stop_after(2);
    println!("{} requests, {} errors\n{}", seen.requests, seen.errors, ended.told);
    assert_eq!(seen.errors, 0, "{seen:?}");
}
