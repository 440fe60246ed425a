//! The ordinary AWS way, by the real binary: what the AWS CLI takes from environment and files, a row of the README's
//! table each, and what is said when that gives nothing. Servers of the test stand in for AWS.

#![expect(clippy::type_complexity, reason = "tables of cases, read once each")]

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    process::Output,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::{
    credentials::{Aws, Home, KEYS},
    stage::repository,
};

const PROFILES: &str = "
[profile sso]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Deployer
region = eu-west-1
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_registration_scopes = sso:account:access
[profile console]
login_session = arn:aws:iam::111122223333:user/dev
region = eu-west-1
[profile chained]
role_arn = arn:aws:iam::111122223333:role/deployer
source_profile = console
region = eu-west-1
[profile process]
credential_process = ./credentials
region = eu-west-1
[profile broken]
credential_process = /bin/false
region = eu-west-1
[profile role]
role_arn = arn:aws:iam::111122223333:role/deployer
source_profile = staging
region = eu-west-1
[profile borrows]
role_arn = arn:aws:iam::111122223333:role/deployer
credential_source = Environment
region = eu-west-1
[profile web]
role_arn = arn:aws:iam::111122223333:role/deployer
web_identity_token_file = token
region = eu-west-1
";

/// A home with a profile of each kind, and what `aws sso login` and `aws login` leave behind until this year.
pub(crate) fn home(until: &str) -> Home {
    let home = Home::new();
    let at = home.0.path();
    let config = at.join(".aws/config");
    let before = fs::read_to_string(&config).unwrap();
    fs::write(&config, before + PROFILES).unwrap();
    fs::write(at.join("token"), "an identity").unwrap();
    let process = "#!/bin/sh\necho '{\"Version\":1,\"AccessKeyId\":\"AKIDPROCESS\",\"SecretAccessKey\":\"s\"}'\n";
    fs::write(at.join("credentials"), process).unwrap();
    fs::set_permissions(at.join("credentials"), fs::Permissions::from_mode(0o755)).unwrap();
    let written = |folder: &str, name: &str, text: String| {
        fs::create_dir_all(at.join(folder)).unwrap();
        fs::write(at.join(folder).join(name), text).unwrap();
    };
    written(
        ".aws/sso/cache",
        SSO,
        format!(
            r#"{{"accessToken":"t","expiresAt":"{until}-01-01T00:00:00Z","startUrl":"https://corp.awsapps.com/start"}}"#
        ),
    );
    let key = "-----BEGIN EC PRIVATE KEY-----\\nMHcCAQEEIFDZHUzOG1Pzq+6F0mjMlOSp1syN9LRPBuHMoCFXTcXhoAoGCCqGSM49\\n\
               AwEHoUQDQgAE9qhj+KtcdHj1kVgwxWWWw++tqoh7H7UHs7oXh8jBbgF47rrYGC+t\\n\
               djiIaHK3dBvvdE7MGj5HsepzLm3Kj91bqA==\\n-----END EC PRIVATE KEY-----\\n";
    written(
        ".aws/login/cache",
        LOGIN,
        format!(
            r#"{{"accessToken":{{"accessKeyId":"AKIDLOGIN","secretAccessKey":"s","sessionToken":"t","accountId":"111122223333","expiresAt":"{until}-01-01T00:00:00Z"}},"tokenType":"aws_sigv4","refreshToken":"r","idToken":"i","clientId":"arn:aws:signin:::devtools/same-device","dpopKey":"{key}"}}"#
        ),
    );
    home
}

/// Named after the SHA-1 of the SSO session's name and the SHA-256 of the login session.
const SSO: &str = "ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
const LOGIN: &str = "11fc4cc919a5a20db9df757c8a1b149bd4c42115ef36c7152c0d33f1e05a9027.json";

