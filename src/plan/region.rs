//! What a region is called, so that a slip is told with the name that was meant, before anybody calls a host that
//! cannot be. Regions are added every year, so a name that only looks like one is let through.

use super::problem::did_you_mean;

/// Those there are, for telling which one was meant.
/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>
const KNOWN: [&str; 40] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-west-1",
    "us-west-2",
];

/// Whether this can be the name of a region; in words, what to write instead where it cannot.
pub fn check_region(text: &str) -> Result<(), String> {
    if is_region(text) {
        return Ok(());
    }
    Err(match did_you_mean(text, KNOWN) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write it as AWS does, such as `eu-west-1`".to_owned(),
    })
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.as_slice() {
        [words @ .., number] if words.len() >= 2 => {
            words.iter().all(letters)
                && number.len() == 1
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_with_the_region_that_was_meant() {
        assert!(KNOWN.into_iter().all(is_region));
        assert_eq!(check_region("xx-new-9"), Ok(()));
        for (slip, near) in
            [("eu west", "eu-west-1"), ("us-east-1a", "us-east-1"), ("eu-west", "eu-west-1")]
        {
            assert_eq!(check_region(slip), Err(format!("did you mean `{near}`?")), "{slip}");
        }
        for none in ["", "/", "production"] {
            assert!(check_region(none).unwrap_err().contains("such as `eu-west-1`"), "{none}");
        }
    }
}
