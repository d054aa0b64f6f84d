//! A stack as a drawing: Mermaid for a page that renders it, SVG for one that does not.

mod layout;
mod mermaid;
mod svg;

pub use mermaid::mermaid;
pub use svg::svg;

/// A drawing of a stack. Arrows point the way a request or a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagram {
    /// The stack's name.
    pub title: String,
    /// What stands around the routes: one for each API.
    pub frames: Vec<Frame>,
    /// In the stack file's order, callers first.
    pub boxes: Vec<Node>,
    /// In the order of their beginnings.
    pub arrows: Vec<Arrow>,
}

/// What stands around the routes of one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its stage, its throttle and its firewall, with commas between.
    pub text: String,
    /// Its routes, by their positions in [`Diagram::boxes`].
    pub routes: Vec<usize>,
}

/// One box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// As the stack file names it.
    pub name: String,
}

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// Those who may call.
    Caller,
    /// One method on one path.
    Route,
    /// A function.
    Function,
    /// A secret.
    Secret,
    /// A topic.
    Topic,
}

/// One arrow, between positions in [`Diagram::boxes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow {
    /// Where it begins.
    pub from: usize,
    /// Where it points.
    pub to: usize,
    /// What goes along it.
    pub label: &'static str,
}

impl Diagram {
    /// Draws an arrow; its boxes are added if they are not there.
    pub fn arrow(&mut self, from: (NodeKind, &str), to: (NodeKind, &str), label: &'static str) {
        let (from, to) = (self.place(from.0, from.1), self.place(to.0, to.1));
        self.arrows.push(Arrow { from, to, label });
    }

    /// A box's position; it is added if it is not there.
    pub fn place(&mut self, kind: NodeKind, name: &str) -> usize {
        self.boxes.iter().position(|node| node.kind == kind && node.name == name).unwrap_or_else(|| {
            self.boxes.push(Node { kind, name: name.to_owned() });
            self.boxes.len() - 1
        })
    }
}
