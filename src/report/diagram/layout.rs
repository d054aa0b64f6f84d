//! The position of each box. A box's column is the length of the longest path of arrows to it. The order in a column
//! keeps arrows short. An arrow across several columns gets a lane of its own in each column between, so that it does
//! not run behind a box.

use super::Diagram;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// An index in [`Diagram::boxes`].
    Box(usize),
    /// The lane of an arrow that crosses the column: an index in [`Diagram::arrows`].
    Lane(usize),
}

/// The columns from left to right, each from top to bottom. The routes of one group are next to each other.
pub(super) struct Layout {
    pub columns: Vec<Vec<Item>>,
    /// The column of each box.
    depths: Vec<usize>,
}

/// How often the order of each column is improved from its neighbours. More passes do not change stacks of a likely
/// size.
const PASSES: usize = 6;

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
        for _ in 0..PASSES {
            for column in 1..layout.columns.len() {
                layout.order(diagram, column, column - 1);
            }
            for column in (1..layout.columns.len()).rev() {
                layout.order(diagram, column - 1, column);
            }
        }
        layout
    }

    /// The items that an arrow goes through, with their columns: its first box, its lanes and its last box.
    pub(super) fn path(&self, diagram: &Diagram, arrow: usize) -> Vec<(usize, Item)> {
        let (from, to) = (diagram.arrows[arrow].from, diagram.arrows[arrow].to);
        let depths = &self.depths;
        let mut path = vec![(depths[from], Item::Box(from))];
        path.extend((depths[from] + 1..depths[to]).map(|column| (column, Item::Lane(arrow))));
        path.push((depths[to], Item::Box(to)));
        path
    }

    /// Sorts a column by the mean position of each item's neighbours in another column.
    fn order(&mut self, diagram: &Diagram, column: usize, other: usize) {
        let mut sums = vec![(0_usize, 0_usize); self.columns[column].len()];
        for arrow in 0..diagram.arrows.len() {
            let path = self.path(diagram, arrow);
            let at = |wanted: usize| path.iter().find(|(column, _)| *column == wanted).map(|(_, item)| *item);
            if let (Some(here), Some(there)) = (at(column), at(other))
                && let Some(position) = self.columns[column].iter().position(|item| *item == here)
                && let Some(neighbour) = self.columns[other].iter().position(|item| *item == there)
            {
                sums[position].0 += 2 * neighbour + 1;
                sums[position].1 += 1;
            }
        }
        // In 2,520ths, so that means of up to ten neighbours compare exactly. An item without neighbours keeps its
        // position.
        let rank = |position: usize| match sums[position] {
            (_, 0) => (2 * position + 1) * 2520,
            (sum, count) => sum * 2520 / count,
        };
        let items = &self.columns[column];
        // The position of a group is the mean of its boxes. Of two groups with the same mean, the first is above.
        let groups: Vec<Option<usize>> = items.iter().map(|item| diagram.group_of(*item)).collect();
        let group_rank = |position: usize| match groups[position] {
            None => (rank(position), None),
            group => {
                let all = (0..items.len()).filter(|other| groups[*other] == group);
                (all.clone().map(rank).sum::<usize>() / all.count().max(1), group)
            }
        };
        let mut ranked: Vec<_> =
            items.iter().enumerate().map(|(position, item)| (group_rank(position), rank(position), *item)).collect();
        ranked.sort_by_key(|(group_rank, rank, _)| (*group_rank, *rank));
        self.columns[column] = ranked.into_iter().map(|(.., item)| item).collect();
    }
}

impl Diagram {
    /// The index of the group that an item belongs to.
    pub(super) fn group_of(&self, item: Item) -> Option<usize> {
        let Item::Box(index) = item else { return None };
        self.groups.iter().position(|group| group.routes.contains(&index))
    }
}

/// The length of the longest path to each box. In a cycle, such as a function that publishes to its own trigger, it is
/// less than the number of boxes.
fn depths(diagram: &Diagram) -> Vec<usize> {
    let mut depths = vec![0; diagram.boxes.len()];
    for _ in 0..diagram.boxes.len() {
        let mut moved = false;
        for arrow in &diagram.arrows {
            let depth = depths[arrow.from] + 1;
            if depths[arrow.to] < depth && depth < diagram.boxes.len() && !leads_to(diagram, arrow.to, arrow.from) {
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

/// Whether a path of arrows leads from one box to another.
fn leads_to(diagram: &Diagram, from: usize, to: usize) -> bool {
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
