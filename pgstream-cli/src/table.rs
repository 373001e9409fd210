//! Tables of text, for people.

/// On which side the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells under a head.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    head: [String; N],
    align: [Align; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table without rows.
    pub(crate) fn new(head: [&str; N], align: [Align; N]) -> Self {
        Self { head: head.map(str::to_owned), align, rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// The head and the rows, in columns.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.first_lines(self.rows.len())
    }

    /// A blank line and the first rows; of the others only how many `more` there are. Nothing if there are no rows.
    pub(crate) fn section(&self, most: usize, more: &str) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![String::new()];
        lines.extend(self.first_lines(most));
        match self.rows.len().saturating_sub(most) {
            0 => {}
            left => lines.push(format!("… and {} more {more}", crate::words::count(left as u64))),
        }
        lines
    }

    fn first_lines(&self, most: usize) -> Vec<String> {
        let all = || [&self.head].into_iter().chain(self.rows.iter().take(most));
        let widths: [usize; N] = std::array::from_fn(|column| all().map(|row| row[column].chars().count()).max().unwrap_or(0));
        let line = |row: &[String; N]| {
            let cells = row.iter().zip(self.align).zip(widths).map(|((cell, align), width)| match align {
                Align::Left => format!("{cell:width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        all().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<2> {
        let mut table = Table::new(["NAME", "ROWS"], [Align::Left, Align::Right]);
        [("production", "1"), ("é", "12 345")].into_iter().for_each(|(a, b)| table.row([a.into(), b.into()]));
        table
    }

    #[test]
    fn words_stand_left_and_numbers_right() {
        assert_eq!(table().lines(), ["NAME          ROWS", "production       1", "é           12 345"]);
    }

    #[test]
    fn what_is_too_long_is_cut_and_counted_and_what_is_empty_left_out() {
        assert_eq!(table().section(1, "names"), ["", "NAME        ROWS", "production     1", "… and 1 more names"]);
        assert!(Table::new(["A"], [Align::Left]).section(1, "").is_empty());
    }
}
