//! The diagram as a self-contained SVG: no fonts, no scripts, and light or dark colours according to the reader's
//! settings.

use super::super::markup::Visible;
use super::layout::{Item, Layout};
use super::{Diagram, NodeKind, RouteGroup};

/// The height of a box and of the space below it.
const BOX: (usize, usize) = (40, 16);
/// The height of an arrow's lane between boxes.
const LANE: usize = 16;
/// The space between columns.
const BETWEEN: usize = 84;
/// The space around everything.
const MARGIN: usize = 24;
/// The space between a frame and its routes, and the height of a line of its title.
const FRAME: (usize, usize) = (14, 18);
/// The length of a line in the key and the key's height.
const KEY: (usize, usize) = (36, 30);
/// The greatest width of a character at font sizes of 14 and 13 pixels.
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
struct Rect {
    x: usize,
    y: usize,
    w: usize,
    h: usize,
}

/// The diagram as an SVG document.
pub fn svg(diagram: &Diagram) -> String {
    let layout = Layout::new(diagram);
    let (rects, columns) = rects(diagram, &layout);
    let at = |column: usize, item: Item| {
        let row = layout.columns[column].iter().position(|other| *other == item).unwrap_or_default();
        rects[column][row]
    };
    let width = columns.last().map_or(0, |(x, w)| x + w) + MARGIN;
    let lowest = rects.iter().flatten().map(|rect| rect.y + rect.h).max().unwrap_or(MARGIN);
    let (key, right) = key(diagram, lowest + FRAME.0 + KEY.1);
    let (width, height) = (width.max(right + MARGIN), lowest + FRAME.0 + KEY.1 + MARGIN);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title\">\n<title id=\"title\">{}</title>\n\
         <style>{STYLE}</style>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
        Visible(&in_words(diagram)).escaped()
    );
    svg += &frames(diagram, &layout, &rects);
    for (index, arrow) in diagram.arrows.iter().enumerate() {
        let path: Vec<Rect> = layout.path(diagram, index).into_iter().map(|(column, item)| at(column, item)).collect();
        svg += &format!("<path{} d=\"{}\"/>{}\n", class(&arrow.label), line(&path), head_at(path.last()));
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
fn lines(group: &RouteGroup) -> Vec<&str> {
    group.text.split(", ").collect()
}

/// The height of a frame above its first box: the space inside it and its title.
fn above(group: &RouteGroup) -> usize {
    FRAME.0 + FRAME.1 * lines(group).len()
}

/// The rectangle of every item of every column, and the left edge and width of every column.
fn rects(diagram: &Diagram, layout: &Layout) -> (Vec<Vec<Rect>>, Vec<(usize, usize)>) {
    let columns = layout.columns.iter().map(|items| heights(diagram, items));
    let columns: Vec<(Vec<Rect>, usize)> = columns.collect();
    let tallest = columns.iter().map(|(_, height)| *height).max().unwrap_or_default();
    // A frame at the top of a column needs space above it.
    let first = |items: &Vec<Item>| items.first().and_then(|item| diagram.group_of(*item));
    let heads = layout.columns.iter().zip(&columns).map(|(items, (_, height))| {
        first(items).map_or(0, |group| above(&diagram.groups[group])).saturating_sub((tallest - height) / 2)
    });
    let head = MARGIN + heads.max().unwrap_or_default();
    let (mut rects, mut edges) = (Vec::new(), Vec::new());
    let mut x = MARGIN;
    for (items, (column, height)) in layout.columns.iter().zip(columns) {
        let name = |item: &Item| match item {
            Item::Box(index) => diagram.boxes[*index].name.chars().count() * CHARACTER.0 + 32,
            Item::Lane(_) => 0,
        };
        let groups = items.iter().filter_map(|item| diagram.group_of(*item));
        let titles = groups.flat_map(|group| lines(&diagram.groups[group]));
        let titles = titles.map(|line| line.chars().count() * CHARACTER.1);
        let w = items.iter().map(name).chain(titles).max().unwrap_or_default();
        let top = head + (tallest - height) / 2;
        rects.push(column.into_iter().map(|rect| Rect { x, y: top + rect.y, w, ..rect }).collect());
        edges.push((x, w));
        x += w + BETWEEN;
    }
    (rects, edges)
}

/// The rectangles of a column, one below the other, and their total height. The height excludes the parts of frames
/// above the first item and below the last.
fn heights(diagram: &Diagram, items: &[Item]) -> (Vec<Rect>, usize) {
    let (mut column, mut y) = (Vec::new(), 0);
    let mut last = None;
    for (row, item) in items.iter().enumerate() {
        let group = diagram.group_of(*item);
        if row > 0 && group != last {
            y += if last.is_some() { FRAME.0 } else { 0 };
            y += group.map_or(0, |group| above(&diagram.groups[group]));
        }
        last = group;
        let (h, step) = if matches!(item, Item::Box(_)) { (BOX.0, BOX.0 + BOX.1) } else { (LANE, LANE) };
        column.push(Rect { x: 0, y, w: 0, h });
        y += step;
    }
    (column, y)
}

/// The frames around the routes, with their titles. An API has one frame in each column that contains some of its
/// routes.
fn frames(diagram: &Diagram, layout: &Layout, rects: &[Vec<Rect>]) -> String {
    let mut text = String::new();
    for (number, group) in diagram.groups.iter().enumerate() {
        for (items, rects) in layout.columns.iter().zip(rects) {
            let inside = items.iter().zip(rects).filter(|(item, _)| diagram.group_of(**item) == Some(number));
            let inside: Vec<&Rect> = inside.map(|(_, rect)| rect).collect();
            let (Some(first), Some(last)) = (inside.first(), inside.last()) else { continue };
            let (x, w, top, bottom) = (first.x, first.w, first.y - FRAME.0, last.y + last.h + FRAME.0);
            text += &format!(
                "<rect class=\"frame\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"12\"/>\n",
                x - FRAME.0,
                w + 2 * FRAME.0,
                bottom - top
            );
            for (line, words) in lines(group).iter().rev().enumerate() {
                let y = top - 7 - line * FRAME.1;
                text += &format!(
                    "<text class=\"title\" x=\"{}\" y=\"{y}\">{}</text>\n",
                    x + w / 2,
                    Visible(words).escaped()
                );
            }
        }
    }
    text
}

fn node(diagram: &Diagram, index: usize, Rect { x, y, w, h }: Rect) -> String {
    let node = &diagram.boxes[index];
    let (class, round) = match node.kind {
        NodeKind::Caller => ("caller", 20),
        NodeKind::Route => ("route", 4),
        NodeKind::Function => ("function", 8),
        NodeKind::Server => ("caller", 8),
        NodeKind::Secret | NodeKind::Table => ("secret", 8),
        NodeKind::Topic | NodeKind::Queue => ("topic", 8),
    };
    format!(
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"{round}\"/>\
         <text x=\"{}\" y=\"{}\">{}</text>\n",
        x + w / 2,
        y + h / 2 + 5,
        Visible(&node.name).escaped()
    )
}

/// The line of an arrow, from the right edge of its first box through its lanes to the left edge of its last box.
fn line(path: &[Rect]) -> String {
    let middle = |rect: &Rect| rect.y + rect.h / 2;
    let mut line = String::new();
    for (step, pair) in path.windows(2).enumerate() {
        let (from, to) = (&pair[0], &pair[1]);
        let (x1, y1, x2, y2) = (from.x + from.w, middle(from), to.x, middle(to));
        let bend = BETWEEN / 2;
        line += &if step == 0 { format!("M{x1} {y1}") } else { format!("H{x1}") };
        line += &format!("C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2.saturating_sub(bend));
    }
    line
}

/// The head of an arrow, at the left edge of the box it points to.
fn head_at(rect: Option<&Rect>) -> String {
    rect.map(|to| format!("<path d=\"M{} {}l8 5-8 5\"/>", to.x - 8, to.y + to.h / 2 - 5)).unwrap_or_default()
}

/// The look of an arrow with this label.
fn class(label: &str) -> &'static str {
    match label {
        "reads" => " class=\"reads\"",
        "publishes" | "writes" => " class=\"publishes\"",
        "no token" => " class=\"open\"",
        _ => "",
    }
}

/// The key, which explains the looks of arrows in one line at the height `y`, and the `x` at which it ends.
fn key(diagram: &Diagram, y: usize) -> (String, usize) {
    let mut labels: Vec<&str> = Vec::new();
    for arrow in &diagram.arrows {
        if !labels.contains(&arrow.label.as_ref()) {
            labels.push(&arrow.label);
        }
    }
    // Labels with the same look share an entry.
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

/// The diagram as text, for people who cannot see it.
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

    fn diagram_of(arrows: &[(End, End)]) -> Diagram {
        let mut diagram = Diagram { title: "s".into(), groups: Vec::new(), boxes: Vec::new(), arrows: Vec::new() };
        for (from, to) in arrows {
            diagram.arrow(*from, *to, "calls");
        }
        diagram
    }

    #[test]
    fn boxes_and_lanes_in_a_column_do_not_overlap() {
        use NodeKind::{Caller, Function, Route, Topic};
        // `Late` is called by a route and by a topic further right, so an arrow crosses two columns.
        let diagram = diagram_of(&[
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
        let (rects, _) = rects(&diagram, &layout);
        for column in rects {
            for pair in column.windows(2) {
                assert!(pair[0].y + pair[0].h <= pair[1].y);
            }
        }
    }

    #[test]
    fn the_frames_in_a_column_do_not_overlap() {
        use NodeKind::{Caller, Function, Route};
        // Arrows that would mix the routes of the two APIs, and an arrow that crosses their column.
        let mut diagram = diagram_of(&[
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
            diagram.groups.push(RouteGroup { text: format!("API {api}, 50 requests/s"), routes });
        }
        let layout = Layout::new(&diagram);
        let (rects, _) = rects(&diagram, &layout);
        let groups: Vec<Option<usize>> = layout.columns[1].iter().map(|item| diagram.group_of(*item)).collect();
        let mut runs = groups.clone();
        runs.dedup();
        assert_eq!((groups.len(), runs.len()), (5, 3), "{groups:?}");
        for (row, pair) in rects[1].windows(2).enumerate() {
            let gap = pair[1].y - pair[0].y - pair[0].h;
            let (last, next) = (groups[row], groups[row + 1]);
            let needed = if last == next {
                0
            } else {
                last.map_or(0, |_| FRAME.0) + next.map_or(0, |_| above(&diagram.groups[0]))
            };
            assert!(gap >= needed, "{gap} for {needed} after row {row} of {groups:?}");
        }
        assert!(rects[1][0].y >= MARGIN + groups[0].map_or(0, |_| above(&diagram.groups[0])));
        assert_eq!(svg(&diagram).matches("class=\"frame\"").count(), 2);
    }

    #[test]
    fn a_cycle_of_a_function_and_a_topic_is_drawn() {
        use NodeKind::{Function, Topic};
        let cycle = diagram_of(&[((Function, "F"), (Topic, "t")), ((Topic, "t"), (Function, "F"))]);
        assert_eq!(svg(&cycle).matches("l8 5-8 5").count(), 2, "two arrows");
    }
}
