//! What a person may write under `aws`, for a whole plan or a part of it, and how it is written back.

use super::{form::Slot, place::Place, record::record, scalar::Literal};

record! {
    /// The account and region that something belongs to; a run with other credentials is refused.
    AwsForm, "`aws`" {
        /// Such as `eu-west-1`.
        "region" region: Optional String,
        /// The account number, twelve digits.
        "account" account: Optional Literal,
        /// The ARN of a role that is assumed to act there, `arn:aws:iam::<account>:role/<name>`.
        "role" role: Optional String,
    }
}

impl AwsForm {
    /// Of a part of a plan; left out where that part is where everything around it is.
    pub(super) fn of(place: &Place, around: &Place) -> Slot<Self> {
        if place == around {
            return Slot::Absent;
        }
        let Place { region, account, role } = place;
        Slot::of(Self {
            region: Slot::of_some(region.clone()),
            account: Slot::of_some(account.clone().map(Literal)),
            role: Slot::of_some(role.clone()),
        })
    }
}
