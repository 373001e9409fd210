//! The content of a query's result, for what COPY cannot read as a table.

use std::time::Duration;

use crate::catalog::Snapshot;
use crate::connection::CopySession;
use crate::error::{ConnectionError, DataError, Retry};
use crate::name::QualifiedName;
use crate::progress::Run;

use super::{ContentHash, RowHasher};

/// How often a query is run again after a broken connection. Its rows may come in another order then, so it is begun anew.
const MAX_ATTEMPTS: u32 = 4;

/// The pause before another attempt.
const PAUSE: Duration = Duration::from_millis(300);

/// Runs `COPY (…) TO STDOUT` in a snapshot and hashes what comes. `relation` names it in errors.
///
/// # Errors
/// [`DataError::CopyOut`], [`DataError::Snapshot`], [`DataError::Cancelled`]; the backend is ended then.
pub(crate) async fn hash_copy(
    snapshot: &Snapshot,
    run: &Run,
    relation: &QualifiedName,
    copy: &str,
) -> Result<ContentHash, DataError> {
    // An error ends the transaction of the only connection.
    let max_attempts = if snapshot.one_connection().is_some() { 1 } else { MAX_ATTEMPTS };
    for attempt in 1.. {
        let reader = snapshot.reader().await;
        let mut reader = reader.map_err(|source| DataError::Snapshot { relation: relation.clone(), source })?;
        let hashed = tokio::select! {
            biased;
            () = run.cancellation().cancelled() => None,
            hashed = hash(reader.session(), copy) => Some(hashed),
        };
        match hashed.is_some() {
            true => reader.give_back().await,
            false => reader.stop().await,
        }
        match hashed {
            None => return Err(DataError::Cancelled),
            Some(Ok(content)) => return Ok(content),
            Some(Err(e)) if e.retry() == Retry::Now && attempt < max_attempts => tokio::time::sleep(PAUSE).await,
            Some(Err(source)) => return Err(DataError::CopyOut { relation: relation.clone(), bytes: 0, source }),
        }
    }
    unreachable!("the loop above returns")
}

async fn hash(session: &mut CopySession, copy: &str) -> Result<ContentHash, ConnectionError> {
    let mut rows = RowHasher::new();
    let mut out = session.copy_out(copy).await?;
    while let Some(frames) = out.next().await? {
        for piece in frames.pieces() {
            rows.piece(piece.bytes, piece.ends_row);
        }
    }
    Ok(rows.content())
}
