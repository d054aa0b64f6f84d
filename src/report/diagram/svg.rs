//! The drawing as SVG, complete in itself: no fonts, no scripts, light or dark as its reader is.

use super::super::markup::Text;
use super::layout::{Item, Layout};
use super::{Diagram, Frame, NodeKind};

/// The height of a box, and the space below it.
const BOX: (usize, usize) = (40, 16);
/// The height of an arrow's lane between boxes.
const LANE: usize = 16;
/// The space between columns.
const BETWEEN: usize = 84;
/// Around everything.
const MARGIN: usize = 24;
/// Around the routes, inside their frame; a line of its title.
const FRAME: (usize, usize) = (14, 18);
/// The length of a line in the key, and the key's height.
const KEY: (usize, usize) = (36, 30);
/// The most that a character of the drawing's font takes, at 14 and at 13 pixels.
const CHARACTER: (usize, usize) = (8, 7);

const STYLE: &str = "\
svg{color-scheme:light dark;font:14px system-ui,sans-serif}\
rect,path{fill:none;stroke:light-dark(#64748b,#94a3b8);stroke-width:1.5}\
text{fill:light-dark(#0f172a,#e2e8f0);text-anchor:middle}\
.paper{fill:light-dark(#ffffff,#0f172a);stroke:none}\
.key,.title{font-size:13px;fill:light-dark(#475569,#94a3b8)}\
.key{text-anchor:start}\
.frame{stroke-dasharray:5 4}\
.reads{stroke-dasharray:1 4;stroke-linecap:round;stroke-width:2}\
.publishes{stroke-dasharray:7 4}\
.open{stroke:light-dark(#b91c1c,#f87171);stroke-width:2.5}\
.caller{fill:light-dark(#f1f5f9,#1e293b)}\
.route{fill:light-dark(#dbeafe,#1e3a5f)}\
.function{fill:light-dark(#ffedd5,#5b3413)}\
.secret{fill:light-dark(#fee2e2,#5c1f1f)}\
.topic{fill:light-dark(#f3e8ff,#452063)}";

/// Upper left corner, width and height.
#[derive(Clone, Copy)]
struct Place {
    x: usize,
    y: usize,
    w: usize,
    h: usize,
}

/// The drawing as an SVG document.
pub fn svg(diagram: &Diagram) -> String {
    let layout = Layout::new(diagram);
    let (places, columns) = places(diagram, &layout);
    let at = |column: usize, item: Item| {
        let row = layout.columns[column].iter().position(|other| *other == item).unwrap_or_default();
        places[column][row]
    };
    let width = columns.last().map_or(0, |(x, w)| x + w) + MARGIN;
    let lowest = places.iter().flatten().map(|place| place.y + place.h).max().unwrap_or(MARGIN);
    let (key, right) = key(diagram, lowest + FRAME.0 + KEY.1);
    let (width, height) = (width.max(right + MARGIN), lowest + FRAME.0 + KEY.1 + MARGIN);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title\">\n<title id=\"title\">{}</title>\n\
         <style>{STYLE}</style>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
        Text(&in_words(diagram))
    );
    svg += &frames(diagram, &layout, &places);
    for (index, arrow) in diagram.arrows.iter().enumerate() {
        let way: Vec<Place> = layout.way(diagram, index).into_iter().map(|(column, item)| at(column, item)).collect();
        svg += &format!("<path{} d=\"{}\"/>{}\n", class(arrow.label), line(&way), head_at(way.last()));
    }
    for (column, items) in layout.columns.iter().enumerate() {
        for item in items {
            if let Item::Box(index) = item {
                svg += &node(diagram, *index, at(column, *item));
            }
        }
    }
    svg + &key + "</svg>"
}

/// The lines of a frame's title.
fn lines(frame: &Frame) -> Vec<&str> {
    frame.text.split(", ").collect()
}

/// What a frame takes above its boxes, and below them.
fn above(frame: &Frame) -> usize {
    FRAME.0 + FRAME.1 * lines(frame).len()
}

/// Where every item of every column is, and every column's left edge and width.
fn places(diagram: &Diagram, layout: &Layout) -> (Vec<Vec<Place>>, Vec<(usize, usize)>) {
    let columns = layout.columns.iter().map(|items| heights(diagram, items));
    let columns: Vec<(Vec<Place>, usize)> = columns.collect();
    let tallest = columns.iter().map(|(_, height)| *height).max().unwrap_or_default();
    // Where a column begins with a frame, that takes its room above it.
    let first = |items: &Vec<Item>| items.first().and_then(|item| diagram.frame_of(*item));
    let heads = layout.columns.iter().zip(&columns).map(|(items, (_, height))| {
        first(items).map_or(0, |frame| above(&diagram.frames[frame])).saturating_sub((tallest - height) / 2)
    });
    let head = MARGIN + heads.max().unwrap_or_default();
    let (mut places, mut edges) = (Vec::new(), Vec::new());
    let mut x = MARGIN;
    for (items, (column, height)) in layout.columns.iter().zip(columns) {
        let name = |item: &Item| match item {
            Item::Box(index) => diagram.boxes[*index].name.chars().count() * CHARACTER.0 + 32,
            Item::Lane(_) => 0,
        };
        let frames = items.iter().filter_map(|item| diagram.frame_of(*item));
        let titles = frames.flat_map(|frame| lines(&diagram.frames[frame]));
        let titles = titles.map(|line| line.chars().count() * CHARACTER.1);
        let w = items.iter().map(name).chain(titles).max().unwrap_or_default();
        let top = head + (tallest - height) / 2;
        places.push(column.into_iter().map(|place| Place { x, y: top + place.y, w, ..place }).collect());
        edges.push((x, w));
        x += w + BETWEEN;
    }
    (places, edges)
}

