//! Taking scripts apart: rows of a COPY, and statements of one row each.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pgstream::script::{ScriptEvent, ScriptReader};

/// As an import reads.
const PIECE: usize = 64 * 1024;

/// Large enough that the first and the last piece do not count.
const SCRIPT: usize = 64 * 1024 * 1024;

fn pieces(begin: &str, line: impl Fn(usize) -> String, end: &str) -> Vec<Bytes> {
    let mut script = String::with_capacity(SCRIPT + 1024);
    script.push_str(begin);
    for number in 0.. {
        if script.len() >= SCRIPT {
            break;
        }
        script.push_str(&line(number));
    }
    script.push_str(end);
    script.into_bytes().chunks(PIECE).map(Bytes::copy_from_slice).collect()
}

fn copy_block() -> Vec<Bytes> {
    let row =
        |number| format!("{number}\tcustomer {number}\t{number}@example.com\t2024-01-01 12:00:00+00\t\\N\t{{\"a\": {number}}}\n");
    pieces("COPY public.customers (id, name, email, made_at, note, data) FROM stdin;\n", row, "\\.\n")
}

fn inserts() -> Vec<Bytes> {
    let row = |number| {
        format!(
            "INSERT INTO public.customers VALUES ({number}, 'customer {number}', '{number}@example.com', '2024-01-01 12:00:00+00', NULL, '{{\"a\": {number}}}');\n"
        )
    };
    pieces("", row, "")
}

/// Reads a script to its end, and gives how many events there were.
fn read(pieces: &[Bytes]) -> u64 {
    let mut reader = ScriptReader::new();
    let mut events = 0;
    for piece in pieces {
        reader.feed(piece.clone());
        events += count_events(&mut reader);
    }
    reader.close();
    events + count_events(&mut reader)
}

fn count_events(reader: &mut ScriptReader) -> u64 {
    let mut events = 0;
    while let Some(event) = reader.next_event().expect("the script is good") {
        events += u64::from(!matches!(event, ScriptEvent::End(_)));
    }
    events
}

fn lexer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("script");
    group.sample_size(10);
    for (name, pieces) in [("rows of a COPY", copy_block()), ("INSERT of one row each", inserts())] {
        group.throughput(Throughput::Bytes(pieces.iter().map(|piece| piece.len() as u64).sum()));
        group.bench_function(name, |bencher| bencher.iter(|| read(&pieces)));
    }
    group.finish();
}

criterion_group!(benches, lexer);
criterion_main!(benches);
