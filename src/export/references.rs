//! Replaces recorded values, such as ARNs and ids, by references to the resources that have them.
//!
//! A description contains the values that AWS chose, because it is made from the outputs of its dependencies. Each text
//! that is such a value, or contains it, becomes a reference, unless references would then form a circle. The
//! dependencies of the stack's own graph always are references, or else explicit dependencies, because that graph has
//! no circles.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::resources::{Form, Left, NAMED, Node, Piece};
use crate::aws::AnyKind;

/// The syntax of a tool's references.
pub(super) trait Syntax {
    /// A reference to an attribute of the piece with this label.
    fn reference(&self, piece: &Piece, label: &str, attribute: &str) -> Value;
    /// A text with references in it.
    fn joined(&self, parts: Vec<Part<'_>>) -> Value;
}

/// A part of a text.
pub(super) enum Part<'a> {
    Text(&'a str),
    Reference { piece: &'a Piece, label: &'a str, attribute: &'static str },
}

/// A piece with its place in the stack.
pub(super) struct Placed {
    pub piece: Piece,
    /// The index of the stack's resource that it is a form of.
    pub node: usize,
    /// Its name in the other tool.
    pub label: String,
    /// The indices of the pieces that it must be created after, though it has no reference to them.
    pub after: Vec<usize>,
}

/// The pieces of all resources of a stack, without labels, and what the other tool does not take over.
pub(super) fn place(nodes: &[Node<'_>], form: impl Fn(&AnyKind<'_>) -> Form) -> (Vec<Placed>, Vec<Left>) {
    let (mut placed, mut left) = (Vec::new(), Vec::new());
    for (node, resource) in nodes.iter().enumerate() {
        let form = form(&resource.resource);
        let pieces = form.pieces.into_iter();
        placed.extend(pieces.map(|piece| Placed { piece, node, label: String::new(), after: Vec::new() }));
        left.extend(form.left.into_iter().map(|one| Left { what: format!("{}: {}", resource.id, one.what), ..one }));
    }
    (placed, left)
}

/// Replaces values by references, and adds the dependencies that no reference expresses.
pub(super) fn link(pieces: &mut [Placed], nodes: &[Node<'_>], syntax: &dyn Syntax) {
    let mut links = Links::new(pieces, nodes);
    let bodies: Vec<Value> =
        (0..pieces.len()).map(|at| links.replaced(at, pieces[at].piece.body.clone(), pieces, syntax)).collect();
    for (at, body) in bodies.into_iter().enumerate() {
        pieces[at].piece.body = body;
        pieces[at].after = links.unexpressed(at);
    }
}

/// The pieces that have a value, by value.
type Holders = BTreeMap<String, (usize, &'static str)>;

struct Links {
    /// The pieces that each piece needs, from the stack's graph.
    needed: Vec<BTreeSet<usize>>,
    /// The pieces that each piece has a reference to.
    referred: Vec<BTreeSet<usize>>,
    holders: Holders,
    /// The piece of a type with a name.
    names: BTreeMap<(&'static str, String), (usize, &'static str)>,
}

impl Links {
    fn new(pieces: &[Placed], nodes: &[Node<'_>]) -> Self {
        let mut of_node: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
        let (mut holders, mut names) = (Holders::new(), BTreeMap::new());
        for (at, placed) in pieces.iter().enumerate() {
            of_node[placed.node].push(at);
            for (value, attribute) in &placed.piece.values {
                holders.entry(value.clone()).or_insert((at, *attribute));
            }
            for (name, attribute) in &placed.piece.names {
                names.entry((placed.piece.kind, name.clone())).or_insert((at, *attribute));
            }
        }
        let index: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
        let waits = |at: &usize| !pieces[*at].piece.beside;
        let needed = pieces.iter().map(|placed| needs(placed.node, nodes, &index, &of_node, &waits)).collect();
        Self { needed, referred: vec![BTreeSet::new(); pieces.len()], holders, names }
    }

    /// Whether `to` can be reached from `from`.
    fn reaches(&self, from: usize, to: usize, also: bool) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(at) = next.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                next.extend(&self.referred[at]);
                next.extend(self.needed[at].iter().filter(|_| also));
            }
        }
        false
    }

    /// Notes a reference, unless it would close a circle.
    fn refer(&mut self, from: usize, to: usize) -> bool {
        if self.reaches(to, from, true) {
            return false;
        }
        self.referred[from].insert(to);
        true
    }

    fn replaced(&mut self, at: usize, value: Value, pieces: &[Placed], syntax: &dyn Syntax) -> Value {
        match value {
            Value::String(text) => self.text(at, text, pieces, syntax),
            Value::Array(items) => items.into_iter().map(|item| self.replaced(at, item, pieces, syntax)).collect(),
            Value::Object(members) => {
                if let Some(named) = members.get(NAMED) {
                    return self.named(at, named, pieces, syntax);
                }
                let replaced = |(name, value)| (name, self.replaced(at, value, pieces, syntax));
                Value::Object(members.into_iter().map(replaced).collect())
            }
            other => other,
        }
    }

    fn named(&mut self, at: usize, named: &Value, pieces: &[Placed], syntax: &dyn Syntax) -> Value {
        let text = |index: usize| named[index].as_str().unwrap_or_default();
        let is_one = |kind: &str| named[0].as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind));
        let holder = self.names.iter().find(|((kind, name), _)| name == text(1) && is_one(kind));
        match holder.map(|(_, holder)| *holder) {
            Some((to, attribute)) if self.refer(at, to) => {
                syntax.reference(&pieces[to].piece, &pieces[to].label, attribute)
            }
            _ => text(2).into(),
        }
    }

