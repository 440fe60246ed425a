//! What preflight says of something that is not there: where it was looked for, and what there is instead. Most often a
//! name is mistyped, or the credentials belong to another account.

use super::objection::Objection;
use crate::{
    cloud::{Error, Kind, Reads},
    plan::nearest,
};

/// So many names a person can take in.
const A_FEW: usize = 5;

/// What is held against a name that AWS was asked for.
pub(super) async fn refusal(
    what: &str,
    error: &Error,
    (kind, name): (Kind, &str),
    reads: &Reads,
) -> Objection {
    let Error::Absent { what: object } = error else { return Objection::error(what, error) };
    missing(&format!("{what}: {object}"), (kind, name), reads).await
}

/// The same where it is not an error: what was asked for is left out of an answer.
pub(super) async fn missing(object: &str, (kind, name): (Kind, &str), reads: &Reads) -> Objection {
    // Whoever may not list names is told less.
    let names = reads.names.names(kind).await.unwrap_or_default();
    let account = reads.identity.caller().await.map(|caller| caller.account).ok();
    let account = account.filter(|account| !account.is_empty());
    let place = match account {
        Some(account) => format!("region {}, account {account}", reads.region),
        None => format!("region {}", reads.region),
    };
    Objection::new(format!("{object} does not exist in {place}"), hint(name, &names))
}

fn hint(name: &str, names: &[String]) -> String {
    let alike = nearest(name, names.iter().map(String::as_str));
    let listed = |names: &[&str]| {
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    let few: Vec<&str> = names.iter().map(String::as_str).take(A_FEW).collect();
    if !alike.is_empty() {
        let alike: Vec<&str> = alike.into_iter().take(3).collect();
        format!("did you mean {}?", listed(&alike).replace(", ", " or "))
    } else if few.is_empty() {
        "nothing of the kind is there: is it the right region and account?".to_owned()
    } else if names.len() <= A_FEW {
        format!("there is {}", listed(&few))
    } else {
        format!(
            "nothing there is called like it (there is {} and {} more): is it the right region and account?",
            listed(&few),
            names.len() - A_FEW
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_told_or_what_there_is() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let shop = names(&["shop-blue", "shop-green", "till"]);
        let asked = "did you mean `shop-green` or `shop-blue`?";
        assert_eq!(hint("shop-gren", &shop), asked);
        assert_eq!(hint("xyz", &shop), "there is `shop-blue`, `shop-green`, `till`");
        assert!(hint("xyz", &[]).contains("is it the right region and account?"));
        let many = names(&["a1", "b2", "c3", "d4", "e5", "f6", "g7"]);
        assert!(hint("xyz", &many).contains("and 2 more"), "{}", hint("xyz", &many));
    }
}