/// The items of a column one below the other, and how high that is. What a frame takes above the first of them and below
/// the last is not in it.
fn heights(diagram: &Diagram, items: &[Item]) -> (Vec<Place>, usize) {
    let (mut column, mut y) = (Vec::new(), 0);
    let mut last = None;
    for (row, item) in items.iter().enumerate() {
        let frame = diagram.frame_of(*item);
        if row > 0 && frame != last {
            y += if last.is_some() { FRAME.0 } else { 0 };
            y += frame.map_or(0, |frame| above(&diagram.frames[frame]));
        }
        last = frame;
        let (h, step) = if matches!(item, Item::Box(_)) { (BOX.0, BOX.0 + BOX.1) } else { (LANE, LANE) };
        column.push(Place { x: 0, y, w: 0, h });
        y += step;
    }
    (column, y)
}

/// The frames around the routes, and what they say: one for each column that has some of an API's.
fn frames(diagram: &Diagram, layout: &Layout, places: &[Vec<Place>]) -> String {
    let mut text = String::new();
    for (number, frame) in diagram.frames.iter().enumerate() {
        for (items, places) in layout.columns.iter().zip(places) {
            let inside = items.iter().zip(places).filter(|(item, _)| diagram.frame_of(**item) == Some(number));
            let inside: Vec<&Place> = inside.map(|(_, place)| place).collect();
            let (Some(first), Some(last)) = (inside.first(), inside.last()) else { continue };
            let (x, w, top, bottom) = (first.x, first.w, first.y - FRAME.0, last.y + last.h + FRAME.0);
            text += &format!(
                "<rect class=\"frame\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"12\"/>\n",
                x - FRAME.0,
                w + 2 * FRAME.0,
                bottom - top
            );
            for (line, words) in lines(frame).iter().rev().enumerate() {
                let y = top - 7 - line * FRAME.1;
                text += &format!("<text class=\"title\" x=\"{}\" y=\"{y}\">{}</text>\n", x + w / 2, Text(words));
            }
        }
    }
    text
}

fn node(diagram: &Diagram, index: usize, Place { x, y, w, h }: Place) -> String {
    let node = &diagram.boxes[index];
    let (class, round) = match node.kind {
        NodeKind::Caller => ("caller", 20),
        NodeKind::Route => ("route", 4),
        NodeKind::Function => ("function", 8),
        NodeKind::Secret => ("secret", 8),
        NodeKind::Topic => ("topic", 8),
    };
    format!(
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"{round}\"/>\
         <text x=\"{}\" y=\"{}\">{}</text>\n",
        x + w / 2,
        y + h / 2 + 5,
        Text(&node.name)
    )
}

/// An arrow's line, from one place's right edge to another's left, straight through the lanes between.
fn line(way: &[Place]) -> String {
    let middle = |place: &Place| place.y + place.h / 2;
    let mut line = String::new();
    for (step, pair) in way.windows(2).enumerate() {
        let (from, to) = (&pair[0], &pair[1]);
        let (x1, y1, x2, y2) = (from.x + from.w, middle(from), to.x, middle(to));
        let bend = BETWEEN / 2;
        line += &if step == 0 { format!("M{x1} {y1}") } else { format!("H{x1}") };
        line += &format!("C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2.saturating_sub(bend));
    }
    line
}

/// An arrow's head, at the left edge of where it points.
fn head_at(place: Option<&Place>) -> String {
    place.map(|to| format!("<path d=\"M{} {}l8 5-8 5\"/>", to.x - 8, to.y + to.h / 2 - 5)).unwrap_or_default()
}

/// How an arrow looks: by what goes along it.
fn class(label: &str) -> &'static str {
    match label {
        "reads" => " class=\"reads\"",
        "publishes" => " class=\"publishes\"",
        "no token" => " class=\"open\"",
        _ => "",
    }
}

