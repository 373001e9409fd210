//! The values of sequences.
//!
//! They are not part of any snapshot: what is read is what is current. They are therefore read after the rows, so that a
//! sequence is never behind the values that were handed out for them.

use crate::catalog::SequenceData;
use crate::connection::CopySession;
use crate::ddl::Ddl;
use crate::error::ConnectionError;
use crate::name::QualifiedName;

/// How many sequences are asked in one message: a bound for the length of the text.
const PER_MESSAGE: usize = 500;

/// Where a sequence stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SequenceValue {
    /// The sequence.
    pub(crate) name: QualifiedName,
    /// `last_value`.
    pub(crate) last_value: i64,
    /// Whether `last_value` was handed out already.
    pub(crate) is_called: bool,
}

impl SequenceValue {
    /// Itself or the other one, whichever has handed out more.
    pub(crate) fn or_further(self, other: Self, is_descending: bool) -> Self {
        let reached =
            |value: &Self| (if is_descending { -i128::from(value.last_value) } else { value.last_value.into() }, value.is_called);
        if reached(&other) > reached(&self) { other } else { self }
    }

    /// `SELECT pg_catalog.setval(…);`
    pub(crate) fn render_set(&self) -> String {
        let mut name = Ddl::new();
        name.name(&self.name);
        let mut sql = Ddl::new();
        sql.sql("SELECT pg_catalog.setval(").literal(name.as_str()).sql(", ").number(self.last_value);
        sql.sql(if self.is_called { ", true)" } else { ", false)" }).end();
        sql.into_string()
    }
}

/// Reads the values of `sequences`, in their order.
///
/// # Errors
/// [`ConnectionError::Server`] when a sequence cannot be read, for want of the SELECT privilege for example.
pub(crate) async fn read_sequence_values(
    session: &mut CopySession,
    sequences: &[SequenceData],
) -> Result<Vec<SequenceValue>, ConnectionError> {
    let mut values = Vec::with_capacity(sequences.len());
    for some in sequences.chunks(PER_MESSAGE) {
        let mut sql = Ddl::new();
        for sequence in some {
            sql.sql("SELECT last_value, is_called FROM ").name(&sequence.name).sql("; ");
        }
        let results = session.simple(sql.as_str()).await?;
        for (sequence, result) in some.iter().zip(results) {
            let last_value = result.text(0, 0).and_then(|value| value.parse().ok());
            let is_called = result.text(0, 1).map(|value| value == "t");
            let (Some(last_value), Some(is_called)) = (last_value, is_called) else {
                let problem = format!("the sequence {} gave no value", sequence.name);
                return Err(ConnectionError::Protocol { server: session.describe().to_owned(), problem });
            };
            values.push(SequenceValue { name: sequence.name.clone(), last_value, is_called });
        }
    }
    Ok(values)
}

/// Which of `sequences` count downwards, in their order.
///
/// # Errors
/// Whatever the statements may give.
pub(crate) async fn read_directions(session: &mut CopySession, sequences: &[SequenceData]) -> Result<Vec<bool>, ConnectionError> {
    let mut directions = Vec::with_capacity(sequences.len());
    for some in sequences.chunks(PER_MESSAGE) {
        let mut sql = Ddl::new();
        for sequence in some {
            let mut name = Ddl::new();
            name.name(&sequence.name);
            sql.sql("SELECT seqincrement < 0 FROM pg_catalog.pg_sequence WHERE seqrelid = ").literal(name.as_str());
            sql.sql("::pg_catalog.regclass; ");
        }
        let results = session.simple(sql.as_str()).await?;
        directions.extend(results.iter().map(|result| result.text(0, 0) == Some("t")));
    }
    Ok(directions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_further_of_two_values_depends_on_the_direction() {
        let value = |last_value, is_called| SequenceValue { name: QualifiedName::new("s", "q"), last_value, is_called };
        for (a, b, is_descending, expected) in [
            (value(1, true), value(5, false), false, value(5, false)),
            (value(5, false), value(5, true), false, value(5, true)),
            (value(9, true), value(5, true), false, value(9, true)),
            (value(-9, true), value(-5, true), true, value(-9, true)),
            (value(-1, true), value(i64::MIN, true), true, value(i64::MIN, true)),
        ] {
            assert_eq!(a.clone().or_further(b.clone(), is_descending), expected, "{a:?} {b:?}");
            assert_eq!(b.or_further(a, is_descending), expected);
        }
    }

    #[test]
    fn the_name_travels_as_a_literal() {
        let value = SequenceValue { name: QualifiedName::new("s", "it's"), last_value: -5, is_called: false };
        assert_eq!(value.render_set(), "SELECT pg_catalog.setval('s.\"it''s\"', -5, false);\n");
    }
}
