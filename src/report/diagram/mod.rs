//! A diagram of a stack: as Mermaid for pages that render it, and as SVG for all others.

mod layout;
mod mermaid;
mod svg;

use std::borrow::Cow;

pub use mermaid::mermaid;
pub use svg::svg;

/// A diagram of a stack. Arrows point in the direction of requests and messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagram {
    /// The stack's name.
    pub title: String,
    /// One for each API.
    pub groups: Vec<RouteGroup>,
    /// In the stack file's order, callers first.
    pub boxes: Vec<Node>,
    pub arrows: Vec<Arrow>,
}

/// The routes of one API, which are drawn inside one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteGroup {
    /// The frame's title: the stage, the throttle and the firewall, separated by commas.
    pub text: String,
    /// Indexes in [`Diagram::boxes`].
    pub routes: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub kind: NodeKind,
    /// As in the stack file.
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// A group of people or programs that may call a route.
    Caller,
    /// One method on one path.
    Route,
    Function,
    /// The target of a route that is not a function: another server, or API Gateway itself.
    Server,
    Secret,
    Topic,
    Queue,
    Table,
}

/// An arrow between two indexes in [`Diagram::boxes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow {
    pub from: usize,
    pub to: usize,
    /// The meaning of the arrow, such as `ID token`, `calls` or `reads`.
    pub label: Cow<'static, str>,
}

impl Diagram {
    /// Adds an arrow, and its boxes if they do not exist yet.
    pub fn arrow(&mut self, from: (NodeKind, &str), to: (NodeKind, &str), label: impl Into<Cow<'static, str>>) {
        let (from, to) = (self.index_of(from.0, from.1), self.index_of(to.0, to.1));
        self.arrows.push(Arrow { from, to, label: label.into() });
    }

    /// The index of a box, which is added if it does not exist yet.
    pub fn index_of(&mut self, kind: NodeKind, name: &str) -> usize {
        self.boxes.iter().position(|node| node.kind == kind && node.name == name).unwrap_or_else(|| {
            self.boxes.push(Node { kind, name: name.to_owned() });
            self.boxes.len() - 1
        })
    }
}
