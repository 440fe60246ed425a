//! The port onto marks: every thing of a run has those of the scenario, and what was written since.

use async_trait::async_trait;

use super::{landscape::Landscape, scripts::MarkScript, world::World};
use crate::cloud::{Error, Mark, Marking, Marks, Operation, Owned, SetMarks};

impl MarkScript {
    fn mark(&self, landscape: &Landscape) -> Mark {
        let seen = landscape.start.before(self.seen);
        Mark::new(&self.run, &self.owner, seen, &self.journal)
    }
}

impl Landscape {
    fn marks_on(&mut self, on: &Owned) -> &mut Vec<Mark> {
        let scripts = self.scenario.marks.iter();
        let scripted = scripts.map(|script| script.mark(self)).collect();
        self.marks.entry(on.clone()).or_insert(scripted)
    }
}

#[async_trait]
impl Marks for World {
    async fn marks(&self, on: &Owned) -> Result<Vec<Mark>, Error> {
        Ok(self.request(operations(on).reading, |landscape, _| landscape.marks_on(on).clone()))
    }
}

#[async_trait]
impl SetMarks for World {
    async fn put(&self, on: &Owned, mark: &Mark) -> Result<(), Error> {
        let operation = operations(on).putting;
        self.request(operation, |landscape, _| {
            let marks = landscape.marks_on(on);
            marks.retain(|known| known.run != mark.run);
            marks.push(mark.clone());
        });
        Ok(())
    }

    async fn remove(&self, on: &Owned, run: &str) -> Result<(), Error> {
        let operation = operations(on).removing;
        self.request(operation, |landscape, _| {
            landscape.marks_on(on).retain(|known| known.run != run);
        });
        Ok(())
    }
}

const OF_GROUPS: Marking = Marking {
    reading: Operation::DescribeGroupTags,
    putting: Operation::CreateOrUpdateTags,
    removing: Operation::DeleteTags,
};

const OF_DEPLOYMENT_GROUPS: Marking = Marking {
    reading: Operation::ListDeploymentGroupTags,
    putting: Operation::TagResource,
    removing: Operation::UntagResource,
};

const fn operations(on: &Owned) -> &'static Marking {
    match on {
        Owned::Route { service, .. } => &service.traits().marks,
        Owned::AutoScalingGroup(_) => &OF_GROUPS,
        Owned::DeploymentGroup(_) => &OF_DEPLOYMENT_GROUPS,
    }
}