pub(crate) fn talk(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

/// Runs `tidegate plan`, which the server always refuses, and returns the keys that signed.
fn keys(home: &Home, aws: &Aws, env: &[(&str, &str)], args: &[&str]) -> Vec<String> {
    let endpoint = [("AWS_ENDPOINT_URL", aws.url.as_str())];
    let ended = home.bare(&[&endpoint[..], env].concat(), args);
    assert_eq!(ended.status.code(), Some(3), "{env:?} {args:?}: {}", talk(&ended));
    aws.keys().into_iter().collect()
}

#[test]
fn every_source_of_credentials_of_the_cli_gives_some() {
    let home = home("2999");
    let aws = Aws::start();
    let container = format!("{}/container", aws.url);
    let token = home.0.path().join("token").display().to_string();
    let disabled = ("AWS_EC2_METADATA_DISABLED", "true");
    let region = ("AWS_REGION", "eu-west-1");
    let web = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/ci"),
    ];
    let profile = |name| vec![disabled, ("AWS_PROFILE", name)];
    let bare: &[&str] = &[];
    let cases: [(&str, Vec<(&str, &str)>, &[&str], &str); 12] = [
        ("keys in the environment", [&KEYS[..], &[region]].concat(), bare, "AKIDENV"),
        ("a profile's keys", profile("staging"), bare, "AKIDSTAGING"),
        ("aws sso login", profile("sso"), bare, "AKIDSSO"),
        ("aws login", profile("console"), bare, "AKIDLOGIN"),
        ("a role from aws login", profile("chained"), bare, "AKIDROLE"),
        ("credential_process", profile("process"), bare, "AKIDPROCESS"),
        ("a role from a profile", profile("role"), bare, "AKIDROLE"),
        ("a role from the environment", KEYS.to_vec(), &["--profile", "borrows"], "AKIDROLE"),
        ("a web identity", [&web[..], &[region, disabled, NO_FILES]].concat(), bare, "AKIDWEB"),
        ("a profile's web identity", profile("web"), bare, "AKIDWEB"),
        (
            "a container",
            vec![
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.as_str()),
                region,
                disabled,
                NO_FILES,
            ],
            bare,
            "AKIDCONTAINER",
        ),
        (
            "a machine's role",
            vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.url.as_str()), region, NO_FILES],
            bare,
            "AKIDMACHINE",
        ),
    ];
    for (what, env, args, key) in cases {
        aws.signed.lock().unwrap().clear();
        let signed = keys(&home, &aws, &env, args);
        assert!(signed.contains(&key.to_owned()), "{what}: {signed:?}");
    }
}

/// No profile gives anything.
pub(crate) const NO_FILES: (&str, &str) = ("AWS_SHARED_CREDENTIALS_FILE", "/none");

#[test]
fn region_and_files_come_from_where_the_cli_takes_them() {
    let home = home("2999");
    let other = home.0.path().join("other");
    fs::write(&other, "[default]\nregion = ap-south-1\naws_access_key_id = AKIDOTHER\naws_secret_access_key = s\n")
        .unwrap();
    let other = other.display().to_string();
    let disabled = ("AWS_EC2_METADATA_DISABLED", "true");
    let cases: [(Vec<(&str, &str)>, (&str, &str)); 4] = [
        (vec![("AWS_REGION", "us-east-2")], ("AKIDDEFAULT", "us-east-2")),
        (vec![("AWS_DEFAULT_REGION", "us-west-1")], ("AKIDDEFAULT", "us-west-1")),
        (vec![("AWS_CONFIG_FILE", other.as_str())], ("AKIDDEFAULT", "ap-south-1")),
        (vec![("AWS_SHARED_CREDENTIALS_FILE", other.as_str())], ("AKIDOTHER", "ap-south-1")),
    ];
    for (env, (key, region)) in cases {
        let aws = Aws::start();
        keys(&home, &aws, &[&env[..], &[disabled]].concat(), &[]);
        let signed = aws.signed.lock().unwrap();
        let told = (key.to_owned(), region.to_owned());
        assert!(signed.iter().all(|with| *with == told), "{env:?}: {signed:?}");
    }
}

#[test]
fn endpoints_come_from_environment_and_profile_for_all_services_and_for_one() {
    let home = home("2999");
    let config = home.0.path().join(".aws/config");
    let asked = |of: &Aws| of.asked.lock().unwrap().len();
    // For one service in the environment, for all in the profile.
    let (one, all) = (Aws::start(), Aws::start());
    let before = fs::read_to_string(&config).unwrap();
    let own = format!("[default]\nendpoint_url = {}", all.url);
    fs::write(&config, before.replacen("[default]", &own, 1)).unwrap();
    home.bare(&[&KEYS[..], &[("AWS_ENDPOINT_URL_STS", one.url.as_str())]].concat(), &[]);
    assert_eq!(asked(&one), 1, "who calls is asked there");
    assert!(asked(&all) > 0, "all else here");
    // The variable comes before the profile, and what is typed before both.
    let (typed, variable) = (Aws::start(), Aws::start());
    let env = [&KEYS[..], &[("AWS_ENDPOINT_URL", variable.url.as_str())]].concat();
    let told = asked(&all);
    home.bare(&env, &[]);
    assert!(asked(&variable) > 0);
    home.bare(&env, &["--endpoint-url", &typed.url]);
    assert!(asked(&typed) > 0);
    assert_eq!(asked(&all), told);
}

