//! The values of sequences.

use crate::connection::CopySession;
use crate::data::{SequenceValue, ValueReader, read_directions, read_sequence_values};
use crate::ddl::Ddl;
use crate::error::ImportError;

use super::super::ledger::Ledger;
use super::super::plan::LoadPlan;
use super::{Apply, PIPELINE};

impl Apply<'_> {
    pub(super) async fn read_sequences(&self, plan: &LoadPlan) -> Result<Vec<SequenceValue>, ImportError> {
        if plan.sequences.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = ValueReader::new(self.snapshot, self.run);
        let values = reader.sequences(&plan.sequences).await;
        reader.stop().await;
        Ok(values?)
    }

    /// Writes down where the sequences of the target stand before they are set, and gives what they are to be set to: where rows
    /// are added to others, whichever value is further.
    pub(super) async fn record_sequences(
        &self,
        control: &mut CopySession,
        plan: &LoadPlan,
        values: Vec<SequenceValue>,
    ) -> Result<Vec<SequenceValue>, ImportError> {
        let former = read_sequence_values(control, &plan.sequences).await?;
        let mut sql = Ddl::new();
        for (value, entry) in former.iter().zip(&plan.sequence_entries) {
            Ledger::record(&mut sql, entry.0, &format!("the value of {}", value.name), &value.render_set(), None);
        }
        control.execute(sql.as_str()).await?;
        if !self.options.appends {
            return Ok(values);
        }
        let directions = read_directions(control, &plan.sequences).await?;
        let both = values.into_iter().zip(former).zip(directions);
        Ok(both.map(|((value, former), is_descending)| value.or_further(former, is_descending)).collect())
    }

    pub(super) async fn set_sequences(
        &self,
        control: &mut CopySession,
        plan: &LoadPlan,
        values: &[SequenceValue],
    ) -> Result<(), ImportError> {
        if values.is_empty() {
            return Ok(());
        }
        for some in values.chunks(PIPELINE) {
            for value in some {
                control.send(&value.render_set())?;
            }
            for value in some {
                let what = || format!("SEQUENCE SET {}", value.name);
                self.receive(control).await.map_err(|e| e.into_apply(what()))?;
            }
        }
        let found = read_sequence_values(control, &plan.sequences).await?;
        match values.iter().zip(&found).find(|(wanted, found)| *wanted != *found) {
            None => Ok(()),
            Some((wanted, found)) => Err(ImportError::Mismatch {
                relation: wanted.name.to_string(),
                expected: format!("{} ({})", wanted.last_value, wanted.is_called),
                found: format!("{} ({})", found.last_value, found.is_called),
            }),
        }
    }
}
