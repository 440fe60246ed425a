//! Whose credentials a command uses, by the real binary against a server that only takes down who signs. It is the order
//! of the AWS CLI: what is asked for by name comes before what happens to be in the environment.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use tempfile::TempDir;

const PLAN: &str = "\
tidegate: 1
name: shop
routes: { web: { alb: { load-balancer: shop, port: 80, pair: [blue, green] } } }
steps: [wait: { until: { healthy: { route: web, side: candidate } } }]
";

const CONFIG: &str = "\
[default]
region = eu-west-1
[profile staging]
region = ap-southeast-2
";

const CREDENTIALS: &str = "\
[default]
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key = secret
[staging]
aws_access_key_id = AKIDSTAGING
aws_secret_access_key = secret
";

/// Knows who calls; everything else is forbidden. Gives credentials too, as all that can give some do.
pub(crate) struct Aws {
    pub(crate) url: String,
    /// Key and region of every request's signature.
    pub(crate) signed: Arc<Mutex<Vec<(String, String)>>>,
    /// The first line of every request.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl Aws {
    pub(crate) fn start() -> Self {
        Self::start_over(None)
    }

    /// The same over TLS, with a certificate of the authority in `tests/fixtures/tls`.
    pub(crate) fn start_over(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        Self::start_at(("127.0.0.1", "localhost"), tls)
    }

    /// At an address, and called by a name.
    pub(crate) fn start_at(
        (address, name): (&str, &str),
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{name}:{}", listener.local_addr().unwrap().port());
        let (signed, asked) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (seen, heard) = (signed.clone(), asked.clone());
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let connection = connection.unwrap();
                match &tls {
                    None => answer(connection, &seen, &heard),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config.clone()).unwrap();
                        answer(rustls::StreamOwned::new(session, connection), &seen, &heard);
                    }
                }
            }
        });
        Self { url, signed, asked }
    }

    /// The keys that signed.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        self.signed.lock().unwrap().iter().map(|(key, _)| key.clone()).collect()
    }
}