/// Speaks TLS as `localhost`, with a certificate of an authority that no machine trusts.
fn tls() -> Arc<rustls::ServerConfig> {
    let file = |name: &str| repository().join("tests/fixtures/tls").join(name);
    let chain = CertificateDer::pem_file_iter(file("server.pem")).unwrap();
    let chain: Vec<_> = chain.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    Arc::new(config.with_single_cert(chain, key).unwrap())
}

fn authority() -> String {
    repository().join("tests/fixtures/tls/authority.pem").display().to_string()
}

#[test]
fn a_private_authority_is_trusted_where_it_is_named_and_otherwise_told_once() {
    let home = home("2999");
    let aws = Aws::start_over(Some(tls()));
    let endpoint = ["--endpoint-url", aws.url.as_str()];
    let began = Instant::now();
    let ended = home.bare(&KEYS, &endpoint);
    let told = talk(&ended);
    assert_eq!(ended.status.code(), Some(3), "{told}");
    let stranger = format!("{} shows a certificate that is not trusted: ", aws.url);
    assert_eq!(told.matches(&stranger).count(), 1, "{told}");
    assert_eq!(told.matches("hint: ").count(), 1, "{told}");
    assert!(told.contains("AWS_CA_BUNDLE") && told.contains("`ca_bundle`"), "{told}");
    assert!(began.elapsed() < Duration::from_secs(5), "it was asked over and over: {told}");

    let authority = authority();
    let bundle = [&KEYS[..], &[("AWS_CA_BUNDLE", authority.as_str())]].concat();
    let ended = home.bare(&bundle, &endpoint);
    assert!(!talk(&ended).contains("not trusted"), "{}", talk(&ended));
    assert!(aws.keys().contains("AKIDENV"), "{}", talk(&ended));

    let config = home.0.path().join(".aws/config");
    let own = format!("\n[profile private]\nregion = eu-west-1\nca_bundle = {authority}\n");
    fs::write(&config, fs::read_to_string(&config).unwrap() + &own).unwrap();
    aws.signed.lock().unwrap().clear();
    home.bare(&[&KEYS[..], &[("AWS_PROFILE", "private")]].concat(), &endpoint);
    assert!(aws.keys().contains("AKIDENV"), "the profile's bundle");
    let system = [&KEYS[..], &[("SSL_CERT_FILE", authority.as_str())]].concat();
    aws.signed.lock().unwrap().clear();
    home.bare(&system, &endpoint);
    assert!(aws.keys().contains("AKIDENV"), "what the machine trusts");
}

#[test]
fn a_bundle_that_is_none_is_refused_before_anything_is_called() {
    let home = home("2999");
    let aws = Aws::start();
    for (path, words) in [("/none.pem", "No such file"), ("plan.yaml", "no certificate")] {
        let env = [&KEYS[..], &[("AWS_CA_BUNDLE", path)]].concat();
        let ended = home.bare(&env, &["--endpoint-url", &aws.url]);
        let told = talk(&ended);
        assert_eq!(ended.status.code(), Some(3), "{told}");
        assert!(told.contains(path) && told.contains(words), "{told}");
    }
    assert!(aws.asked.lock().unwrap().is_empty());
}

#[test]
fn calls_go_through_the_proxies_of_the_environment() {
    let home = home("2999");
    let proxy = Aws::start();
    let region = ("AWS_REGION", "us-east-1");
    let through = ("HTTPS_PROXY", proxy.url.as_str());
    let first = |env: &[(&str, &str)]| {
        proxy.asked.lock().unwrap().clear();
        let ended = home.bare(&[&KEYS[..], &[through, region], env].concat(), &[]);
        assert_eq!(ended.status.code(), Some(3), "{}", talk(&ended));
        proxy.asked.lock().unwrap().first().cloned().unwrap_or_default()
    };
    assert!(first(&[]).starts_with("CONNECT sts.us-east-1.amazonaws.com:443"), "{}", first(&[]));
    // Other endpoints of AWS's own are told by where the proxy is to connect.
    let fips = first(&[("AWS_USE_FIPS_ENDPOINT", "true")]);
    assert!(fips.starts_with("CONNECT sts-fips.us-east-1.amazonaws.com:443"), "{fips}");
    let dual = first(&[("AWS_USE_DUALSTACK_ENDPOINT", "true")]);
    assert!(dual.starts_with("CONNECT sts.us-east-1.api.aws:443"), "{dual}");
    let aws = Aws::start();
    let spared = [("NO_PROXY", "localhost"), ("HTTP_PROXY", proxy.url.as_str())];
    proxy.asked.lock().unwrap().clear();
    home.bare(&[&KEYS[..], &spared, &[region]].concat(), &["--endpoint-url", &aws.url]);
    assert!(proxy.asked.lock().unwrap().is_empty());
    assert!(!aws.asked.lock().unwrap().is_empty());
}

