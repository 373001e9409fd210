//! Forwards a COPY from one session to another.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::connection::{CopyIn, CopyOut, Frames, Piece};
use crate::error::DataError;

/// How much has been moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes of COPY payload, line feeds included, frame headers not.
    pub bytes: u64,
    /// Messages that ended a row. In COPY binary the end mark counts as one.
    pub rows: u64,
}

/// Forwards all rows of `out` to `into`, frames unchanged: the next ones are read while the ones before are written, so at
/// most two runs of rows are in memory. The target is listened to while the source is waited for.
///
/// `per_piece` sees each piece before it is queued for the target; `progress` is called after each run of rows, with the total.
/// Neither end is finished: compare [`CopyOut::rows`] and [`Moved::rows`] with what [`CopyIn::finish`] gives.
///
/// # Errors
/// [`DataError::CopyOut`] if the source stopped, [`DataError::CopyIn`] if the target did, [`DataError::Cancelled`] if `cancel`
/// fired. Both ends are left as they are then: cancel and [`CopyOut::drain`] the one, [`CopyIn::abort`] the other.
///
/// # Cancellation
/// As on an error. Dropping the future may lose rows that were read and not yet queued: do not go on with the two ends.
pub async fn pump<A, B>(
    out: &mut CopyOut<'_, A>,
    into: &mut CopyIn<'_, B>,
    cancel: &CancellationToken,
    mut per_piece: impl FnMut(Piece<'_>),
    mut progress: impl FnMut(Moved),
) -> Result<Moved, DataError>
where
    A: AsyncRead + AsyncWrite + Unpin + Send,
    B: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut moved = Moved::default();
    while let Some(frames) = next_while_writing(out, into, cancel, moved).await? {
        for piece in frames.pieces() {
            moved.bytes += piece.bytes.len() as u64;
            moved.rows += u64::from(piece.ends_row);
            per_piece(piece);
        }
        // The run before must be out before this one is queued: that is what bounds the memory.
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(DataError::Cancelled),
            flushed = into.flush() => flushed.map_err(|source| DataError::CopyIn { bytes: moved.bytes, source })?,
        }
        into.queue_frames(frames);
        progress(moved);
    }
    Ok(moved)
}

/// Waits for the next run of rows, while the run before is being written.
async fn next_while_writing<A, B>(
    out: &mut CopyOut<'_, A>,
    into: &mut CopyIn<'_, B>,
    cancel: &CancellationToken,
    moved: Moved,
) -> Result<Option<Frames>, DataError>
where
    A: AsyncRead + AsyncWrite + Unpin + Send,
    B: AsyncRead + AsyncWrite + Unpin + Send,
{
    let bytes = moved.bytes;
    let write = async {
        match into.flush().await {
            Ok(()) => into.watch().await,
            Err(error) => error,
        }
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(DataError::Cancelled),
        source = write => Err(DataError::CopyIn { bytes, source }),
        next = out.next() => next.map_err(|source| DataError::CopyOut { bytes, source }),
    }
}
