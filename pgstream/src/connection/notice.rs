//! What the server says without being asked.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::error::ServerError;

/// Notices that are kept until somebody takes them. A statement that raises one per row must not fill the memory.
const KEPT: usize = 256;

/// A notice or warning of the server, in the shape of an error.
pub type ServerNotice = ServerError;

/// The last notices of a session; older ones are dropped.
#[derive(Default)]
pub(crate) struct Notices(Mutex<VecDeque<ServerNotice>>);

impl Notices {
    pub(crate) fn push(&self, notice: ServerNotice) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(notice);
    }

    pub(crate) fn take(&self) -> Vec<ServerNotice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}
