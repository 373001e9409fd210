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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::connection::WireSession;
    use crate::data::RowHasher;

    const COPY_OUT: &[u8] = b"H\0\0\0\x07\0\0\0";
    const COPY_IN: &[u8] = b"G\0\0\0\x07\0\0\0";
    const ROWS: &[u8] = b"d\0\0\0\x06a\nd\0\0\0\x07bc\n";
    const END: &[u8] = b"c\0\0\0\x04C\0\0\0\x0bCOPY 2\0Z\0\0\0\x05I";
    const FATAL: &[u8] = b"E\0\0\0\x13VFATAL\0C57P01\0\0";

    /// A session to which a server has said this so far, and the server's end.
    async fn session(said: &[&[u8]]) -> (WireSession<DuplexStream>, DuplexStream) {
        let (ours, mut theirs) = duplex(1 << 16);
        theirs.write_all(&said.concat()).await.unwrap();
        (WireSession::new(ours, "server".to_owned(), HashMap::new()), theirs)
    }

    #[tokio::test]
    async fn all_rows_arrive_as_they_left() {
        let (mut source, _from) = session(&[COPY_OUT, ROWS, END]).await;
        let (mut target, mut to) = session(&[COPY_IN]).await;
        let mut out = source.copy_out("copy a to stdout").await.unwrap();
        let mut into = target.copy_in("copy b from stdin").await.unwrap();
        let (mut hasher, mut seen) = (RowHasher::new(), Vec::new());
        let cancel = CancellationToken::new();
        let per_piece = |piece: Piece<'_>| hasher.piece(piece.bytes, piece.ends_row);
        let moved = pump(&mut out, &mut into, &cancel, per_piece, |moved| seen.push(moved)).await.unwrap();
        assert_eq!((moved, seen), (Moved { bytes: 5, rows: 2 }, vec![moved]));
        assert_eq!((hasher.content().rows(), hasher.content().bytes()), (2, 3));
        let serve = async {
            let mut written = Vec::new();
            while !written.ends_with(&END[..5]) {
                to.read_buf(&mut written).await.unwrap();
            }
            to.write_all(&END[5..]).await.unwrap();
            written
        };
        let (finished, written) = tokio::join!(into.finish(), serve);
        assert_eq!(finished.unwrap(), 2);
        let expected = [b"Q\0\0\0\x16copy b from stdin\0", ROWS, b"c\0\0\0\x04"].concat();
        assert_eq!(written, expected);
    }

    #[tokio::test]
    async fn a_target_that_fails_ends_the_wait_for_a_silent_source() {
        let (mut source, _from) = session(&[COPY_OUT, ROWS]).await;
        let (mut target, _to) = session(&[COPY_IN, FATAL]).await;
        let mut out = source.copy_out("copy a to stdout").await.unwrap();
        let mut into = target.copy_in("copy b from stdin").await.unwrap();
        let error = pump(&mut out, &mut into, &CancellationToken::new(), |_| {}, |_| {}).await.unwrap_err();
        assert!(matches!(&error, DataError::CopyIn { source, .. } if source.sqlstate() == Some("57P01")), "{error:?}");
    }

    #[tokio::test]
    async fn a_source_that_fails_is_told_from_a_target_that_does() {
        let (mut source, _from) = session(&[COPY_OUT, ROWS, FATAL]).await;
        let (mut target, _to) = session(&[COPY_IN]).await;
        let mut out = source.copy_out("copy a to stdout").await.unwrap();
        let mut into = target.copy_in("copy b from stdin").await.unwrap();
        let error = pump(&mut out, &mut into, &CancellationToken::new(), |_| {}, |_| {}).await.unwrap_err();
        assert!(matches!(error, DataError::CopyOut { bytes: 5, .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_cancel_wins_over_rows_that_are_there() {
        let (mut source, _from) = session(&[COPY_OUT, ROWS, END]).await;
        let (mut target, _to) = session(&[COPY_IN]).await;
        let mut out = source.copy_out("copy a to stdout").await.unwrap();
        let mut into = target.copy_in("copy b from stdin").await.unwrap();
        let cancel = CancellationToken::new();
        cancel.cancel();
        let error = pump(&mut out, &mut into, &cancel, |_| {}, |_| {}).await.unwrap_err();
        assert!(matches!(error, DataError::Cancelled), "{error:?}");
        assert!(out.drain().await.unwrap().is_none());
    }
}