/// Refused within seconds, by one cause that is told once; returns the problem and the hint.
pub(crate) fn refused_once(home: &Home, env: &[(&str, &str)], args: &[&str]) -> (String, String) {
    let began = Instant::now();
    let ended = home.bare(env, args);
    let told = talk(&ended);
    assert_eq!(ended.status.code(), Some(3), "{told}");
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}: {told}", began.elapsed());
    let of = |beginning: &str| {
        let found = told.lines().filter_map(|line| line.trim().strip_prefix(beginning));
        found.map(str::to_owned).collect::<Vec<_>>()
    };
    let hints = of("hint: ");
    let mut problems = of("refused: ");
    problems.extend(of("error: ").into_iter().filter(|line| !line.contains("would be refused")));
    assert_eq!((problems.len(), hints.len()), (1, 1), "{told}");
    (problems.remove(0), hints[0].clone())
}

#[test]
fn each_lack_of_credentials_has_its_own_next_thing_to_type() {
    let home = home("2020");
    let aws = Aws::start();
    let disabled = ("AWS_EC2_METADATA_DISABLED", "true");
    let endpoint = ("AWS_ENDPOINT_URL", aws.url.as_str());
    let at = ["--endpoint-url", aws.url.as_str()];
    let of = |name| refused_once(&home, &[disabled, endpoint, ("AWS_PROFILE", name)], &[]);
    let (problem, hint) = of("sso");
    assert_eq!(hint, "`aws sso login --profile sso`", "{problem}");
    let (problem, hint) = of("console");
    assert_eq!(hint, "`aws login --profile console`", "{problem}");
    let (problem, hint) = of("chained");
    assert_eq!(hint, "`aws login --profile console`", "{problem}");
    let (problem, hint) = of("broken");
    assert!(hint.contains("`/bin/false`"), "{problem}: {hint}");
    let none = [disabled, NO_FILES, ("AWS_REGION", "eu-west-1"), ("AWS_CONFIG_FILE", "/none")];
    let (problem, hint) = refused_once(&home, &none, &at);
    assert!(problem.starts_with("no valid credentials: there are none"), "{problem}");
    assert!(hint.contains("AWS_ACCESS_KEY_ID"), "{hint}");
    // The machine has no metadata either, and says so by not being there.
    let nowhere = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9");
    let (problem, _) = refused_once(&home, &[&none[1..], &[nowhere]].concat(), &at);
    assert!(problem.contains("this machine has no role"), "{problem}");
}

#[test]
fn an_endpoint_that_is_down_or_no_endpoint_is_named_at_once() {
    let home = home("2999");
    let (problem, hint) = refused_once(&home, &KEYS, &["--endpoint-url", "http://127.0.0.1:9"]);
    assert!(problem.starts_with("cannot reach http://127.0.0.1:9: "), "{problem}");
    assert!(
        problem.contains("refused") && hint.contains("curl -sv http://127.0.0.1:9"),
        "{problem}: {hint}"
    );
    let env = [&KEYS[..], &[("AWS_ENDPOINT_URL", "localhost:4566")]].concat();
    let (problem, hint) = refused_once(&home, &env, &[]);
    assert_eq!(problem, "endpoint `localhost:4566` has no scheme");
    assert!(hint.starts_with("write http://localhost:4566"), "{hint}");
    let env = [&KEYS[..], &[("AWS_ENDPOINT_URL_STS", "localhost:4566")]].concat();
    assert_eq!(refused_once(&home, &env, &[]).0, "endpoint `localhost:4566` has no scheme");
}

#[test]
fn an_endpoint_that_takes_connections_and_never_answers_is_named_once_and_soon() {
    let home = home("2999");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().map(Result::unwrap).collect::<Vec<_>>());
    let began = Instant::now();
    let ended = home.bare(&KEYS, &["--endpoint-url", &url]);
    let (told, took) = (talk(&ended), began.elapsed());
    assert_eq!(ended.status.code(), Some(3), "{told}");
    assert!(took < Duration::from_secs(24), "{took:?}: {told}");
    let words = format!("cannot reach {url}: it takes connections and does not answer");
    assert_eq!(told.matches(&words).count(), 1, "{told}");
    assert_eq!(told.matches("hint: ").count(), 1, "{told}");
    assert!(told.contains(&format!("`curl -sv {url}` must be answered")), "{told}");
}

