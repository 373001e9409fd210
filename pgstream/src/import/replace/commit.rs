//! The end of the transaction, and how it is found out when its answer is lost.

use std::time::{Duration, Instant};

use crate::connection::CopySession;
use crate::error::{ConnectionError, DataError, ImportError, Retry};

use super::Replace;

/// How long we ask whether the transaction was committed.
const ASK_WITHIN: Duration = Duration::from_secs(30);

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(200);

impl Replace<'_> {
    /// Commits, and waits for the disk.
    pub(super) async fn commit(&self, session: &mut CopySession) -> Result<(), ImportError> {
        let transaction = transaction_of(session).await?;
        if self.run.is_cancelled() {
            return Err(DataError::Cancelled.into());
        }
        let former = session.backend_pid();
        let source = match session.simple("SET LOCAL synchronous_commit = on; COMMIT").await {
            // A transaction that had failed is rolled back by COMMIT, which is no error to the server.
            Ok(answer) if answer.last().is_some_and(|result| result.tag == "COMMIT") => return Ok(()),
            Ok(_) => ConnectionError::Protocol {
                server: session.describe().to_owned(),
                problem: "COMMIT was not answered by COMMIT".into(),
            },
            Err(source) => source,
        };
        if source.retry() != Retry::Now && !session.is_broken() {
            return Err(ImportError::Apply { what: "the last transaction".into(), source });
        }
        match self.ask_for(transaction, former).await {
            Some(true) => Ok(()),
            Some(false) => Err(ImportError::Apply { what: "the last transaction".into(), source }),
            None => Err(ImportError::Unconfirmed { transaction, source }),
        }
    }

    /// Whether a transaction was committed; `None` if the server cannot be asked, or cannot say.
    async fn ask_for(&self, transaction: u64, former: i32) -> Option<bool> {
        let started = Instant::now();
        while started.elapsed() < ASK_WITHIN {
            let asked = tokio::time::timeout(ASK_WITHIN, self.ask_once(transaction, former)).await;
            if let Ok(Ok(known @ Some(_))) = asked {
                return known;
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    async fn ask_once(&self, transaction: u64, former: i32) -> Result<Option<bool>, ImportError> {
        let mut session = self.target.session().await?;
        let known = self.target.outcome(&mut session, former, transaction).await?;
        session.close().await;
        Ok(known)
    }
}

async fn transaction_of(session: &mut CopySession) -> Result<u64, ImportError> {
    let answer = session.simple("SELECT pg_catalog.pg_current_xact_id()").await?;
    let number = answer.first().and_then(|result| result.text(0, 0)).and_then(|text| text.parse().ok());
    let problem = || "pg_current_xact_id() gave no number".to_owned();
    Ok(number.ok_or_else(|| ConnectionError::Protocol { server: session.describe().to_owned(), problem: problem() })?)
}