/// What each look of an arrow means, in one line at this height; and where that line ends.
fn key(diagram: &Diagram, y: usize) -> (String, usize) {
    let mut labels: Vec<&str> = Vec::new();
    for arrow in &diagram.arrows {
        if !labels.contains(&arrow.label) {
            labels.push(arrow.label);
        }
    }
    // Those that look alike share their entry.
    let (mut text, mut x) = (String::new(), MARGIN);
    let mut looks: Vec<(&str, String)> = Vec::new();
    for label in labels {
        match looks.iter_mut().find(|(look, _)| *look == class(label)) {
            Some((_, words)) => *words += &format!(", {label}"),
            None => looks.push((class(label), label.to_owned())),
        }
    }
    for (look, words) in looks {
        text += &format!("<path{look} d=\"M{x} {y}h{}\"/>", KEY.0);
        text += &format!("<text class=\"key\" x=\"{}\" y=\"{}\">{words}</text>\n", x + KEY.0 + 8, y + 4);
        x += KEY.0 + 8 + words.chars().count() * CHARACTER.1 + 28;
    }
    (text, x)
}

/// All that the drawing shows, for those who cannot see it.
fn in_words(diagram: &Diagram) -> String {
    let name = |index: usize| &diagram.boxes[index].name;
    let arrows: Vec<String> =
        diagram.arrows.iter().map(|arrow| format!("{} {} {}", name(arrow.from), arrow.label, name(arrow.to))).collect();
    format!("The stack {}: {}", diagram.title, arrows.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    type End = (NodeKind, &'static str);

    fn drawn(arrows: &[(End, End)]) -> Diagram {
        let mut diagram = Diagram { title: "s".into(), frames: Vec::new(), boxes: Vec::new(), arrows: Vec::new() };
        for (from, to) in arrows {
            diagram.arrow(*from, *to, "calls");
        }
        diagram
    }

    #[test]
    fn boxes_and_lanes_of_a_column_do_not_touch() {
        use NodeKind::{Caller, Function, Route, Topic};
        // `Deferred` is called from the left and by a topic on the far right, so an arrow passes two columns.
        let diagram = drawn(&[
            ((Caller, "users"), (Route, "GET /a")),
            ((Route, "GET /a"), (Function, "First")),
            ((Caller, "users"), (Route, "GET /b")),
            ((Route, "GET /b"), (Function, "Late")),
            ((Function, "First"), (Topic, "t")),
            ((Topic, "t"), (Function, "Late")),
        ]);
        let layout = Layout::new(&diagram);
        assert_eq!(layout.columns.len(), 5);
        assert_eq!(layout.columns.iter().flatten().filter(|item| matches!(item, Item::Lane(_))).count(), 2);
        let (places, _) = places(&diagram, &layout);
        for column in places {
            for pair in column.windows(2) {
                assert!(pair[0].y + pair[0].h <= pair[1].y);
            }
        }
    }

    #[test]
    fn the_frames_of_a_column_do_not_touch() {
        use NodeKind::{Caller, Function, Route};
        // Arrows that would mix the two APIs' routes, and one that passes their column.
        let mut diagram = drawn(&[
            ((Caller, "u"), (Route, "A GET /1")),
            ((Caller, "v"), (Route, "B GET /1")),
            ((Caller, "u"), (Route, "B GET /2")),
            ((Caller, "v"), (Route, "A GET /2")),
            ((Route, "A GET /1"), (Function, "F")),
            ((Caller, "u"), (Function, "F")),
        ]);
        for api in ["A", "B"] {
            let routes = (0..diagram.boxes.len()).filter(|index| diagram.boxes[*index].name.starts_with(api));
            let routes = routes.collect();
            diagram.frames.push(Frame { text: format!("API {api}, 50 requests/s"), routes });
        }
        let layout = Layout::new(&diagram);
        let (places, _) = places(&diagram, &layout);
        let frames: Vec<Option<usize>> = layout.columns[1].iter().map(|item| diagram.frame_of(*item)).collect();
        let mut apart = frames.clone();
        apart.dedup();
        assert_eq!((frames.len(), apart.len()), (5, 3), "{frames:?}");
        for (row, pair) in places[1].windows(2).enumerate() {
            let gap = pair[1].y - pair[0].y - pair[0].h;
            let (last, next) = (frames[row], frames[row + 1]);
            let needed = if last == next {
                0
            } else {
                last.map_or(0, |_| FRAME.0) + next.map_or(0, |_| above(&diagram.frames[0]))
            };
            assert!(gap >= needed, "{gap} for {needed} after row {row} of {frames:?}");
        }
        assert!(places[1][0].y >= MARGIN + frames[0].map_or(0, |_| above(&diagram.frames[0])));
        assert_eq!(svg(&diagram).matches("class=\"frame\"").count(), 2);
    }

    #[test]
    fn a_function_that_calls_itself_through_a_topic_is_drawn() {
        use NodeKind::{Function, Topic};
        let circle = drawn(&[((Function, "F"), (Topic, "t")), ((Topic, "t"), (Function, "F"))]);
        assert_eq!(svg(&circle).matches("l8 5-8 5").count(), 2, "two arrows");
    }
}