/// What gives credentials out answers with keys that tell where they are from.
fn given(request: &str, body: &str) -> Option<String> {
    let xml = |operation: &str, key: &str| {
        let credentials = format!(
            "<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
             <SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>"
        );
        let user = "<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn>\
                    <AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>";
        Some(format!(
            "<{operation}Response><{operation}Result>{credentials}{user}</{operation}Result></{operation}Response>"
        ))
    };
    let json = |key: &str| {
        Some(format!(
            r#"{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"{key}","SecretAccessKey":"s","Token":"t","Expiration":"2999-01-01T00:00:00Z","LastUpdated":"2020-01-01T00:00:00Z"}}"#
        ))
    };
    if body.contains("Action=AssumeRoleWithWebIdentity") {
        xml("AssumeRoleWithWebIdentity", "AKIDWEB")
    } else if body.contains("Action=AssumeRole") {
        xml("AssumeRole", "AKIDROLE")
    } else if request.contains("/federation/credentials") {
        Some(r#"{"roleCredentials":{"accessKeyId":"AKIDSSO","secretAccessKey":"s","sessionToken":"t","expiration":32472144000000}}"#.into())
    } else if request.contains("/container") {
        json("AKIDCONTAINER")
    } else if request.contains("/latest/api/token") {
        Some("imds-token".into())
    } else if request.contains("/security-credentials/the-role") {
        json("AKIDMACHINE")
    } else if request.contains("/security-credentials") {
        Some("the-role".into())
    } else {
        None
    }
}

fn answer(
    connection: impl Read + Write,
    signed: &Mutex<Vec<(String, String)>>,
    asked: &Mutex<Vec<String>>,
) {
    let mut reader = BufReader::new(connection);
    let (mut length, mut line) = (0, String::new());
    let mut request = String::new();
    if reader.read_line(&mut request).is_err() {
        // Whoever trusts no stranger hangs up.
        return;
    }
    asked.lock().unwrap().push(request.trim().to_owned());
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        if let Some((_, scope)) = line.split_once("Credential=") {
            let mut scope = scope.split('/');
            let (key, region) = (scope.next().unwrap(), scope.nth(1).unwrap());
            signed.lock().unwrap().push((key.to_owned(), region.to_owned()));
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    let (status, text) = if let Some(text) = given(&request, &body) {
        ("200 OK", text)
    } else if body.contains("GetCallerIdentity") {
        let arn = "arn:aws:iam::111122223333:user/ann";
        let told = format!("<Arn>{arn}</Arn><UserId>A</UserId><Account>111122223333</Account>");
        let result = format!("<GetCallerIdentityResult>{told}</GetCallerIdentityResult>");
        ("200 OK", format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"))
    } else {
        let error = "<Code>AccessDenied</Code><Message>no</Message>";
        ("403 Forbidden", format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>"))
    };
    let lives = if request.contains("/latest/api/token") {
        "\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600"
    } else {
        ""
    };
    let head = format!("HTTP/1.1 {status}{lives}\r\nContent-Length: {}", text.len());
    let mut connection = reader.into_inner();
    let _ = write!(connection, "{head}\r\nConnection: close\r\n\r\n{text}");
    let _ = connection.flush();
}

/// A home with two profiles, and a plan.
pub(crate) struct Home(pub(crate) TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        fs::write(home.path().join(".aws/config"), CONFIG).unwrap();
        fs::write(home.path().join(".aws/credentials"), CREDENTIALS).unwrap();
        fs::write(home.path().join("plan.yaml"), PLAN).unwrap();
        Self(home)
    }

    fn tidegate(&self, aws: &Aws, env: &[(&str, &str)], args: &[&str]) -> Output {
        let metadata = [("AWS_EC2_METADATA_DISABLED", "true")];
        let env = [&metadata[..], env].concat();
        self.bare(&env, &[&["--endpoint-url", &aws.url][..], args].concat())
    }

    /// With this environment, and nothing else of AWS.
    pub(crate) fn bare(&self, env: &[(&str, &str)], args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .envs(env.iter().copied())
            .args(["plan", "plan.yaml"])
            .args(args)
            .output()
            .unwrap()
    }
}

pub(crate) const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "secret")];

fn with_keys(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    KEYS.iter().chain(more).copied().collect()
}

#[test]
fn what_is_asked_for_by_name_comes_before_the_keys_in_the_environment() {
    let home = Home::new();
    let by_variable = ("AWS_PROFILE", "staging");
    let region = ("AWS_REGION", "us-east-1");
    let profile = ["--profile", "staging"];
    let cases: [(Vec<_>, &[&str], _, _); 7] = [
        (with_keys(&[]), &profile, "AKIDSTAGING", "ap-southeast-2"),
        (with_keys(&[region]), &profile, "AKIDSTAGING", "us-east-1"),
        (with_keys(&[by_variable]), &["--profile", "default"], "AKIDDEFAULT", "eu-west-1"),
        (with_keys(&[by_variable]), &[], "AKIDENV", "ap-southeast-2"),
        (vec![by_variable], &[], "AKIDSTAGING", "ap-southeast-2"),
        (with_keys(&[]), &[], "AKIDENV", "eu-west-1"),
        (vec![], &["--region", "us-west-2"], "AKIDDEFAULT", "us-west-2"),
    ];
    for (env, args, key, region) in cases {
        let aws = Aws::start();
        let ended = home.tidegate(&aws, &env, args);
        let what = format!("{env:?} {args:?}: {}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(ended.status.code(), Some(3), "{what}");
        let signed = aws.signed.lock().unwrap();
        assert!(signed.len() > 1, "{what}");
        for (with, at) in signed.iter() {
            assert_eq!((with.as_str(), at.as_str()), (key, region), "{what}");
        }
    }
}

#[test]
fn a_profile_that_does_not_exist_is_refused_before_anything_is_called() {
    let (home, aws) = (Home::new(), Aws::start());
    let by_variable = with_keys(&[("AWS_PROFILE", "stagin")]);
    let cases: [(Vec<_>, &[&str]); 2] =
        [(with_keys(&[]), &["--profile", "stagin"]), (by_variable, &[])];
    for (env, args) in cases {
        let ended = home.tidegate(&aws, &env, args);
        let talk = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{talk}");
        let files = "profile stagin does not exist in ~/.aws/config or ~/.aws/credentials";
        assert!(talk.contains(files) && talk.contains("did you mean `staging`?"), "{talk}");
    }
    let elsewhere = with_keys(&[("AWS_CONFIG_FILE", "/none"), ("AWS_PROFILE", "prod")]);
    let ended = home.tidegate(&aws, &elsewhere, &[]);
    let talk = String::from_utf8_lossy(&ended.stderr);
    assert!(talk.contains("prod does not exist in /none or"), "{talk}");
    assert!(talk.contains("there is default, staging"), "{talk}");
    assert_eq!(*aws.signed.lock().unwrap(), []);
}

#[test]
fn the_first_line_says_as_whom_and_where() {
    let (home, aws) = (Home::new(), Aws::start());
    let line = "account 111122223333, region eu-west-1, as arn:aws:iam::111122223333:user/ann";
    let ended = home.tidegate(&aws, &KEYS, &[]);
    let told = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(told.lines().next(), Some(line));
    // Where data is JSON, the line is talk.
    let ended = home.tidegate(&aws, &KEYS, &["--output", "json"]);
    assert_eq!(String::from_utf8_lossy(&ended.stderr).lines().next(), Some(line));
}
