//! The port onto marks: every thing of a run has those of the scenario, and what was written since.

use async_trait::async_trait;

use super::{landscape::Landscape, scripts::MarkScript, world::World};
use crate::cloud::{Error, Mark, Marks, Operation, Owned, SetMarks};

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
        Ok(self.request(reading(on), |landscape, _| landscape.marks_on(on).clone()))
    }
}

#[async_trait]
impl SetMarks for World {
    async fn put(&self, on: &Owned, mark: &Mark) -> Result<(), Error> {
        let operation = match on {
            Owned::Forward(_) => Operation::AddTags,
            Owned::Alias(_) | Owned::Mapping(_) => Operation::TagFunction,
            Owned::Stage(_) => Operation::TagStage,
            Owned::Records(_) => Operation::ChangeTagsForResource,
            Owned::AutoScalingGroup(_) => Operation::CreateOrUpdateTags,
            Owned::DeploymentGroup(_) => Operation::TagResource,
        };
        self.request(operation, |landscape, _| {
            let marks = landscape.marks_on(on);
            marks.retain(|known| known.run != mark.run);
            marks.push(mark.clone());
        });
        Ok(())
    }

    async fn remove(&self, on: &Owned, run: &str) -> Result<(), Error> {
        let operation = match on {
            Owned::Forward(_) => Operation::RemoveTags,
            Owned::Alias(_) | Owned::Mapping(_) => Operation::UntagFunction,
            Owned::Stage(_) => Operation::UntagStage,
            Owned::Records(_) => Operation::ChangeTagsForResource,
            Owned::AutoScalingGroup(_) => Operation::DeleteTags,
            Owned::DeploymentGroup(_) => Operation::UntagResource,
        };
        self.request(operation, |landscape, _| {
            landscape.marks_on(on).retain(|known| known.run != run);
        });
        Ok(())
    }
}

fn reading(on: &Owned) -> Operation {
    match on {
        Owned::Forward(_) => Operation::DescribeTags,
        Owned::Alias(_) | Owned::Mapping(_) => Operation::ListFunctionTags,
        Owned::Stage(_) => Operation::GetStageTags,
        Owned::AutoScalingGroup(_) => Operation::DescribeGroupTags,
        Owned::Records(_) => Operation::ListZoneTags,
        Owned::DeploymentGroup(_) => Operation::ListDeploymentGroupTags,
    }
}
