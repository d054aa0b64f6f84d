//! Where each box goes: in columns by how many arrows lead to it, each column in an order that keeps arrows short. An
//! arrow over several columns takes a lane of its own in those between, so that it runs behind no box.

use super::Diagram;

/// What stands at a place in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// A box, by its position in the drawing.
    Box(usize),
    /// The lane of an arrow that passes, by its position in the drawing.
    Lane(usize),
}

/// The columns from left to right, each from top to bottom. The routes of one frame stand together.
pub(super) struct Layout {
    pub columns: Vec<Vec<Item>>,
    /// For each box, its column.
    depths: Vec<usize>,
}

/// How often each column's order is improved by its neighbours'. More changes nothing for stacks of any likely size.
const SWEEPS: usize = 6;

impl Layout {
    pub(super) fn new(diagram: &Diagram) -> Self {
        let depths = depths(diagram);
        let mut columns = vec![Vec::new(); depths.iter().max().map_or(0, |deepest| deepest + 1)];
        for (index, depth) in depths.iter().enumerate() {
            columns[*depth].push(Item::Box(index));
        }
        for (index, arrow) in diagram.arrows.iter().enumerate() {
            for column in &mut columns[depths[arrow.from] + 1..depths[arrow.to].max(depths[arrow.from] + 1)] {
                column.push(Item::Lane(index));
            }
        }
        let mut layout = Self { columns, depths };
        for _ in 0..SWEEPS {
            for column in 1..layout.columns.len() {
                layout.order(diagram, column, column - 1);
            }
            for column in (1..layout.columns.len()).rev() {
                layout.order(diagram, column - 1, column);
            }
        }
        layout
    }

    /// The items that an arrow goes through, from its box to its box.
    pub(super) fn way(&self, diagram: &Diagram, arrow: usize) -> Vec<(usize, Item)> {
        let (from, to) = (diagram.arrows[arrow].from, diagram.arrows[arrow].to);
        let depths = &self.depths;
        let mut way = vec![(depths[from], Item::Box(from))];
        way.extend((depths[from] + 1..depths[to]).map(|column| (column, Item::Lane(arrow))));
        way.push((depths[to], Item::Box(to)));
        way
    }

    /// Sorts a column by the mean position of each item's neighbours in another one.
    fn order(&mut self, diagram: &Diagram, column: usize, other: usize) {
        let mut sums = vec![(0_usize, 0_usize); self.columns[column].len()];
        for arrow in 0..diagram.arrows.len() {
            let way = self.way(diagram, arrow);
            let at = |wanted: usize| way.iter().find(|(column, _)| *column == wanted).map(|(_, item)| *item);
            if let (Some(here), Some(there)) = (at(column), at(other))
                && let Some(position) = self.columns[column].iter().position(|item| *item == here)
                && let Some(neighbour) = self.columns[other].iter().position(|item| *item == there)
            {
                sums[position].0 += 2 * neighbour + 1;
                sums[position].1 += 1;
            }
        }
        // In 2,520ths, so that means of up to ten neighbours compare exactly. What has no neighbours stays where it is.
        let rank = |position: usize| match sums[position] {
            (_, 0) => (2 * position + 1) * 2520,
            (sum, count) => sum * 2520 / count,
        };
        let items = &self.columns[column];
        // A frame stands where the mean of its boxes does. Of two in one place, the first is above.
        let frames: Vec<Option<usize>> = items.iter().map(|item| diagram.frame_of(*item)).collect();
        let place = |position: usize| match frames[position] {
            None => (rank(position), None),
            frame => {
                let all = (0..items.len()).filter(|other| frames[*other] == frame);
                (all.clone().map(rank).sum::<usize>() / all.count().max(1), frame)
            }
        };
        let mut ranked: Vec<_> =
            items.iter().enumerate().map(|(position, item)| (place(position), rank(position), *item)).collect();
        ranked.sort_by_key(|(place, rank, _)| (*place, *rank));
        self.columns[column] = ranked.into_iter().map(|(.., item)| item).collect();
    }
}

impl Diagram {
    /// The frame that an item stands in.
    pub(super) fn frame_of(&self, item: Item) -> Option<usize> {
        let Item::Box(index) = item else { return None };
        self.frames.iter().position(|frame| frame.routes.contains(&index))
    }
}

/// For each box, the longest way to it. A box that closes a circle, as a function that publishes to its own trigger,
/// stands no further right than there are boxes.
fn depths(diagram: &Diagram) -> Vec<usize> {
    let mut depths = vec![0; diagram.boxes.len()];
    for _ in 0..diagram.boxes.len() {
        let mut moved = false;
        for arrow in &diagram.arrows {
            let depth = depths[arrow.from] + 1;
            if depths[arrow.to] < depth && depth < diagram.boxes.len() && !returns(diagram, arrow.to, arrow.from) {
                depths[arrow.to] = depth;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    depths
}

/// Whether arrows lead from one box to another.
fn returns(diagram: &Diagram, from: usize, to: usize) -> bool {
    let mut seen = vec![from];
    let mut next = 0;
    while let Some(&at) = seen.get(next) {
        if at == to {
            return true;
        }
        let more = diagram.arrows.iter().filter(|arrow| arrow.from == at).map(|arrow| arrow.to);
        for other in more {
            if !seen.contains(&other) {
                seen.push(other);
            }
        }
        next += 1;
    }
    false
}
