//! The diagram in Mermaid's flowchart language, which GitHub and GitLab render in Markdown files.

use super::{Diagram, NodeKind};

/// The diagram as a Mermaid flowchart, from left to right.
pub fn mermaid(diagram: &Diagram) -> String {
    let mut text = String::from("flowchart LR\n");
    let line = |index: usize, indent: &str| {
        let node = &diagram.boxes[index];
        let (open, close) = match node.kind {
            NodeKind::Caller => ("([", "])"),
            NodeKind::Route => ("[", "]"),
            NodeKind::Function => ("[[", "]]"),
            NodeKind::Server => ("{{", "}}"),
            NodeKind::Secret => ("[(", ")]"),
            NodeKind::Topic => (">", "]"),
            NodeKind::Queue => ("[/", "/]"),
            NodeKind::Table => ("[/", "\\]"),
        };
        format!("{indent}n{index}{open}\"{}\"{close}\n", escaped(&node.name))
    };
    let grouped = |index: usize| diagram.groups.iter().any(|group| group.routes.contains(&index));
    (0..diagram.boxes.len()).filter(|index| !grouped(*index)).for_each(|index| text += &line(index, "  "));
    for (number, group) in (1..).zip(&diagram.groups) {
        let number = if number == 1 { String::new() } else { number.to_string() };
        text += &format!("  subgraph stage{number}[\"{}\"]\n", escaped(&group.text));
        group.routes.iter().for_each(|index| text += &line(*index, "    "));
        text += "  end\n";
    }
    for arrow in &diagram.arrows {
        text += &format!("  n{} -- {} --> n{}\n", arrow.from, arrow.label, arrow.to);
    }
    text.trim_end().to_owned()
}

/// Text between quotation marks. There, Mermaid reads `#` and `;` as the ends of an entity.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut text, c| {
        match c {
            '"' => text += "#quot;",
            '#' => text += "#35;",
            '<' => text += "#lt;",
            '>' => text += "#gt;",
            c => text.push(c),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_label() {
        assert_eq!(escaped(r##"GET /{a+} "#1" <b>"##), "GET /{a+} #quot;#35;1#quot; #lt;b#gt;");
    }
}
