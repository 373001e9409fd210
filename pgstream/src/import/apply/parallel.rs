//! The stage that runs on several connections: rows, and what stands on them.

use std::sync::Mutex;

use futures_util::future::join_all;
use tokio::sync::Notify;

use crate::archive::TocEntry;
use crate::error::{ConnectionError, DataError, ImportError};
use crate::progress::{Phase, Run};

use super::super::ledger::{Ledger, entry_name};
use super::super::load::{LoadInto, Loader, is_worth_repeating};
use super::super::plan::{LoadPlan, Making, Work};
use super::super::schedule::{Schedule, TaskId};
use super::super::target::Stopped;
use super::{Apply, MAX_ATTEMPTS, Moved, PAUSE};

/// What the workers share.
struct Board<'a> {
    schedule: Mutex<Schedule>,
    changed: Notify,
    moved: Mutex<Moved>,
    run: &'a Run,
}

enum Next {
    Run(TaskId),
    Wait,
    Done,
    Stuck,
}

impl Board<'_> {
    fn next(&self) -> Next {
        let mut schedule = self.schedule.lock().expect("no holder panics");
        match schedule.start_next() {
            Some(task) => Next::Run(task),
            None if schedule.is_done() => Next::Done,
            None if schedule.is_stuck() => Next::Stuck,
            None => Next::Wait,
        }
    }
}

impl Apply<'_> {
    /// Loads, builds and checks on several connections.
    pub(super) async fn run_parallel(&self, plan: &LoadPlan) -> Result<Moved, ImportError> {
        self.run.enter(Phase::Data);
        let run = self.run.child();
        let board = Board {
            schedule: Mutex::new(Schedule::new(plan.specs.clone())),
            changed: Notify::new(),
            moved: Mutex::default(),
            run: &run,
        };
        let workers = (0..self.options.jobs.max(1)).map(|_| self.work(plan, &board));
        let results = join_all(workers).await;
        first_failure(results, self.run)?;
        Ok(board.moved.into_inner().unwrap_or_default())
    }

    async fn work(&self, plan: &LoadPlan, board: &Board<'_>) -> Result<(), ImportError> {
        let mut loader = Loader::new(self.snapshot, self.target, self.fence, self.options.source_major, board.run);
        let result = self.work_until_done(plan, board, &mut loader).await;
        if result.is_err() {
            // The others end what they are at, too.
            board.run.cancel();
        }
        board.changed.notify_waiters();
        loader.stop().await;
        result
    }

    async fn work_until_done(&self, plan: &LoadPlan, board: &Board<'_>, loader: &mut Loader<'_>) -> Result<(), ImportError> {
        loop {
            let changed = board.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match board.next() {
                Next::Run(task) => {
                    self.run_task(plan, board, loader, task).await?;
                    board.schedule.lock().expect("no holder panics").finish(task);
                    self.run.work_done(match plan.works[task] {
                        // It has told what it moved.
                        Work::Load(_) => 0,
                        _ => plan.specs[task].weight,
                    });
                    board.changed.notify_waiters();
                }
                Next::Done => return Ok(()),
                Next::Stuck => {
                    let problem = "entries of the archive depend on each other in a circle".into();
                    return Err(ConnectionError::Protocol { server: "the archive".into(), problem }.into());
                }
                Next::Wait => {
                    tokio::select! {
                        biased;
                        () = board.run.cancellation().cancelled() => return Err(DataError::Cancelled.into()),
                        () = changed => {}
                    }
                }
            }
        }
    }

    async fn run_task(
        &self,
        plan: &LoadPlan,
        board: &Board<'_>,
        loader: &mut Loader<'_>,
        task: TaskId,
    ) -> Result<(), ImportError> {
        match plan.works[task] {
            Work::Load(number) => {
                let group = &plan.groups[number];
                let _shown = self.run.working_on(group.target().table.to_string());
                let loaded = loader.load(group, LoadInto::Made).await?;
                for _ in &loaded {
                    self.run.table_done();
                }
                board.moved.lock().expect("no holder panics").tables.extend(loaded);
                Ok(())
            }
            Work::LargeObjects(number) => {
                let some = self.copy_large_objects(loader, &plan.large_objects[number], board.run).await?;
                board.moved.lock().expect("no holder panics").large_objects.push(some);
                Ok(())
            }
            Work::Make(making) => {
                let entry = &self.toc.entries[making.place];
                self.enter_for(entry);
                let _shown = self.run.working_on(entry_name(entry));
                self.make_repeatedly(board, loader, making, plan.specs[task].weight).await
            }
            Work::Barrier => Ok(()),
        }
    }

    fn enter_for(&self, entry: &TocEntry) {
        let phase = match entry.desc {
            "FK CONSTRAINT" | "CHECK CONSTRAINT" => Phase::Constraints,
            _ => Phase::Indexes,
        };
        if phase > self.run.phase() {
            self.run.enter(phase);
        }
    }

    /// Runs one statement, again if the connection breaks under it; whether it was committed then tells the ledger.
    async fn make_repeatedly(
        &self,
        board: &Board<'_>,
        loader: &mut Loader<'_>,
        making: Making,
        units: u64,
    ) -> Result<(), ImportError> {
        let entry = &self.toc.entries[making.place];
        let sql = self.making(making);
        let inner = Apply {
            run: board.run,
            toc: self.toc,
            snapshot: self.snapshot,
            target: self.target,
            fence: self.fence,
            options: self.options,
            after_sql: self.after_sql,
        };
        for attempt in 1.. {
            let session = loader.session().await?;
            if board.run.is_cancelled() {
                return Err(DataError::Cancelled.into());
            }
            if attempt > 1 && Ledger::is_recorded(session, making.line).await? {
                return Ok(());
            }
            let pid = session.backend_pid();
            self.target.set_at_work(pid, units);
            let sent = session.send(&sql);
            let answer = match sent {
                Ok(()) => inner.receive(session).await,
                Err(e) => Err(Stopped::Failed(e)),
            };
            self.target.set_at_work(pid, 0);
            let error = match answer {
                Ok(()) => return Ok(()),
                Err(stopped) => stopped.into_apply(entry_name(entry)),
            };
            if attempt >= MAX_ATTEMPTS || !is_worth_repeating(&error) {
                return Err(error);
            }
            self.run.log(format!("making {} again: {error}", entry_name(entry)));
            tokio::time::sleep(PAUSE * attempt).await;
        }
        unreachable!("the loop above returns")
    }
}

/// The error that came first: the others were cancelled because of it.
pub(super) fn first_failure(results: Vec<Result<(), ImportError>>, run: &Run) -> Result<(), ImportError> {
    if run.is_cancelled() {
        return Err(DataError::Cancelled.into());
    }
    let mut errors: Vec<ImportError> = results.into_iter().filter_map(Result::err).collect();
    let place = errors.iter().position(|e| !matches!(e, ImportError::Data(DataError::Cancelled)));
    match errors.len() {
        0 => Ok(()),
        _ => Err(errors.swap_remove(place.unwrap_or(0))),
    }
}