    fn text(&mut self, at: usize, text: String, pieces: &[Placed], syntax: &dyn Syntax) -> Value {
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        // The earliest value, and of several at the same place the longest.
        while let Some((start, value, to, attribute)) = self.first(at, rest) {
            if start > 0 {
                parts.push(Part::Text(&rest[..start]));
            }
            self.refer(at, to);
            let Placed { piece, label, .. } = &pieces[to];
            parts.push(Part::Reference { piece, label, attribute });
            rest = &rest[start + value..];
        }
        match (parts.as_slice(), rest) {
            ([], _) => text.into(),
            ([Part::Reference { piece, label, attribute }], "") => syntax.reference(piece, label, attribute),
            _ => {
                parts.extend((!rest.is_empty()).then_some(Part::Text(rest)));
                syntax.joined(parts)
            }
        }
    }

    /// The first value in a text that may become a reference: its place, its length, and the piece that has it.
    fn first(&self, at: usize, text: &str) -> Option<(usize, usize, usize, &'static str)> {
        let found = self.holders.iter().filter_map(|(value, (to, attribute))| {
            let start = text.match_indices(value.as_str()).map(|(start, _)| start);
            let start = start.filter(|start| is_whole(text, *start, value)).min()?;
            Some((start, value.len(), *to, *attribute))
        });
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|(start, length, ..)| (*start, usize::MAX - length));
        found.into_iter().find(|(_, _, to, _)| *to != at && !self.reaches(*to, at, true))
    }

    /// The pieces that a piece needs and that no reference leads to.
    fn unexpressed(&mut self, at: usize) -> Vec<usize> {
        let mut after = Vec::new();
        // A later piece may lead to earlier ones.
        for to in self.needed[at].clone().into_iter().rev() {
            if to != at && !self.reaches(at, to, false) {
                self.referred[at].insert(to);
                after.push(to);
            }
        }
        after
    }
}

/// Whether a value in a text is not a part of a longer id or name. An underscore may come before it, as in the name of
/// an API's execution log.
fn is_whole(text: &str, start: usize, value: &str) -> bool {
    let continues = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-');
    let after = text[start + value.len()..].chars().next();
    !continues(text[..start].chars().next_back()) && !continues(after) && after != Some('_')
}

