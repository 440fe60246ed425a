//! What preflight settles about the queues that gates watch: whether they are there and may be read, where their dead
//! letters go, and how many there are already.

use super::objection::{Notes, Objection, Settled};
use crate::{
    cloud::{Error, Places, QueueStanding, Reads},
    plan::{GateKind, GateName, Plan, Queue, QueueGate},
    rollout::DeadLetters,
};

/// Looks at every queue that a gate watches. A run counts dead letters from what is found here.
pub(super) async fn settle_queues(
    plan: &Plan,
    places: &Places<Reads>,
    settled: &mut Settled,
    notes: &mut Notes,
) {
    for (name, gate) in &plan.gates {
        let (GateKind::Queue(queue), Ok(reads)) = (&gate.kind, places.at(&gate.place)) else {
            continue;
        };
        match before(name, queue, reads).await {
            Ok(None) => {}
            Ok(Some(dead)) => {
                settled.bindings.dead_letters.insert(name.clone(), dead);
            }
            Err(objection) => notes.objections.push(objection),
        }
    }
}

/// The dead letters that are there already, where the gate counts any.
async fn before(
    name: &GateName,
    gate: &QueueGate,
    reads: &Reads,
) -> Result<Option<DeadLetters>, Objection> {
    let found = standing(name, &gate.queue, reads).await?;
    if gate.dead_letters.is_none() {
        return Ok(None);
    }
    let queue = found.dead_letters.ok_or_else(|| {
        Objection::new(
            format!("gate {name} counts dead letters, and queue {} has no redrive policy", gate.queue),
            "give the queue a redrive policy, which says after how many receptions a message is moved to which queue, \
             or remove `dead-letters` from the gate",
        )
    })?;
    let before = standing(name, &queue, reads).await?.all();
    Ok(Some(DeadLetters { queue, before }))
}

async fn standing(
    name: &GateName,
    queue: &Queue,
    reads: &Reads,
) -> Result<QueueStanding, Objection> {
    reads.queues.standing(queue).await.map_err(|error| {
        let mut objection = Objection::error(&format!("gate {name}"), &error);
        if let Error::Absent { .. } = error {
            "write the name of a queue in the account and region of the gate; if it is elsewhere, say where with `aws:`"
                .clone_into(&mut objection.hint);
        }
        objection
    })
}
