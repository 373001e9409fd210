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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_travels_as_a_literal() {
        let value = SequenceValue { name: QualifiedName::new("s", "it's"), last_value: -5, is_called: false };
        assert_eq!(value.render_set(), "SELECT pg_catalog.setval('s.\"it''s\"', -5, false);\n");
    }
}
