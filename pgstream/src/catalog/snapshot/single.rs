//! One connection that holds the snapshot and over which everything is read: first the catalog, then the rows.
//!
//! Nobody else can join, so when it breaks the snapshot is gone, and whoever wants to read next is told why.

use std::sync::Arc;

use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::{KEEP_ALIVE, OneConnection};
use crate::connection::{Connection, ConnectionConfig, CopySession};
use crate::error::{CatalogError, ConnectionError};

/// The connection. Whoever uses it keeps the others waiting.
#[derive(Debug)]
pub(super) struct Single {
    server: String,
    why: OneConnection,
    state: Mutex<State>,
}

/// What the connection is used for.
#[derive(Debug)]
enum State {
    /// Questions with parameters.
    Asking(Box<Connection>),
    /// Rows. There is no way back.
    Reading(Box<CopySession>),
    /// Nothing any more.
    Ended(Option<ConnectionError>),
}

impl State {
    fn connection(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Asking(connection) => Some(connection),
            _ => None,
        }
    }

    fn session(&mut self) -> Option<&mut CopySession> {
        match self {
            Self::Reading(session) => Some(session),
            _ => None,
        }
    }
}

impl Single {
    /// `connection` is in the transaction that holds locks and snapshot.
    pub(super) fn new(config: &ConnectionConfig, connection: Connection, why: OneConnection) -> Self {
        Self { server: config.to_string(), why, state: Mutex::new(State::Asking(Box::new(connection))) }
    }

    pub(super) fn why(&self) -> OneConnection {
        self.why
    }

    /// Lends the connection to read rows. Waits until it is free.
    pub(super) async fn reader(&self) -> Result<MappedMutexGuard<'_, CopySession>, CatalogError> {
        let mut state = self.state.lock().await;
        if matches!(*state, State::Asking(_))
            && let State::Asking(connection) = std::mem::replace(&mut *state, State::Ended(None))
        {
            *state = match connection.into_copy_session().await {
                Ok(session) => State::Reading(Box::new(session)),
                Err(e) => State::Ended(Some(e)),
            };
        }
        if let State::Reading(session) = &*state
            && let Some(problem) = unusable(session)
        {
            *state = State::Ended(Some(problem));
        }
        MutexGuard::try_map(state, State::session).map_err(|state| self.lost(&state))
    }

    /// Lends the connection for questions. Waits until it is free.
    pub(super) async fn asker(&self) -> Result<MappedMutexGuard<'_, Connection>, CatalogError> {
        MutexGuard::try_map(self.state.lock().await, State::connection).map_err(|state| self.lost(&state))
    }

    fn lost(&self, state: &State) -> CatalogError {
        let source = match state {
            State::Ended(Some(source)) => source.clone(),
            State::Ended(None) => {
                ConnectionError::Lost { server: self.server.clone(), problem: "the snapshot was given back".into() }
            }
            State::Asking(_) | State::Reading(_) => {
                let problem = "a question came behind the rows, over the only connection".into();
                ConnectionError::Protocol { server: self.server.clone(), problem }
            }
        };
        CatalogError::ConnectionLost { source }
    }

    /// Keeps the connection from falling silent, for ever. Whoever reads over it does so himself.
    pub(super) async fn keep_alive(self: Arc<Self>) {
        let mut interval = tokio::time::interval(KEEP_ALIVE);
        loop {
            interval.tick().await;
            let Ok(mut state) = self.state.try_lock() else { continue };
            // A loss is reported to whoever reads next.
            let _ = match &mut *state {
                State::Asking(connection) => connection.batch("SELECT 1").await,
                State::Reading(session) => session.execute("SELECT 1").await,
                State::Ended(_) => Ok(()),
            };
        }
    }

    pub(super) async fn pid(&self) -> Option<i32> {
        match &*self.state.lock().await {
            State::Asking(connection) => Some(connection.backend_pid()),
            State::Reading(session) => Some(session.backend_pid()),
            State::Ended(_) => None,
        }
    }

    pub(super) async fn release(&self) {
        match std::mem::replace(&mut *self.state.lock().await, State::Ended(None)) {
            State::Asking(connection) => connection.close().await,
            State::Reading(session) => session.close().await,
            State::Ended(_) => {}
        }
    }
}

/// Why nothing can be read in the session's snapshot any more.
fn unusable(session: &CopySession) -> Option<ConnectionError> {
    let failed = || ConnectionError::Protocol {
        server: session.describe().to_owned(),
        problem: "its transaction failed, and the snapshot with it".into(),
    };
    session.broken_by().cloned().or_else(|| session.is_in_failed_transaction().then(failed))
}