/// The pieces that a resource of the stack waits for. A resource without pieces stands for those that it needs itself.
fn needs(
    node: usize,
    nodes: &[Node<'_>],
    index: &BTreeMap<&str, usize>,
    of_node: &[Vec<usize>],
    waits: &dyn Fn(&usize) -> bool,
) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    for need in nodes[node].needs.iter().filter_map(|need| index.get(need.as_str())) {
        match of_node[*need].as_slice() {
            [] => all.extend(needs(*need, nodes, index, of_node, waits)),
            pieces => all.extend(pieces.iter().copied().filter(waits)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Plain;

    impl Syntax for Plain {
        fn reference(&self, _: &Piece, label: &str, attribute: &str) -> Value {
            json!(format!("<{label}.{attribute}>"))
        }

        fn joined(&self, parts: Vec<Part<'_>>) -> Value {
            let part = |part: &Part<'_>| match part {
                Part::Text(text) => (*text).to_owned(),
                Part::Reference { label, attribute, .. } => format!("<{label}.{attribute}>"),
            };
            parts.iter().map(part).collect::<String>().into()
        }
    }

    fn placed(label: &str, body: Value, arn: &str) -> Placed {
        let piece = Piece::new("thing", "id", body).value(arn, "arn").name(label, "name");
        Placed { piece, node: 0, label: label.into(), after: Vec::new() }
    }

    /// Links pieces, of which each needs those before it that `needed` names.
    fn linked(mut pieces: Vec<Placed>, needed: &[(usize, usize)]) -> Vec<(Value, Vec<usize>)> {
        let mut links = Links::new(&[], &[]);
        for (at, placed) in pieces.iter().enumerate() {
            links.holders.extend(placed.piece.values.iter().map(|(value, name)| (value.clone(), (at, *name))));
            links.names.insert(("thing", placed.label.clone()), (at, "name"));
            links.needed.push(needed.iter().filter(|(from, _)| *from == at).map(|(_, to)| *to).collect());
            links.referred.push(BTreeSet::new());
        }
        let bodies: Vec<Value> = (0..pieces.len())
            .map(|at| links.replaced(at, std::mem::take(&mut pieces[at].piece.body), &pieces, &Plain))
            .collect();
        bodies.into_iter().enumerate().map(|(at, body)| (body, links.unexpressed(at))).collect()
    }

    #[test]
    fn values_become_references_where_they_are_whole() {
        let body =
            json!({ "a": "arn:one", "b": ["x_arn:one/*", "arn:one-2", 1], "c": { NAMED: [["thing"], "one", "o"] } });
        let pieces = vec![placed("one", json!("arn:one"), "arn:one"), placed("two", body, "arn:two")];
        let [(own, _), (body, after)] = &linked(pieces, &[(1, 0)])[..] else { panic!("two") };
        assert_eq!(own, "arn:one", "not a reference to itself");
        assert_eq!(*body, json!({ "a": "<one.arn>", "b": ["x_<one.arn>/*", "arn:one-2", 1], "c": "<one.name>" }));
        assert!(after.is_empty());
    }

    #[test]
    fn a_value_stays_where_a_reference_would_close_a_circle() {
        let named = json!([{ NAMED: [["thing"], "two", "t"] }, "arn:two"]);
        let pieces = vec![placed("one", named, "arn:one"), placed("two", json!("no reference"), "arn:two")];
        let all = linked(pieces, &[(1, 0)]);
        assert_eq!(all[0].0, json!(["t", "arn:two"]));
        assert_eq!(all[1].1, [0], "so the dependency is explicit");
    }

    #[test]
    fn the_longest_value_wins_and_dependencies_that_references_imply_are_not_repeated() {
        let pieces = vec![
            placed("api", json!(""), "abc"),
            placed("stage", json!("abc"), "abc/live"),
            placed("association", json!("abc/live"), "x"),
        ];
        let all = linked(pieces, &[(2, 0), (2, 1), (1, 0)]);
        assert_eq!(all[2], (json!("<stage.arn>"), vec![]));
    }
}
