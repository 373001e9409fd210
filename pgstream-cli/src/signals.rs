//! Ctrl-C and SIGTERM: the first one ends the run in good order, the second one ends the program.

use std::io;
use std::sync::{Arc, OnceLock};

use pgstream::Run;

use crate::exit_code::Exit;

/// Which signal came first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    first: Arc<OnceLock<Exit>>,
}

impl Signals {
    /// Listens from now on. Must be called in a runtime.
    ///
    /// # Errors
    /// What the system says if it lets us not listen.
    pub(crate) fn watch(run: &Run) -> io::Result<Self> {
        let signals = Self::default();
        let (mut listener, first, run) = (Listener::new()?, Arc::clone(&signals.first), run.clone());
        tokio::spawn(async move {
            while let Some(exit) = listener.next().await {
                if first.set(exit).is_err() {
                    let code = first.get().copied().unwrap_or(exit).code();
                    std::process::exit(code.into());
                }
                run.log(
                    "stopping: server sessions are ended and the target is put in order; press Ctrl-C again to leave at once",
                );
                run.cancel();
            }
        });
        Ok(signals)
    }

    /// How a run that was cancelled ends: as the signal that cancelled it says.
    pub(crate) fn exit(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Cancelled => self.first.get().copied().unwrap_or(Exit::Cancelled),
            other => other,
        }
    }
}

#[cfg(unix)]
struct Listener {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Listener {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Option<Exit> {
        tokio::select! {
            signal = self.interrupt.recv() => signal.map(|()| Exit::Cancelled),
            signal = self.terminate.recv() => signal.map(|()| Exit::Terminated),
        }
    }
}

#[cfg(not(unix))]
struct Listener;

#[cfg(not(unix))]
impl Listener {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<Exit> {
        tokio::signal::ctrl_c().await.ok().map(|()| Exit::Cancelled)
    }
}
