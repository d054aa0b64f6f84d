//! The order of a removal: when each target is deleted, and which targets stay if another one fails.

use std::collections::HashMap;

use super::Id;
use super::scheduler::Phase;
use super::targets::{Target, UnreadTarget};

/// The order in which the kinds are removed.
#[derive(Clone, Copy)]
pub struct Cleanup {
    /// A kind's position. Lower positions are removed first.
    pub group: fn(&str) -> usize,
    /// Whether a resource of the first kind must be gone before a resource of the second kind, on which it depends, can
    /// be deleted. If not, the first resource is still deleted first, but the second one is deleted even if that fails.
    pub holds: fn(&str, &str) -> bool,
}

pub(super) struct Order {
    holds: fn(&str, &str) -> bool,
    groups: Vec<usize>,
    /// For each target that is deleted by a call of its own, the targets that are deleted before it. They, or their
    /// children, depend on the target or on its children. Children here are deleted together with their parent.
    dependents: Vec<Vec<usize>>,
    /// For each target, its direct dependents that hold it, whether or not they are deleted by calls of their own.
    holders: Vec<Vec<usize>>,
    /// For each target, the target whose deletion also deletes it.
    carried: Vec<Option<usize>>,
}

impl Order {
    pub(super) fn new(targets: &[Target], cleanup: Cleanup) -> Self {
        let place: HashMap<&Id, usize> = targets.iter().enumerate().map(|(index, t)| (&t.id, index)).collect();
        let groups: Vec<usize> = targets.iter().map(|t| (cleanup.group)(&t.kind)).collect();
        let carried: Vec<Option<usize>> =
            targets.iter().map(|t| t.goes_with.as_ref().and_then(|parent| place.get(parent).copied())).collect();
        let root = |index| std::iter::successors(Some(index), |&child: &usize| carried[child]).last().unwrap_or(index);

        let mut edges: Vec<Vec<(usize, bool)>> = vec![Vec::new(); targets.len()];
        let mut holders: Vec<Vec<usize>> = vec![Vec::new(); targets.len()];
        for (index, target) in targets.iter().enumerate() {
            for &need in target.needs.iter().filter_map(|need| place.get(need)) {
                if (cleanup.holds)(&target.kind, &targets[need].kind) {
                    holders[need].push(index);
                }
                let (first, then) = (root(index), root(need));
                if first != then && groups[first] <= groups[then] {
                    edges[then].push((first, first == index && then == need));
                }
            }
        }
        // Children can close a cycle: an API's method names a function, whose permission names the API. An edge that
        // comes from children is dropped if it is part of a cycle. Direct edges alone never form one.
        let dependents = (0..targets.len()).map(|index| {
            let counts = |&&(first, direct): &&(usize, bool)| direct || !leads(&edges, first, index);
            edges[index].iter().filter(counts).map(|&(first, _)| first).collect()
        });
        Self { holds: cleanup.holds, dependents: dependents.collect(), groups, holders, carried }
    }

    /// A waiting target that can be deleted now: its dependents and the earlier groups have ended.
    pub(super) fn next(&self, phases: &[Phase]) -> Option<usize> {
        let pending = |index: usize| phases[index].is_pending();
        let own_call = |index: usize| self.carried[index].is_none();
        (0..phases.len()).find(|&index| {
            phases[index] == Phase::Waiting
                && own_call(index)
                && !self.dependents[index].iter().any(|&dependent| pending(dependent))
                && (0..phases.len())
                    .all(|other| !pending(other) || !own_call(other) || self.groups[other] >= self.groups[index])
        })
    }

    /// The targets that cannot be deleted because an unread resource holds them, or holds one of their children. Each
    /// with the id of the unread resource.
    pub(super) fn held(&self, targets: &[Target], unseen: &[UnreadTarget]) -> Vec<(usize, Id)> {
        let holder = |index: usize| {
            unseen.iter().find(|UnreadTarget { target, .. }| {
                target.needs.contains(&targets[index].id) && (self.holds)(&target.kind, &targets[index].kind)
            })
        };
        let mut held: Vec<(usize, Id)> = Vec::new();
        for index in 0..targets.len() {
            let Some(UnreadTarget { target, .. }) = holder(index) else { continue };
            let root = std::iter::successors(Some(index), |&child: &usize| self.carried[child]).last().unwrap_or(index);
            if !held.iter().any(|(known, _)| *known == root) {
                held.push((root, target.id.clone()));
            }
        }
        held
    }

    /// A waiting target that cannot be deleted, and the target that is the cause because it was not deleted. The cause
    /// holds the waiting target, or its deletion would also have deleted the waiting target.
    pub(super) fn stuck(&self, targets: &[Target], phases: &[Phase]) -> Option<(usize, usize)> {
        (0..phases.len()).filter(|&index| phases[index] == Phase::Waiting).find_map(|index| {
            let holds = |&&first: &&usize| (self.holds)(&targets[first].kind, &targets[index].kind);
            let firsts = self.dependents[index].iter().filter(holds);
            let mut firsts = firsts.chain(&self.holders[index]).chain(&self.carried[index]);
            Some((index, *firsts.find(|&&first| phases[first].holds_up())?))
        })
    }

    /// All targets that are deleted together with this one, at any depth.
    pub(super) fn went_with(&self, index: usize) -> Vec<usize> {
        let mut gone = vec![index];
        let mut next = 0;
        while next < gone.len() {
            let parent = gone[next];
            gone.extend((0..self.carried.len()).filter(|&child| self.carried[child] == Some(parent)));
            next += 1;
        }
        gone.split_off(1)
    }
}

/// Whether the edges lead from `from` to `to`.
fn leads(edges: &[Vec<(usize, bool)>], from: usize, to: usize) -> bool {
    let (mut reached, mut next) = (vec![from], 0);
    while let Some(&index) = reached.get(next) {
        for &(further, _) in &edges[index] {
            if !reached.contains(&further) {
                reached.push(further);
            }
        }
        next += 1;
    }
    reached.contains(&to)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn target(id: &str, goes_with: Option<&str>, needs: &[&str]) -> Target {
        Target {
            id: Id::from(id),
            kind: id.to_owned(),
            key: Value::Null,
            outputs: Value::Null,
            identity: None,
            goes_with: goes_with.map(Id::from),
            parent: goes_with.map(Id::from),
            needs: needs.iter().copied().map(Id::from).collect(),
        }
    }

    /// Deleting a stage deletes its association. If the stage cannot be deleted, the association stays, and AWS does
    /// not delete a web ACL that is associated.
    #[test]
    fn a_child_of_a_parent_that_stays_holds_its_own_dependencies() {
        let targets = [
            target("stage", None, &[]),
            target("association", Some("stage"), &["stage", "acl"]),
            target("acl", None, &[]),
        ];
        let cleanup = Cleanup { group: |_| 0, holds: |first, then| (first, then) == ("association", "acl") };
        let order = Order::new(&targets, cleanup);
        let mut phases = [Phase::Failed, Phase::Waiting, Phase::Waiting];
        assert_eq!(order.stuck(&targets, &phases), Some((1, 0)));
        phases[1] = Phase::Skipped;
        assert_eq!(order.stuck(&targets, &phases), Some((2, 1)));
        phases[2] = Phase::Skipped;
        assert_eq!(order.stuck(&targets, &phases), None);
    }
}
