//! The pgstream job service. So far it tells which profiles there are; jobs come next.

mod app;
mod config;
mod error;
mod routes;

use std::future::IntoFuture;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use pgstream::connection::Environment;
use pgstream::guard::{EnvFile, Profiles};
use pgstream::{ErrorCode, GuardError};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;
use crate::config::{Config, ConfigError};

/// How long requests that are being answered may go on after SIGTERM.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(60);

/// Exit code of a service that was configured wrongly, as that of the command line for wrong usage.
const WRONG_USAGE: u8 = 2;

const USAGE: &str = "\
usage: pgstream-server [--help | --version]

Serves what docs/service.md describes. Configured by the environment:
  PORT      where it listens (8080); 0 lets the system choose
  BIND      the address it listens on (127.0.0.1); another than loopback needs API_KEY
  API_KEY   the key that requests must show as `Authorization: Bearer KEY`
Profiles come from PRODUCTION_DATABASE_URL and so on, see docs/guard.md; a .env in the working folder is read for them.
";

/// Why the service ended, or never began.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Profiles(#[from] GuardError),
    #[error("could not listen on {address}")]
    Listen { address: std::net::SocketAddr, source: io::Error },
    #[error("could not go on serving")]
    Serve(#[from] io::Error),
}

impl ServeError {
    fn hint(&self) -> String {
        match self {
            Self::Config(error) => error.hint().into(),
            Self::Profiles(error) => error.hint(),
            Self::Listen { .. } => "Set PORT to a port that is free, or to 0 to have one chosen.".into(),
            Self::Serve(_) => "Start it again; if it comes back, look at the limits of open files and memory.".into(),
        }
    }

    fn exit(&self) -> ExitCode {
        match self {
            Self::Config(_) => WRONG_USAGE.into(),
            Self::Profiles(error) if matches!(error.code(), ErrorCode::ProfileInvalid) => WRONG_USAGE.into(),
            _ => ExitCode::FAILURE,
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match words.first().map(String::as_str) {
        None => {}
        Some("--help" | "-h") if words.len() == 1 => return print(USAGE),
        Some("--version" | "-V") if words.len() == 1 => {
            return print(concat!("pgstream-server ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        Some(_) => {
            complain(USAGE.trim_end());
            return WRONG_USAGE.into();
        }
    }
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error}"));
            if let Some(cause) = std::error::Error::source(&error) {
                complain(&format!("cause: {cause}"));
            }
            complain(&format!("hint:  {}", error.hint()));
            error.exit()
        }
    }
}

#[tokio::main]
async fn serve() -> Result<(), ServeError> {
    let environment = Environment::from_process();
    let config = Config::from_environment(&environment)?;
    let found = EnvFile::read_if_there(Path::new(".env"))?;
    let profiles = Profiles::load(&environment, None, found.as_ref())?;
    profiles.warnings().iter().for_each(|warning| complain(&format!("warning: {warning}")));

    // Before the first request may come in, so that no signal falls between the two.
    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let listen = |source| ServeError::Listen { address: config.address, source };
    let listener = TcpListener::bind(config.address).await.map_err(listen)?;
    announce(&listener)?;

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let router = app::router(App { profiles, key: config.key });
    let server = axum::serve(listener, router).with_graceful_shutdown(async move { drop(stopped.await) });
    let mut server = std::pin::pin!(server.into_future());
    tokio::select! {
        served = &mut server => return Ok(served?),
        () = any_of(&mut signals) => complain("stopping: no new requests are taken"),
    }
    drop(stop);
    tokio::select! {
        served = server => return Ok(served?),
        () = tokio::time::sleep(SHUTDOWN_GRACE) => complain("requests that took too long were given up"),
        () = any_of(&mut signals) => complain("stopped at once"),
    }
    Ok(())
}

/// Waits for one of the signals.
async fn any_of([terminate, interrupt]: &mut [Signal; 2]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Tells where it listens: the address with the port that was chosen.
fn announce(listener: &TcpListener) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    out.flush()
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A line on standard error. Where that is gone, there is nobody to tell.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
