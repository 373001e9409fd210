//! How an object is made on a live database, where several small steps keep fewer others waiting than one statement.

/// How a statement locks a table: the server's own modes, as far as our statements take them.
///
/// Source: PostgreSQL manual, "Explicit Locking".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockMode {
    /// `VALIDATE CONSTRAINT` on the table that a foreign key refers to.
    RowShare,
    /// `VALIDATE CONSTRAINT` on the constraint's own table.
    ShareUpdateExclusive,
    /// `CREATE INDEX`.
    Share,
    /// `ADD FOREIGN KEY`, on both tables.
    ShareRowExclusive,
    /// Most other forms of `ALTER TABLE`, and `TRUNCATE`.
    AccessExclusive,
}

impl LockMode {
    /// All of them, the weakest first.
    pub const ALL: [Self; 5] =
        [Self::RowShare, Self::ShareUpdateExclusive, Self::Share, Self::ShareRowExclusive, Self::AccessExclusive];

    /// Whether two sessions cannot hold the two modes on one table at the same time.
    pub const fn conflicts_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::AccessExclusive, _) | (_, Self::AccessExclusive) => true,
            (Self::RowShare, _) | (_, Self::RowShare) | (Self::Share, Self::Share) => false,
            _ => true,
        }
    }
}

/// What a step costs, measured by the size of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepWork {
    /// Next to nothing: rows are neither read nor written.
    Catalog,
    /// An index over all rows.
    Index,
    /// A check of all rows.
    Check,
}

/// One of the steps that make an object on a live database: a transaction of its own, which can be taken back as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Statements that each end with `;` and a line break.
    pub sql: String,
    /// What takes it back while no later step was made; empty if what an earlier one made is all there is.
    pub undo: String,
    /// What it costs.
    pub work: StepWork,
    /// The tables that it locks, as `pg_class.oid`, and how.
    pub locks: Vec<(u32, LockMode)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_conflict_as_the_manual_says() {
        // Table "Conflicting Lock Modes", in the order of `ALL`.
        let expected = ["....X", ".XXXX", ".X.XX", ".XXXX", "XXXXX"];
        let found = LockMode::ALL.map(|a| LockMode::ALL.map(|b| if a.conflicts_with(b) { 'X' } else { '.' }));
        assert_eq!(found.map(|row| row.iter().collect::<String>()), expected);
    }
}
