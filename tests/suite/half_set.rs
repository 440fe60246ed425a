//! What is set for AWS by half: files, profiles and variables that lack what would make them whole, told each by itself.

#![expect(clippy::type_complexity, reason = "a table of cases, read once")]

use std::fs;

use crate::{
    aws_config::{NO_FILES, home, refused_once, talk},
    credentials::{Aws, KEYS},
};

/// Profiles that lack something, beside those of the tests of the AWS CLI's configuration.
const MORE: &str = "
[profile lost]
role_arn = arn:aws:iam::111122223333:role/deployer
source_profile = stagin
region = eu-west-1
[profile ring]
role_arn = arn:aws:iam::111122223333:role/deployer
source_profile = circle
region = eu-west-1
[profile circle]
role_arn = arn:aws:iam::111122223333:role/deployer
source_profile = ring
[profile half]
aws_access_key_id = AKIDHALF
region = eu-west-1
[profile selfish]
role_arn = arn:aws:iam::111122223333:role/deployer
source_profile = selfish
region = eu-west-1
[profile keyless]
aws_secret_access_key = s
region = eu-west-1
[profile empty]
region = eu-west-1
[profile hopeful]
role_arn = arn:aws:iam::111122223333:role/deployer
source_profile = empty
region = eu-west-1
[profile moon]
role_arn = arn:aws:iam::111122223333:role/deployer
credential_source = Moon
region = eu-west-1
[profile bare]
role_arn = arn:aws:iam::111122223333:role/deployer
region = eu-west-1
[profile tokenless]
role_arn = arn:aws:iam::111122223333:role/deployer
web_identity_token_file = /none/token
region = eu-west-1
[profile adrift]
sso_session = crp
sso_account_id = 111122223333
sso_role_name = deployer
region = eu-west-1
[profile borrower]
role_arn = arn:aws:iam::111122223333:role/deployer
source_profile = adrift
region = eu-west-1
[profile elsewhere]
region = eu_west_1
";

#[test]
fn what_is_set_by_half_is_told_before_anything_is_called() {
    let home = home("2999");
    let config = home.0.path().join(".aws/config");
    fs::write(&config, fs::read_to_string(&config).unwrap() + MORE).unwrap();
    let aws = Aws::start();
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/ci");
    let profile = |name| vec![("AWS_PROFILE", name)];
    let token = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/none/token");
    let cases: [(Vec<(&str, &str)>, &str, &str); 17] = [
        (vec![KEYS[0]], "the environment has an access key and no secret", "AWS_SECRET_ACCESS_KEY"),
        (profile("half"), "profile half has an access key and no secret", "aws_secret_access_key"),
        (
            profile("lost"),
            "profile lost borrows from profile stagin, which",
            "did you mean `staging`?",
        ),
        (profile("ring"), "in a circle: ring, circle, ring", "credentials of its own"),
        (profile("selfish"), "profile selfish borrows from itself", "the profile with the keys"),
        (profile("keyless"), "profile keyless has a secret and no access key", "aws_access_key_id"),
        (
            profile("hopeful"),
            "borrows from profile empty, which has no credentials",
            "give profile",
        ),
        (profile("moon"), "`credential_source = Moon`, which is no source", "`Environment`"),
        (profile("borrows"), "borrows from the environment, which has no credentials", "give the"),
        (
            profile("adrift"),
            "profile adrift has `sso_session = crp`, and there is no section `[sso-session crp]`",
            "did you mean `corp`?",
        ),
        (profile("borrower"), "profile adrift has `sso_session = crp`", "did you mean `corp`?"),
        (profile("bare"), "profile bare has a role_arn and nothing", "`credential_source`"),
        (
            profile("tokenless"),
            "web_identity_token_file names /none/token",
            "the file with the token",
        ),
        (vec![token, role, NO_FILES], "AWS_WEB_IDENTITY_TOKEN_FILE names /none/token", "the token"),
        (vec![token, NO_FILES], "is set, and AWS_ROLE_ARN is not", "set AWS_ROLE_ARN"),
        (vec![("AWS_REGION", "eu west")], "`eu west`, from AWS_REGION, is not", "`eu-west-1`?"),
        (profile("elsewhere"), "`eu_west_1`, from profile elsewhere, is not", "`eu-west-1`?"),
    ];
    for (env, problem, hint) in cases {
        let disabled = [("AWS_EC2_METADATA_DISABLED", "true")];
        let ended = home.bare(&[&env[..], &disabled].concat(), &["--endpoint-url", &aws.url]);
        let told = talk(&ended);
        assert_eq!(ended.status.code(), Some(2), "{env:?}: {told}");
        assert!(told.contains(problem) && told.contains(hint), "{env:?}: {told}");
    }
    assert!(aws.asked.lock().unwrap().is_empty());
}

#[test]
fn a_container_without_credentials_and_a_file_that_is_not_there_are_named() {
    let home = home("2999");
    let aws = Aws::start();
    let at = ["--endpoint-url", aws.url.as_str()];
    let disabled = ("AWS_EC2_METADATA_DISABLED", "true");
    let region = ("AWS_REGION", "eu-west-1");
    let nobody = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/creds");
    let (problem, hint) = refused_once(&home, &[nobody, region, disabled, NO_FILES], &at);
    assert!(problem.starts_with("no valid credentials: "), "{problem}");
    assert!(problem.contains("http://127.0.0.1:9"), "{problem}");
    assert!(hint.contains("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), "{hint}");
    let none = [("AWS_CONFIG_FILE", "/none"), NO_FILES, region, disabled];
    let (problem, _) = refused_once(&home, &none, &at);
    assert!(problem.contains("AWS_CONFIG_FILE names /none, which is no file"), "{problem}");
    let secret = [("AWS_SECRET_ACCESS_KEY", "s"), NO_FILES, region, disabled];
    let (problem, _) = refused_once(&home, &secret, &at);
    assert!(problem.contains("is set, and AWS_ACCESS_KEY_ID is not"), "{problem}");
}
