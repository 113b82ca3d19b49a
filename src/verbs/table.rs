//! Columns of text.

use std::iter;

use unicode_width::UnicodeWidthStr;

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// Rows of cells below their titles, each column as wide as its widest cell, two spaces between them.
pub(super) fn table(titles: &[(&str, Set)], rows: &[Vec<String>]) -> String {
    let first: Vec<_> = titles.iter().map(|(title, _)| (*title).to_owned()).collect();
    let widths: Vec<_> =
        (0..titles.len()).map(|at| iter::once(&first).chain(rows).map(|row| row[at].width()).max().unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(titles).map(|((cell, width), (_, set))| {
            let gap = " ".repeat(width - cell.width());
            if *set == Set::Left { format!("  {cell}{gap}") } else { format!("  {gap}{cell}") }
        });
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    iter::once(&first).chain(rows).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_to_the_left_figures_to_the_right() {
        let rows = [["a", "7", ""], ["\u{6f22}\u{5b57}", "1200", "so"]].map(|row| row.map(String::from).to_vec());
        let text = table(&[("NAME", Set::Left), ("R/S", Set::Right), ("WHY", Set::Left)], &rows);
        assert_eq!(text, "  NAME   R/S  WHY\n  a        7\n  \u{6f22}\u{5b57}  1200  so\n");
    }
}
