use std::io;
use std::sync::{Arc, Mutex};

use pgstream::Run;
use pgstream::progress::{Phase, Waiting};

use super::*;

/// Text that is kept, to be looked at.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The events of a run in which `act` happens.
fn events(act: impl FnOnce(&Run)) -> Vec<Event> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let run = Run::named("sync-1", move |event: &Event| keep.lock().unwrap().push(event.clone()));
    act(&run);
    drop(run);
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

fn busy(run: &Run) {
    run.enter(Phase::Data);
    run.expect_tables(40, 2 << 30);
    run.expect_work(1000);
    run.work_done(452);
    run.moved(3_200_112, 1 << 30);
    run.table_done();
    let _working = [run.working_on("public.a"), run.working_on("public.b")];
    run.announce(EventType::Progress);
}

#[test]
fn a_line_tells_phase_percent_bytes_tables_rows_and_relations() {
    let events = events(busy);
    let event = events.last().unwrap();
    let expected = "data: 45.2 %, 1.0 GiB of 2.0 GiB, 1 of 40 tables, 3 200 112 rows, now public.a public.b";
    assert_eq!(one_line(event), expected);
}

#[test]
fn rate_and_time_left_are_told_once_they_are_known() {
    let mut event = events(busy).pop().unwrap();
    event.bytes_per_second = 120 << 20;
    event.seconds_left = Some(185);
    assert_eq!(first_line(&event), "45.2 %, 1.0 GiB of 2.0 GiB, 120.0 MiB/s, 3 min 5 s left");
}

#[test]
fn what_is_waited_for_is_told_in_place_of_relations() {
    let events = events(|run| {
        run.set_waiting(Some(Waiting { why: "a lock on public.film".into(), pid: Some(4711) }));
        run.announce(EventType::Progress);
    });
    assert_eq!(second_line(&events[0]), "0 rows, waiting for a lock on public.film (pid 4711)");
}

#[test]
fn many_relations_are_cut() {
    let names: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
    assert_eq!(relations(&names), "now a b c and 2 more");
    assert_eq!(relations(&[]), "");
}

#[test]
fn lines_come_for_phases_and_warnings_at_once_and_for_progress_now_and_then() {
    let kept = Kept::default();
    let mut lines = Lines::new(kept.clone(), Some(Duration::from_secs(3600)));
    let told = events(|run| {
        run.enter(Phase::Data);
        run.announce(EventType::Progress);
        run.announce(EventType::Progress);
        run.warn("the view v is stale");
        run.announce(EventType::State);
    });
    told.iter().for_each(|event| lines.show(event));
    let told: Vec<String> = kept.lines().iter().map(|line| line.get(9..).unwrap_or_default().to_owned()).collect();
    assert_eq!(told, ["data", "data: 0.0 %, 0 rows", "the view v is stale"]);
    assert_eq!(kept.lines()[2], "warning: the view v is stale");
}

#[test]
fn a_quiet_screen_still_warns() {
    let kept = Kept::default();
    let mut lines = Lines::new(kept.clone(), None);
    let told = events(|run| {
        busy(run);
        run.warn("w");
    });
    told.iter().for_each(|event| lines.show(event));
    assert_eq!(kept.lines(), ["warning: w"]);
}

#[test]
fn json_lines_are_the_events_themselves() {
    let kept = Kept::default();
    let screen = Screen::with(Box::new(JsonLines(kept.clone())));
    let observer = screen.observer();
    let told = events(busy);
    told.iter().for_each(observer);
    screen.finish();
    let read: Vec<Event> = kept.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, told);
}

#[test]
fn a_painter_that_lags_loses_progress_and_nothing_else() {
    struct Stuck(Kept, std::sync::mpsc::Receiver<()>);
    impl Painter for Stuck {
        fn show(&mut self, event: &Event) {
            let _ = self.1.recv();
            writeln!(self.0, "{:?}", event.kind).unwrap();
        }
    }
    let (go, wait) = channel();
    let kept = Kept::default();
    let screen = Screen::with(Box::new(Stuck(kept.clone(), wait)));
    let run = Run::named("sync-1", screen.observer());
    for _ in 0..WAITING_EVENTS * 10 {
        run.announce(EventType::Progress);
    }
    run.warn("w");
    drop(go);
    screen.finish();
    let lines = kept.lines();
    assert!(lines.len() <= WAITING_EVENTS + 2, "{} lines", lines.len());
    assert_eq!(lines.last().map(String::as_str), Some("Warning"));
}

#[test]
fn braces_in_a_name_do_not_break_the_display() {
    let template = format!("{{prefix}} {}", escaped("{x} }{"));
    assert!(ProgressStyle::with_template(&template).is_ok());
}

#[test]
fn the_display_can_be_painted_and_removed() {
    let mut display = Display::new();
    events(busy).iter().for_each(|event| display.show(event));
    display.end();
    assert!(display.bar.is_finished());
}
