//! Every shape that the language has, grown to any size up to a plan's most: however long a list, a name or a chain is,
//! each phase ends soon and in bounded memory, with the plan or with words. The suite takes a sample by a fixed seed;
//! `cargo test --release … every_shape -- --ignored` takes all.

use tidegate::testkit::draw;

use crate::hostile::{HEAD, STEPS, Worst, write};

/// What a plan may have.
const MOST: usize = 1024 * 1024;

/// A plan with so many of one thing.
struct Shape {
    name: &'static str,
    of: fn(usize) -> String,
}

/// So many lines, or whatever stands in one.
fn many(times: usize, line: impl Fn(usize) -> String) -> String {
    (0..times).map(line).collect()
}

fn shift(gates: &str) -> String {
    format!("steps: [shift: {{ route: web, candidate: 5%, bake: 1m, gates: [{gates}] }}]\n")
}

/// A gate of this kind, watched by a shift.
fn gated(kind: &str) -> String {
    format!("{HEAD}gates: {{ g: {{ {kind} }} }}\n{}", shift("g"))
}

/// So many gates of a kind, all of them watched by one shift.
fn gates(times: usize, kind: impl Fn(usize) -> String) -> String {
    let gates = many(times, |n| format!("  g{n}: {{ {} }}\n", kind(n)));
    format!("{HEAD}gates:\n{gates}{}", shift(&many(times, |n| format!("g{n}, "))))
}

/// So many components.
fn components(times: usize, body: impl Fn(usize) -> String) -> String {
    format!("{HEAD}components:\n{}", many(times, |n| format!("  c{n}: {{ {} }}\n", body(n))))
}

