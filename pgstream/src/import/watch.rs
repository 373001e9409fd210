//! Watches our sessions in the target: how far indexes are, and what is in the way.

use std::time::Duration;

use tokio_postgres::types::Type;

use crate::connection::Connection;
use crate::error::ConnectionError;
use crate::progress::{Run, Waiting};

use super::target::Target;

/// How often the target is asked.
const EVERY: Duration = Duration::from_secs(1);

/// Tells the run what the target says, until dropped. Watching is a courtesy: what fails is tried again.
pub(crate) async fn watch_target(target: &Target, run: &Run) {
    // A short run needs no connection for this.
    let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + EVERY, EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut connection = None;
    loop {
        interval.tick().await;
        let asked = async {
            let open = match connection.take() {
                Some(open) => open,
                None => Connection::open(target.destination().config()).await?,
            };
            ask(&open, target, run).await?;
            Ok::<_, ConnectionError>(open)
        };
        connection = asked.await.ok();
    }
}

async fn ask(connection: &Connection, target: &Target, run: &Run) -> Result<(), ConnectionError> {
    let rows = connection.query(include_str!("building.sql"), &[(&target.application_name(), Type::TEXT)]).await?;
    let mut half_done = 0.0;
    let mut waiting = None;
    for row in &rows {
        half_done += row.get::<_, f64>("fraction") * target.units_at(row.get("pid")) as f64;
        if let Some(blocker) = row.get::<_, Option<String>>("blocker") {
            waiting = Some(Waiting { why: format!("a lock in the target held by {blocker}"), pid: row.get("blocker_pid") });
        }
    }
    run.set_half_done(half_done as u64);
    run.set_waiting(waiting);
    Ok(())
}
