//! The way of a request through the five layers, drawn as SVG: once for wide screens and paper, once for phones. The
//! page's style sheet shows one of them and colours it.

use super::super::markup::Text;
use super::{Section, State};
use crate::verify::Verdict;

/// A box's upper left corner, width and height.
#[derive(Debug, Clone, Copy)]
struct Place {
    x: i32,
    y: i32,
    w: i32,
    h: i32,
}

/// Which way an arrow comes in.
#[derive(Debug, Clone, Copy)]
enum Head {
    Right,
    Down,
    Up,
}

/// On which side of its point a label stands.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// Where everything is.
struct Layout {
    class: &'static str,
    size: (i32, i32),
    client: Place,
    /// By layer, in the order of [`Layer::ALL`](crate::verify::Layer::ALL).
    layers: [Place; 5],
    /// The corners of a line, the last one being the arrow's tip.
    arrows: &'static [(&'static [(i32, i32)], Head)],
    labels: &'static [(i32, i32, Anchor, &'static str)],
}

const fn place(x: i32, y: i32, w: i32, h: i32) -> Place {
    Place { x, y, w, h }
}

/// The request goes from left to right; what vouches for it, and what the functions know, stand below.
const WIDE: Layout = Layout {
    class: "wide",
    size: (1000, 292),
    client: place(2, 32, 124, 44),
    layers: [
        place(214, 186, 214, 104),
        place(214, 2, 214, 104),
        place(499, 2, 214, 104),
        place(784, 186, 214, 104),
        place(784, 2, 214, 104),
    ],
    arrows: &[
        (&[(126, 54), (214, 54)], Head::Right),
        (&[(428, 54), (499, 54)], Head::Right),
        (&[(713, 54), (784, 54)], Head::Right),
        (&[(64, 76), (64, 238), (214, 238)], Head::Right),
        (&[(428, 238), (606, 238), (606, 106)], Head::Up),
        (&[(891, 106), (891, 186)], Head::Down),
    ],
    labels: &[
        (170, 42, Anchor::Middle, "request"),
        (139, 226, Anchor::Middle, "sign-in"),
        (517, 226, Anchor::Middle, "trusted issuer"),
        (903, 151, Anchor::Start, "lookup"),
    ],
};

/// The request goes from top to bottom.
const TALL: Layout = Layout {
    class: "tall",
    size: (360, 746),
    client: place(2, 2, 356, 44),
    layers: [
        place(62, 82, 296, 104),
        place(2, 220, 296, 104),
        place(2, 360, 356, 104),
        place(62, 640, 296, 104),
        place(2, 500, 356, 104),
    ],
    arrows: &[
        (&[(28, 46), (28, 220)], Head::Down),
        (&[(28, 324), (28, 360)], Head::Down),
        (&[(28, 464), (28, 500)], Head::Down),
        (&[(210, 46), (210, 82)], Head::Down),
        (&[(330, 186), (330, 360)], Head::Down),
        (&[(210, 604), (210, 640)], Head::Down),
    ],
    labels: &[
        (40, 68, Anchor::Start, "request"),
        (222, 68, Anchor::Start, "sign-in"),
        (318, 207, Anchor::End, "trusted issuer"),
        (222, 626, Anchor::Start, "lookup"),
    ],
};

/// Both drawings, each with a title that says all that it shows.
pub(super) fn drawings(sections: &[Section; 5]) -> String {
    WIDE.draw(sections) + &TALL.draw(sections)
}

impl Layout {
    fn draw(&self, sections: &[Section; 5]) -> String {
        let Self { class, size: (width, height), .. } = self;
        let mut svg = format!(
            "<svg class=\"drawing {class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"drawing-{class}\">\n<title id=\"drawing-{class}\">{}</title>\n",
            Text(&title(sections))
        );
        for (corners, head) in self.arrows {
            svg += &arrow(corners, *head);
        }
        for (x, y, anchor, label) in self.labels {
            svg += &format!("<text class=\"label {}\" x=\"{x}\" y=\"{y}\">{label}</text>\n", anchor.class());
        }
        svg += &client(self.client);
        for (place, section) in self.layers.iter().zip(sections) {
            svg += &node(*place, section);
        }
        svg + "</svg>\n"
    }
}