/// So many routes of a kind, the first of which is shifted.
fn routes(times: usize, kind: impl Fn(usize) -> String) -> String {
    let routes = many(times, |n| format!("  r{n}: {{ {} }}\n", kind(n)));
    format!("tidegate: 1\nname: x\nroutes:\n{routes}{}", STEPS.replace("web", "r0"))
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn shapes() -> Vec<Shape> {
    let shape = |name, of| Shape { name, of };
    vec![
        shape("params", |n| {
            let params = many(n, |n| format!("  p{n}: {{ default: x }}\n"));
            format!("params:\n{params}{HEAD}{STEPS}")
        }),
        shape("params that are used", |n| {
            let params = many(n, |n| format!("  p{n}: {{ default: blue{n} }}\n"));
            let names = many(n, |n| format!("'${{p{n}}}', "));
            format!("params:\n{params}{}", gated(&format!("alarms: {{ names: [{names}] }}")))
        }),
        shape("params in one text", |n| {
            let text = "${p}".repeat(n);
            let plan = format!("params: {{ p: {{ default: '{}' }} }}\n", "y".repeat(40));
            format!("{plan}{HEAD}steps: [approve: {{ message: '{text}' }}]\n")
        }),
        shape("required params", |n| {
            format!(
                "params:\n{}{HEAD}{STEPS}",
                many(n, |n| format!("  p{n}: {{ required: true }}\n"))
            )
        }),
        shape("http gates", |n| gates(n, |n| format!("http: {{ url: 'http://a/{n}' }}"))),
        shape("alarm gates", |n| gates(n, |n| format!("alarms: {{ names: [a{n}] }}"))),
        shape("metric gates", |n| {
            gates(n, |n| {
                format!(
                    "metric: {{ route: web, side: candidate, name: m{n}, statistic: sum, below: 1 }}"
                )
            })
        }),
        shape("compare gates", |n| gates(n, |_| "compare: { route: web }".to_owned())),
        shape("command gates", |n| gates(n, |n| format!("command: {{ run: [a{n}] }}"))),
        shape("window gates", |n| gates(n, |_| "window: { hours: '09:00-16:00' }".to_owned())),
        shape("windows of many dates", |n| {
            let dates = many(n, |n| format!("2{:03}-01-{:02}, ", n % 900 + 30, n % 28 + 1));
            gated(&format!("window: {{ except: [{dates}] }}"))
        }),
        shape("headers", |n| {
            let headers = many(n, |n| format!("x-{n}: v, "));
            gated(&format!("http: {{ url: 'http://a/', headers: {{ {headers} }} }}"))
        }),
        shape("alarms of a gate", |n| {
            gated(&format!("alarms: {{ names: [{}] }}", many(n, |n| format!("a{n}, "))))
        }),
        shape("alarms of a gate that many shifts watch", |n| {
            let names = many(n / 2, |n| format!("a{n}, "));
            let gates = format!("gates: {{ g: {{ alarms: {{ names: [{names}] }} }} }}\n");
            let shift = "- shift: { route: web, candidate: 5%, bake: 1m, gates: [g] }\n";
            format!("{HEAD}{gates}steps:\n{}", shift.repeat(n / 18 + 1))
        }),
        shape("words of a command", |n| {
            gated(&format!("command: {{ run: [{}] }}", many(n, |n| format!("w{n}, "))))
        }),
        shape("burn rates", |n| {
            let burn = many(n, |n| format!("{}x in 10m and 2m, ", n % 90 + 2));
            gated(&format!(
                "error-budget: {{ route: web, side: candidate, objective: 99.9%, burn: [{burn}] }}"
            ))
        }),
        shape("pauses", |n| format!("{HEAD}steps: [{}]\n", "{ pause: 1m }, ".repeat(n))),
        shape("shifts", |n| {
            let shift = "- shift: { route: web, candidate: 5%, bake: 1m }\n";
            format!("{HEAD}steps:\n{}", shift.repeat(n))
        }),
        shape("probes", |n| {
            let gate = "gates: { g: { http: { url: 'http://a/' } } }\n";
            format!("{HEAD}{gate}steps: [{}]\n", "{ probe: g }, ".repeat(n))
        }),
        shape("waits", |n| {
            let wait = "- wait: { until: { healthy: { route: web, side: candidate } } }\n";
            format!("{HEAD}steps:\n{}", wait.repeat(n))
        }),
        shape("approvers", |n| {
            let from = many(n, |n| format!("'arn:aws:iam::1:role/r{n}*', "));
            format!("{HEAD}steps: [approve: {{ message: x, from: [{from}] }}]\n")
        }),
        shape("shares of a strategy", |n| {
            let shares = many(n, |n| format!("{}.{:02}%, ", n / 100 % 100, n % 100 + 1));
            format!("{HEAD}strategy: {{ canary: {{ route: web, bake: 1m, steps: [{shares}] }} }}\n")
        }),
        shape("components", |n| components(n, |_| "steps: [pause: 1m]".to_owned())),
        shape("a chain of components", |n| {
            components(n, |n| {
                let needs = n.checked_sub(1).map(|n| format!("needs: [c{n}], "));
                format!("{}steps: [pause: 1m]", needs.unwrap_or_default())
            })
        }),
        shape("components that need all before", |n| {
            // Half a square of names is as large as so many plain ones.
            components(n.isqrt(), |n| {
                format!("needs: [{}], steps: [pause: 1m]", many(n, |n| format!("c{n}, ")))
            })
        }),
        shape("components that need one many times", |n| {
            let needs = "c0, ".repeat(n);
            format!(
                "{HEAD}components: {{ c0: {{ steps: [pause: 1m] }}, c1: {{ needs: [{needs}], steps: [pause: 1m] }} }}\n"
            )
        }),
        shape("load balancers' routes", |n| {
            routes(n, |n| format!("alb: {{ load-balancer: l{n}, port: 1, pair: [a{n}, b{n}] }}"))
        }),
        shape("network load balancers' routes", |n| {
            routes(n, |n| format!("nlb: {{ load-balancer: l{n}, port: 1, pair: [a{n}, b{n}] }}"))
        }),
        shape("records' routes", |n| {
            routes(n, |n| {
                format!("route53: {{ zone: z, name: n{n}.z, type: A, pair: [a{n}, b{n}] }}")
            })
        }),
        shape("one place for all routes", |n| {
            routes(n, |_| "alb: { load-balancer: l, port: 1, pair: [a, b] }".to_owned())
        }),
        shape("rules of a route", |n| {
            let rules = many(n, |n| {
                format!("{{ load-balancer: l, port: 1, priority: {} }}, ", n % 50_000 + 1)
            });
            routes(1, |_| format!("alb: {{ rules: [{rules}], pair: [a, b] }}"))
        }),
        shape("fleets", |n| {
            let fleets = many(n, |n| {
                format!("  f{n}: {{ autoscaling: {{ pair: [a{n}, b{n}] }}, behind: web }}\n")
            });
            format!("{HEAD}fleets:\n{fleets}{STEPS}")
        }),
        shape("lists within lists", |n| format!("{HEAD}x: {}{}\n", "[".repeat(n), "]".repeat(n))),
        shape("indented deeper and deeper", |n| {
            many(n.isqrt(), |n| format!("{}k{n}:\n", " ".repeat(n)))
        }),
        shape("long texts", |n| {
            format!("{HEAD}steps: [approve: {{ message: '{}' }}]\n", "ab c ".repeat(n))
        }),
        shape("long texts, many times", |n| {
            let approve = format!("- approve: {{ message: '{}' }}\n", "ab c ".repeat(n.isqrt()));
            format!("{HEAD}steps:\n{}", approve.repeat(n.isqrt() / 5 + 1))
        }),
        shape("block texts", |n| {
            format!("{HEAD}steps:\n- approve:\n    message: |\n{}", "      ab c\n".repeat(n))
        }),
        shape("escapes", |n| {
            format!("{HEAD}steps: [approve: {{ message: \"{}\" }}]\n", "\\u00e9".repeat(n))
        }),
        shape("tags", |n| format!("{HEAD}x: [{}]\n", "!t a, ".repeat(n))),
        shape("anchors and aliases", |n| {
            format!("{HEAD}x: [{}]\n", many(n, |n| format!("&a{n} y, *a{n}, ")))
        }),
        shape("an alias of a long text", |n| {
            format!("{HEAD}x: &x {}\ny: [{}]\n", "a".repeat(n), "*x, ".repeat(n / 4))
        }),
        shape("merges", |n| {
            format!("{HEAD}x: &x {{ a: 1 }}\n{}", many(n, |n| format!("k{n}: {{ <<: *x }}\n")))
        }),
        shape("doubled keys", |n| format!("{HEAD}{}", many(n, |n| format!("k{}: 1\n", n / 2)))),
        shape("unknown keys", |n| {
            format!("{HEAD}{STEPS}{}", many(n, |n| format!("stepz{n}: 1\n")))
        }),
        shape("names that are not there", |n| {
            format!("{HEAD}{}", shift(&many(n, |n| format!("gate{n}, "))))
        }),
        shape("wrong types", |n| format!("{HEAD}steps: [{}]\n", "{ pause: [] }, ".repeat(n))),
        shape("comments", |n| format!("{HEAD}{}{STEPS}", "# nothing\n".repeat(n))),
        shape("keys of many alphabets", |n| {
            format!("{HEAD}{STEPS}{}", many(n, |n| format!("ключ{n}: 1\n")))
        }),
    ]
}

impl Shape {
    /// The largest of it that is no larger than this.
    fn grown(&self, bytes: usize) -> String {
        let (mut low, mut high) = (1, bytes);
        while low + 1 < high {
            let middle = usize::midpoint(low, high);
            // What is too much by far is not built to be measured.
            let fits = middle <= bytes && (self.of)(middle).len() <= bytes;
            if fits { low = middle } else { high = middle }
        }
        (self.of)(low)
    }

    /// Takes it through every phase that it comes to.
    fn tried(&self, bytes: usize, worst: &mut Worst) {
        let folder = tempfile::tempdir().unwrap();
        let text = self.grown(bytes);
        let what = format!("{} in {} kB", self.name, text.len() / 1_000);
        let file = write(&folder, "plan.yaml", text.as_bytes());
        let (exit, told) = worst.call("check", &what, &["check", &file], b"");
        let short: String = told.chars().take(1_000).collect();
        assert!([0, 2].contains(&exit), "{what}: {exit}: {short}");
        if exit == 2 {
            assert!(told.contains("error") && !told.contains("panicked"), "{what}: {short}");
            return;
        }
        worst.call("expand", &what, &["plan", &file, "--expand"], b"");
        worst.call("plan", &what, &["plan", &file, "--simulate"], b"");
        worst.begin("start", &what, &["run", &file, "--simulate", "--no-wait"]);
    }
}

#[test]
fn a_sample_of_every_shape_is_bounded() {
    let (shapes, mut worst) = (shapes(), Worst::default());
    for (nth, shape) in (0..).zip(&shapes) {
        // A few are as large as a plan may be, most of them are what a machine that is not optimised does in no time.
        let bytes = if draw(11, nth).is_multiple_of(8) {
            MOST
        } else {
            2_000 + usize::try_from(draw(12, nth) % 30_000).unwrap()
        };
        shape.tried(bytes, &mut worst);
    }
    println!("shapes: {} tried", shapes.len());
    worst.print();
}

/// The figures in the notes are of a release.
#[test]
#[ignore = "takes minutes; `cargo test --release --test suite every_shape -- --ignored --nocapture`"]
fn every_shape_is_bounded_at_every_size() {
    let (shapes, mut worst) = (shapes(), Worst::default());
    let mut tried = 0;
    for shape in &shapes {
        for bytes in [1_000, 10_000, 30_000, 60_000, 100_000, 250_000, 500_000, MOST] {
            shape.tried(bytes, &mut worst);
            tried += 1;
        }
    }
    println!("shapes: {} of them, {tried} plans", shapes.len());
    worst.print();
}