/// A server that answers everything like this.
fn answering(status: &'static str, kind: &'static str, body: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 8192]);
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close");
            let _ = write!(connection, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

#[test]
fn another_web_server_behind_the_endpoint_is_told_as_that() {
    let home = home("2999");
    for status in ["200 OK", "404 Not Found", "501 Unsupported method"] {
        let url = answering(status, "text/html; charset=utf-8", "<html>welcome</html>");
        let (problem, hint) = refused_once(&home, &KEYS, &["--endpoint-url", &url]);
        let words = format!("{url} is not AWS: a web server answers there with a page");
        assert!(problem.starts_with(&words), "{problem}");
        assert!(hint.contains("--endpoint-url"), "{hint}");
    }
}

/// A gateway that cannot reach what is behind it may do so in a moment; one that never could is told, once and soon.
#[test]
fn a_gateway_that_has_only_pages_to_show_is_told_as_that() {
    let home = home("2999");
    for status in ["503 Service Unavailable", "502 Bad Gateway"] {
        let url = answering(status, "text/html", "<html><title>503</title></html>");
        let (began, code) = (Instant::now(), &status[..3]);
        let ended = home.bare(&KEYS, &["--endpoint-url", &url]);
        let (told, took) = (talk(&ended), began.elapsed());
        assert_eq!(ended.status.code(), Some(3), "{told}");
        assert!(took < Duration::from_secs(16), "{took:?}: {told}");
        let words =
            format!("cannot reach {url}: a web server answers there with a page (status {code})");
        assert_eq!(told.matches(&words).count(), 1, "{told}");
        assert_eq!(told.matches("hint: ").count(), 1, "{told}");
    }
}

#[test]
fn a_certificate_for_another_host_is_told_with_the_name_it_is_for() {
    let home = home("2999");
    let other = Aws::start_at(("127.0.0.2", "127.0.0.2"), Some(tls()));
    let authority = authority();
    let env = [&KEYS[..], &[("AWS_CA_BUNDLE", authority.as_str())]].concat();
    let (problem, hint) = refused_once(&home, &env, &["--endpoint-url", &other.url]);
    assert!(problem.contains("\"localhost\""), "{problem}");
    assert!(hint.contains("for another host") && !hint.contains("AWS_CA_BUNDLE"), "{hint}");
}

#[test]
fn a_proxy_that_is_down_or_of_another_kind_is_named_as_the_cause() {
    let home = home("2999");
    let of = |proxy| {
        let env = [("HTTPS_PROXY", proxy), ("AWS_REGION", "us-east-1")];
        refused_once(&home, &[&KEYS[..], &env].concat(), &[])
    };
    let (problem, hint) = of("http://ann:secret@127.0.0.1:9");
    assert!(problem.starts_with("the proxy http://127.0.0.1:9/ leads nowhere: "), "{problem}");
    assert!(hint.contains("correct or unset HTTPS_PROXY") && !hint.contains("secret"), "{hint}");
    let (problem, _) = of("socks5://127.0.0.1:9");
    assert!(
        problem.contains("socks5://127.0.0.1:9/ leads nowhere: unsupported scheme"),
        "{problem}"
    );
}

#[test]
fn refusals_are_json_too() {
    let home = home("2020");
    let aws = Aws::start();
    let env = [("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_PROFILE", "sso")];
    let ended = home.bare(&env, &["--endpoint-url", &aws.url, "--output", "json"]);
    assert_eq!(ended.status.code(), Some(3));
    let told: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(told["plan"], "shop");
    assert_eq!(told["refused"][0]["hint"], "`aws sso login --profile sso`");
}

#[test]
fn every_row_of_the_readmes_table_stands_in_a_test() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let table = readme.split("## What of the AWS CLI's configuration is honoured").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let here = fs::read_to_string(repository().join("tests/suite/aws_config.rs")).unwrap()
        + &fs::read_to_string(repository().join("tests/suite/credentials.rs")).unwrap()
        + &fs::read_to_string(repository().join("tests/suite/half_set.rs")).unwrap();
    let honoured =
        table.lines().filter(|line| line.starts_with("| `") && !line.ends_with("| no |"));
    let mut rows = 0;
    for row in honoured {
        let names = row.split('|').nth(1).unwrap();
        for name in names.split('`').skip(1).step_by(2) {
            assert!(here.contains(name), "{name} of the README's table is tested nowhere");
        }
        rows += 1;
    }
    assert!(rows >= 12, "{rows}");
}