impl Anchor {
    fn class(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// `The way of a request through the five layers. Authentication holds: 12 passed. …`
fn title(sections: &[Section; 5]) -> String {
    let state = |section: &Section| match section.counts() {
        none if none.is_empty() => format!(" {} {}.", section.layer.title(), section.state().words()),
        counts => format!(" {} {}: {counts}.", section.layer.title(), section.state().words()),
    };
    let states: String = sections.iter().map(state).collect();
    format!("The way of a request: client, firewall, authorization, functions.{states}")
}

fn client(Place { x, y, w, h }: Place) -> String {
    format!(
        "<rect class=\"client\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"{}\"/>\n\
         <text class=\"name middle\" x=\"{}\" y=\"{}\">Client</text>\n",
        h / 2,
        x + w / 2,
        y + h / 2 + 6,
    )
}

/// A layer: its mark and name, its state in a word, its counts. The box's outline says the state too.
fn node(Place { x, y, w, h }: Place, section: &Section) -> String {
    let state = section.state();
    let mut svg = format!(
        "<g class=\"node {}\" transform=\"translate({x} {y})\"><rect width=\"{w}\" height=\"{h}\" rx=\"10\"/>\
         <circle cx=\"28\" cy=\"29\" r=\"11\"/><path class=\"mark\" d=\"{}\"/>\
         <text class=\"name\" x=\"48\" y=\"35\">{}</text><text class=\"state\" x=\"17\" y=\"65\">{}</text>",
        class(state),
        mark(state),
        section.layer.title(),
        state.words(),
    );
    if let Some(counts) = brief(section) {
        svg += &format!("<text class=\"counts\" x=\"17\" y=\"87\">{counts}</text>");
    }
    svg + "</g>\n"
}

/// The counts in few words: `2 of 18 failed`. All of them are in the title and in the page.
fn brief(section: &Section) -> Option<String> {
    let (failed, passed) = (section.count(Verdict::Fail), section.count(Verdict::Pass));
    match section.state() {
        State::Broken => Some(format!("{failed} of {} failed", failed + passed)),
        State::Holds => Some(format!("{passed} of {passed} passed")),
        State::NotApplicable | State::Unchecked => None,
    }
}

/// The style sheet's name for a state.
pub(super) fn class(state: State) -> &'static str {
    match state {
        State::Holds => "pass",
        State::Broken => "fail",
        State::NotApplicable | State::Unchecked => "na",
    }
}

/// A tick, a cross or a dash in the circle: drawn, since not every font has them.
fn mark(state: State) -> &'static str {
    match state {
        State::Holds => "M22.5 29.5l4 4 7-8.5",
        State::Broken => "M24 25l8 8m0-8l-8 8",
        State::NotApplicable | State::Unchecked => "M23 29h10",
    }
}

fn arrow(corners: &[(i32, i32)], head: Head) -> String {
    let line: Vec<String> = corners.iter().map(|(x, y)| format!("{x} {y}")).collect();
    let barbs = match head {
        Head::Right => "m-8-5l8 5-8 5",
        Head::Down => "m-5-8l5 8 5-8",
        Head::Up => "m-5 8l5-8 5 8",
    };
    format!("<path class=\"arrow\" d=\"M{}{barbs}\"/>\n", line.join("L"))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn every_state_is_said_and_not_only_coloured() {
        let proof = fixture::proof();
        let svg = WIDE.draw(&Section::all(&proof));
        for node in svg.lines().filter(|line| line.starts_with("<g class=")) {
            let said =
                ["holds", "does not hold", "not checked"].iter().any(|words| node.contains(&format!(">{words}<")));
            assert!(said, "{node}");
        }
        assert!(svg.contains("Authorization does not hold: 1 failed, 5 passed."), "{svg}");
        assert!(svg.contains("Secrets not checked."), "{svg}");
        assert_eq!(svg.matches("<g class=\"node fail\"").count(), 2);
        assert!(svg.contains(">1 of 6 failed<"));
    }

    #[test]
    fn boxes_stay_inside_and_apart() {
        for Layout { size: (width, height), client, layers, .. } in [WIDE, TALL] {
            let places: Vec<Place> = layers.iter().copied().chain([client]).collect();
            for (n, a) in places.iter().enumerate() {
                assert!(a.x >= 0 && a.y >= 0 && a.x + a.w <= width && a.y + a.h <= height, "{a:?}");
                for b in &places[n + 1..] {
                    let apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
                    assert!(apart, "{a:?} and {b:?}");
                }
            }
        }
    }
}
