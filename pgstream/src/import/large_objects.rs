//! Copies the bytes of large objects, in pieces that fit into memory whatever their size.

use crate::catalog::Snapshot;
use crate::connection::CopySession;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, DataError, ImportError, Retry};
use crate::name::QualifiedName;
use crate::progress::Run;

/// Bytes per piece. It travels as hexadecimal text, so a piece takes twice that in memory, at each end.
const PIECE: usize = 256 * 1024;

/// How often a piece is read again when the connection breaks under it.
const MAX_BREAKS: u32 = 5;

/// Copies the bytes of `oids` from the snapshot to `target`, where the objects exist and are empty. Writing a piece twice does no
/// harm: it has its place.
pub(crate) async fn copy(snapshot: &Snapshot, target: &mut CopySession, oids: &[u32], run: &Run) -> Result<(), ImportError> {
    let relation = || QualifiedName::new("pg_catalog", "pg_largeobject");
    let snapshot_error = |source| DataError::Snapshot { relation: relation(), source };
    let mut reader = Some(snapshot.reader().await.map_err(snapshot_error)?);
    let (mut total, mut broken) = (0, 0);
    for oid in oids {
        let mut offset = 0;
        loop {
            if run.is_cancelled() {
                return Err(DataError::Cancelled.into());
            }
            let session = reader.as_mut().expect("replaced when it breaks").session();
            let piece = match read_piece(session, *oid, offset).await {
                Err(e) if e.retry() == Retry::Now && broken < MAX_BREAKS => {
                    broken += 1;
                    run.log(format!("reading the large object {oid} on from byte {offset}: {e}"));
                    // First the old one goes: it may be the only one.
                    drop(reader.take());
                    reader = Some(snapshot.reader().await.map_err(snapshot_error)?);
                    continue;
                }
                piece => piece.map_err(|source| DataError::CopyOut { relation: relation(), bytes: total, source })?,
            };
            broken = 0;
            let bytes = piece.len().saturating_sub(2) / 2;
            if bytes > 0 {
                let written = write_piece(target, *oid, offset, &piece).await;
                written.map_err(|source| DataError::CopyIn { relation: relation(), bytes: total, source })?;
            }
            total += bytes as u64;
            offset += bytes as i64;
            if bytes < PIECE {
                break;
            }
        }
    }
    Ok(())
}

/// A piece as the text of a `bytea`: `\x` and hexadecimal digits.
async fn read_piece(session: &mut CopySession, oid: u32, offset: i64) -> Result<String, ConnectionError> {
    let mut sql = Ddl::new();
    sql.sql("SELECT pg_catalog.lo_get(").number(oid).sql("::pg_catalog.oid, ").number(offset).sql(", ");
    sql.number(PIECE as i128).sql(")");
    let answer = session.simple(sql.as_str()).await?;
    answer.first().and_then(|a| a.text(0, 0)).map(str::to_owned).ok_or_else(|| ConnectionError::Protocol {
        server: session.describe().to_owned(),
        problem: format!("the large object {oid} gave nothing"),
    })
}

async fn write_piece(session: &mut CopySession, oid: u32, offset: i64, piece: &str) -> Result<(), ConnectionError> {
    let mut sql = Ddl::new();
    sql.sql("SELECT pg_catalog.lo_put(").number(oid).sql("::pg_catalog.oid, ").number(offset).sql(", ").literal(piece).sql(")");
    session.execute(sql.as_str()).await
}
