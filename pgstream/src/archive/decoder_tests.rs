use std::io::Write;

use super::*;
use crate::archive::Compression;

fn built() -> impl Iterator<Item = CompressionMethod> {
    CompressionMethod::ALL.into_iter().filter(|method| *method != CompressionMethod::None && method.is_built())
}

fn compressed(method: CompressionMethod, content: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let output = crate::storage::OutputFile::create(&path, false).unwrap();
    let mut encoder = Compression::new(method).encode(Box::new(output)).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap();
    std::fs::read(path).unwrap()
}

/// A frame that is to be skipped.
fn skippable(size: u8) -> Vec<u8> {
    [&[0x5a, 0x2a, 0x4d, 0x18, size, 0, 0, 0], vec![0xee; size.into()].as_slice()].concat()
}

/// Gives one byte at a time, as a slow pipe does.
struct Slow(io::Cursor<Vec<u8>>);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

fn decoded(bytes: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    let mut content = Vec::new();
    let mut decoder = Decoder::detect(Box::new(Slow(io::Cursor::new(bytes.to_vec()))))?;
    decoder.read_to_end(&mut content).map_err(Decoder::explain)?;
    assert_eq!(decoder.bytes_taken(), bytes.len() as u64);
    Ok(content)
}

fn damage(bytes: &[u8]) -> (String, u64) {
    match decoded(bytes) {
        Err(ArchiveError::InputDamaged { method, offset, problem }) => (format!("{method}: {problem}"), offset),
        other => panic!("no damage: {other:?}"),
    }
}

#[test]
fn what_is_not_compressed_stays_as_it_is() {
    for text in ["", "a", "SELECT 1;\n"] {
        assert_eq!(decoded(text.as_bytes()).unwrap(), text.as_bytes());
    }
}

#[test]
fn members_and_frames_may_follow_each_other() {
    for method in built() {
        let parts = [compressed(method, b"one "), compressed(method, b""), compressed(method, b"two")];
        assert_eq!(decoded(&parts.concat()).unwrap(), b"one two", "{method:?}");
    }
}

#[test]
fn frames_to_be_skipped_are_skipped_wherever_they_are() {
    for method in built().filter(|method| *method != CompressionMethod::Gzip) {
        let (one, two) = (compressed(method, b"one "), compressed(method, b"two"));
        let parts = [skippable(3), skippable(0), one, skippable(200), two, skippable(1)];
        assert_eq!(decoded(&parts.concat()).unwrap(), b"one two", "{method:?}");
    }
    assert_eq!(decoded(&skippable(9)).unwrap(), b"");
    assert_eq!(damage(&[skippable(9), b"text".to_vec()].concat()).1, 17);
    assert_eq!(damage(&skippable(9)[..12]), ("zstd: it ends too early".to_owned(), 12));
    assert_eq!(damage(&skippable(9)[..6]).0, "zstd: it ends too early");
}

#[test]
fn what_follows_the_last_frame_is_an_error_with_its_place() {
    for method in built() {
        let whole = compressed(method, b"content");
        for garbage in [b"\n".as_slice(), b"SELECT 1;", &[0; 512]] {
            let (problem, offset) = damage(&[&whole, garbage].concat());
            let at = whole.len() as u64;
            assert!((at..=at + garbage.len() as u64).contains(&offset), "{method:?}: {problem} at {offset}, not {at}");
        }
    }
}

#[test]
fn a_cut_input_ends_too_early_at_its_end() {
    for method in built() {
        let whole = compressed(method, b"content content content");
        for end in 4..whole.len() {
            let (problem, offset) = damage(&whole[..end]);
            assert_eq!(problem, format!("{}: it ends too early", method.as_str()), "cut at {end}");
            assert_eq!(offset, end as u64, "{method:?}");
        }
    }
}

#[test]
fn a_changed_byte_is_an_error_near_its_place() {
    let content: Vec<u8> = (0..400_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 9).to_le_bytes()).collect();
    for method in built() {
        let mut bytes = compressed(method, &content);
        let at = bytes.len() / 2;
        bytes[at] ^= 0x10;
        let (problem, offset) = damage(&bytes);
        assert!(offset > 0 && offset <= bytes.len() as u64, "{method:?}: {problem} at {offset}, not {at}");
    }
}

#[test]
fn an_input_that_fails_is_not_called_damaged() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::ConnectionReset))
        }
    }
    for method in CompressionMethod::ALL.into_iter().filter(|method| method.is_built()) {
        let whole = compressed(method, b"content content content");
        let input = io::Cursor::new(whole[..whole.len() - 1].to_vec()).chain(Broken);
        let mut decoder = Decoder::detect(Box::new(input)).unwrap();
        let error = Decoder::explain(decoder.read_to_end(&mut Vec::new()).unwrap_err());
        assert!(matches!(error, ArchiveError::InputFailed { .. }), "{method:?}: {error:?}");
    }
}

#[test]
fn a_method_that_was_not_built_is_refused_by_name() {
    for (head, method) in [
        (b"\x1f\x8b\x08\0".as_slice(), CompressionMethod::Gzip),
        (b"\x28\xb5\x2f\xfd", CompressionMethod::Zstd),
        (b"\x04\x22\x4d\x18", CompressionMethod::Lz4),
    ] {
        let found = Decoder::detect(Box::new(head));
        match method.is_built() {
            true => assert_eq!(found.unwrap().method(), method),
            false => assert!(matches!(found, Err(ArchiveError::CompressionNotBuilt { method: m }) if m == method.as_str())),
        }
    }
}
