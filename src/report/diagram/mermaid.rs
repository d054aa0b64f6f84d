//! The drawing as Mermaid's flowchart language, which GitHub and GitLab render in a Markdown file.

use super::{Diagram, NodeKind};

/// The drawing as a Mermaid flowchart, from left to right.
pub fn mermaid(diagram: &Diagram) -> String {
    let mut text = String::from("flowchart LR\n");
    let line = |index: usize, indent: &str| {
        let node = &diagram.boxes[index];
        let (open, close) = match node.kind {
            NodeKind::Caller => ("([", "])"),
            NodeKind::Route => ("[", "]"),
            NodeKind::Function => ("[[", "]]"),
            NodeKind::Secret => ("[(", ")]"),
            NodeKind::Topic => (">", "]"),
        };
        format!("{indent}n{index}{open}\"{}\"{close}\n", escaped(&node.name))
    };
    let of = |route: bool| {
        let kinds = diagram.boxes.iter().enumerate();
        kinds.filter(move |(_, node)| (node.kind == NodeKind::Route) == route).map(|(index, _)| index)
    };
    of(false).for_each(|index| text += &line(index, "  "));
    if let Some(frame) = &diagram.frame {
        text += &format!("  subgraph stage[\"{}\"]\n", escaped(frame));
        of(true).for_each(|index| text += &line(index, "    "));
        text += "  end\n";
    }
    for arrow in &diagram.arrows {
        text += &format!("  n{} -- {} --> n{}\n", arrow.from, arrow.label, arrow.to);
    }
    text.trim_end().to_owned()
}

/// Text between quotation marks, where Mermaid takes `#` and `;` for entities.
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
    fn no_name_ends_its_label() {
        assert_eq!(escaped(r##"GET /{a+} "#1" <b>"##), "GET /{a+} #quot;#35;1#quot; #lt;b#gt;");
    }
}
